//===- FmaLoop.cpp - what the processor can do at most --------------------===//
//
// Twelve independent accumulators cover the latency of a multiply-add (4 or 5
// cycles) on two units. Values settle at 2, far from denormals and infinity.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/FmaLoop.h"
#include "attune/format.h"
#include "runtime/cpu/ThreadPool.h"
#include <cmath>
#include <ctime>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace attune::cpu {

static constexpr int kChains = 12;

const char *isaName(Isa isa) {
  static constexpr const char *names[] = {"sse", "avx2", "avx512"};
  return names[int(isa)];
}

int isaLanes(Isa isa) { return 4 << int(isa); }

Isa isaOf(uint64_t features) {
  if (features & format::Avx512f)
    return Isa::Avx512;
  return features & format::Fma ? Isa::Avx2 : Isa::Sse;
}

static double seconds(clockid_t clock) {
  timespec now;
  ::clock_gettime(clock, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

#if defined(__x86_64__)

__attribute__((target("avx512f"))) static float loopAvx512(int64_t count) {
  __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(1.0f), c[kChains];
  for (__m512 &value : c)
    value = a;
  for (int64_t i = 0; i < count; ++i)
    for (__m512 &value : c)
      value = _mm512_fmadd_ps(value, a, b);
  for (int k = 1; k < kChains; ++k)
    c[0] = _mm512_add_ps(c[0], c[k]);
  return _mm512_cvtss_f32(c[0]);
}

__attribute__((target("avx2,fma"))) static float loopAvx2(int64_t count) {
  __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(1.0f), c[kChains];
  for (__m256 &value : c)
    value = a;
  for (int64_t i = 0; i < count; ++i)
    for (__m256 &value : c)
      value = _mm256_fmadd_ps(value, a, b);
  for (int k = 1; k < kChains; ++k)
    c[0] = _mm256_add_ps(c[0], c[k]);
  return _mm256_cvtss_f32(c[0]);
}

static float loopSse(int64_t count) {
  __m128 a = _mm_set1_ps(0.5f), b = _mm_set1_ps(1.0f), c[kChains];
  for (__m128 &value : c)
    value = a;
  for (int64_t i = 0; i < count; ++i)
    for (__m128 &value : c)
      value = _mm_add_ps(_mm_mul_ps(value, a), b);
  for (int k = 1; k < kChains; ++k)
    c[0] = _mm_add_ps(c[0], c[k]);
  return _mm_cvtss_f32(c[0]);
}

static float fmaLoop(Isa isa, int64_t count) {
  switch (isa) {
  case Isa::Avx512:
    return loopAvx512(count);
  case Isa::Avx2:
    return loopAvx2(count);
  case Isa::Sse:
    break;
  }
  return loopSse(count);
}

/// A chain of integer multiplies takes 3 cycles each on every x86-64 core of
/// the last ten years. (Chains of additions do not do: newer cores fold them.)
static void multiplyChain(int64_t count) {
  int64_t value = 3;
  for (int64_t i = 0; i < count; ++i)
    __asm__ volatile("imul %0, %0\n\timul %0, %0\n\timul %0, %0\n\t"
                     "imul %0, %0\n\timul %0, %0\n\timul %0, %0\n\t"
                     "imul %0, %0\n\timul %0, %0"
                     : "+r"(value));
}
#else
static float fmaLoop(Isa, int64_t) { return 0; }
static void multiplyChain(int64_t) {}
#endif

/// Keeps results alive without a store in the loop. One for each thread, since
/// several run the loop at a time.
static thread_local volatile float sink;

static double flopsOf(Isa isa, int64_t count) {
  return 2.0 * kChains * isaLanes(isa) * double(count);
}

PeakSample measurePeak(Isa isa) {
  PeakSample best;
  constexpr int64_t count = 20000, chain = 20000;
  for (int sample = 0; sample < 4; ++sample) {
    double start = seconds(CLOCK_THREAD_CPUTIME_ID);
    sink = fmaLoop(isa, count);
    double middle = seconds(CLOCK_THREAD_CPUTIME_ID);
    multiplyChain(chain);
    double end = seconds(CLOCK_THREAD_CPUTIME_ID);
    best.gflops =
        std::fmax(best.gflops, 1e-9 * flopsOf(isa, count) / (middle - start));
    best.clockGhz =
        std::fmax(best.clockGhz, 1e-9 * 8 * 3 * double(chain) / (end - middle));
  }
  best.flopsPerCycle = best.gflops / best.clockGhz;
  return best;
}

/// args: isa, count; an item is one loop.
static void peakTask(const int64_t *args, int64_t, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i)
    sink = fmaLoop(Isa(args[0]), args[1]);
}

double measurePeakOfThreads(Isa isa, uint32_t threads) {
  auto pool = ThreadPool::create(threads);
  if (!pool)
    return 0;
  int64_t args[] = {int64_t(isa), 20000};
  int64_t items = 8 * int64_t(threads);
  double best = 0;
  pool->begin();
  for (int sample = 0; sample < 4; ++sample) {
    double start = seconds(CLOCK_MONOTONIC);
    pool->parallelFor(peakTask, args, items, 1);
    double elapsed = seconds(CLOCK_MONOTONIC) - start;
    best =
        std::fmax(best, 1e-9 * flopsOf(isa, args[1]) * double(items) / elapsed);
  }
  pool->end();
  return best;
}

bool isPlausible(Isa isa, const PeakSample &sample) {
  double unit = 2.0 * isaLanes(isa);
  double units = sample.flopsPerCycle / unit;
  double nearest = std::fmax(1, std::round(units));
  return nearest <= 2 && std::fabs(units - nearest) <= 0.1 * nearest;
}

} // namespace attune::cpu
