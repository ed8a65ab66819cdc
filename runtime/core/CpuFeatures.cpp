//===- CpuFeatures.cpp - what this processor can run ----------------------===//
//
// CPUID directly rather than __builtin_cpu_supports, whose list of names
// differs between compilers. Bits as in the Intel SDM, volume 2, CPUID.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/CpuFeatures.h"
#include "attune/format.h"
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace attune::core {

using namespace format;

namespace {
struct Feature {
  const char *name;
  uint64_t bit;
  uint64_t needs; ///< Without these the feature is of no use.
};
} // namespace

static constexpr Feature kFeatures[] = {
    {"sse3", Sse3, 0},
    {"ssse3", Ssse3, Sse3},
    {"sse4.1", Sse41, Ssse3},
    {"sse4.2", Sse42, Sse41},
    {"popcnt", Popcnt, 0},
    {"cx16", Cx16, 0},
    {"avx", Avx, Sse42},
    {"avx2", Avx2, Avx},
    {"fma", Fma, Avx},
    {"f16c", F16c, Avx},
    {"bmi1", Bmi1, 0},
    {"bmi2", Bmi2, 0},
    {"lzcnt", Lzcnt, 0},
    {"movbe", Movbe, 0},
    {"avx512f", Avx512f, Avx2 | Fma},
    {"avx512bw", Avx512bw, Avx512f},
    {"avx512cd", Avx512cd, Avx512f},
    {"avx512dq", Avx512dq, Avx512f},
    {"avx512vl", Avx512vl, Avx512f},
    {"avx512vnni", Avx512vnni, Avx512f},
    {"avx512bf16", Avx512bf16, Avx512f},
    {"avxvnni", AvxVnni, Avx2},
};

namespace {
struct Level {
  const char *name;
  uint64_t features;
};
} // namespace

static constexpr Level kLevels[] = {{"x86-64-v4", kX86V4},
                                    {"x86-64-v3", kX86V3},
                                    {"x86-64-v2", kX86V2},
                                    {"x86-64", 0}};

#if defined(__x86_64__)
/// XCR0: which register states the operating system saves.
static uint64_t readXcr0() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

uint64_t detectCpuFeatures() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  uint64_t features = 0;
  auto take = [&](unsigned word, int bit, uint64_t feature) {
    if (word >> bit & 1)
      features |= feature;
  };
  if (!__get_cpuid(1, &a, &b, &c, &d))
    return 0;
  unsigned leaf1 = c;
  take(c, 0, Sse3), take(c, 9, Ssse3), take(c, 19, Sse41), take(c, 20, Sse42);
  take(c, 23, Popcnt), take(c, 13, Cx16), take(c, 22, Movbe);
  // Bit 27 says that XCR0 can be read. AVX state is bits 1 and 2 of it, AVX-512
  // state bits 5 to 7.
  uint64_t xcr0 = leaf1 >> 27 & 1 ? readXcr0() : 0;
  bool avx = (xcr0 & 0x6) == 0x6, avx512 = (xcr0 & 0xe6) == 0xe6;
  if (avx)
    take(leaf1, 28, Avx), take(leaf1, 12, Fma), take(leaf1, 29, F16c);
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    take(b, 3, Bmi1), take(b, 8, Bmi2);
    if (avx)
      take(b, 5, Avx2);
    if (avx512) {
      take(b, 16, Avx512f), take(b, 17, Avx512dq), take(b, 28, Avx512cd);
      take(b, 30, Avx512bw), take(b, 31, Avx512vl), take(c, 11, Avx512vnni);
    }
  }
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) {
    if (avx512)
      take(a, 5, Avx512bf16);
    if (avx)
      take(a, 4, AvxVnni);
  }
  if (__get_cpuid(0x80000001, &a, &b, &c, &d))
    take(c, 5, Lzcnt);
  return features;
}
#else
uint64_t detectCpuFeatures() { return 0; }
#endif

/// Drops features whose base is gone. The table lists bases first, so one pass
/// reaches everything.
static uint64_t dropOrphans(uint64_t features) {
  for (const Feature &feature : kFeatures)
    if ((features & feature.needs) != feature.needs)
      features &= ~feature.bit;
  return features;
}

static Error applyWord(std::string_view word, uint64_t &features) {
  for (const Level &level : kLevels)
    if (word == level.name) {
      features &= level.features;
      return {};
    }
  for (const Feature &feature : kFeatures)
    if (word == feature.name) {
      features &= ~feature.bit;
      return {};
    }
  return {ATTUNE_INVALID_ARGUMENT,
          cat("CPU mask: unknown feature or level \"", word,
              "\"; known levels are x86-64, x86-64-v2, x86-64-v3 and "
              "x86-64-v4, known features ",
              featureNames(~uint64_t(0)))};
}

Error applyCpuMask(std::string_view mask, uint64_t &features) {
  uint64_t result = features;
  while (!mask.empty()) {
    size_t comma = mask.find(',');
    std::string_view word = mask.substr(0, comma);
    if (!word.empty())
      if (Error error = applyWord(word, result))
        return error;
    mask = comma == mask.npos ? std::string_view() : mask.substr(comma + 1);
  }
  features = dropOrphans(result);
  return {};
}

std::string featureNames(uint64_t features) {
  std::string out;
  for (const Feature &feature : kFeatures)
    if (features & feature.bit)
      out += (out.empty() ? "" : " ") + std::string(feature.name);
  return out;
}

const char *featureLevel(uint64_t features) {
  for (const Level &level : kLevels)
    if ((features & level.features) == level.features)
      return level.name;
  return "x86-64";
}

} // namespace attune::core
