//===- ThreadPool.cpp - one kernel over a grid on several threads ---------===//
//
// The protocol: `gate` holds an epoch, an open bit and how many workers are
// inside. The caller fills in the launch, bumps the epoch with the bit set,
// takes chunks itself, clears the bit when none are left, and waits until
// nobody is inside. A worker that sees a new epoch enters by compare-exchange
// only while the bit is set, so it can never read a launch that is being
// replaced, and one that comes late is not missed.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/ThreadPool.h"
#include <algorithm>
#include <climits>
#include <linux/futex.h>
#include <new>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace attune::cpu {

static constexpr uint64_t kOpen = uint64_t(1) << 31;
static constexpr uint64_t kInside = kOpen - 1;
/// Pauses before a worker parks: about 0.2 ms, far more than lies between two
/// launches, far less than anybody notices.
static constexpr int kSpins = 5000;
/// Pauses before the caller yields its processor to a worker that is inside but
/// was scheduled away.
static constexpr int kCallerSpins = 2000;

static uint32_t epochOf(uint64_t gate) { return uint32_t(gate >> 32); }

static void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

static void futexWait(std::atomic<uint32_t> &word, uint32_t expected) {
  ::syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAIT_PRIVATE,
            expected, nullptr, nullptr, 0);
}

static void futexWakeAll(std::atomic<uint32_t> &word) {
  ::syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAKE_PRIVATE,
            INT_MAX, nullptr, nullptr, 0);
}

uint32_t availableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
    return uint32_t(CPU_COUNT(&set));
  return uint32_t(std::max(1l, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

std::unique_ptr<ThreadPool> ThreadPool::create(uint32_t threads) {
  std::unique_ptr<ThreadPool> pool(new (std::nothrow) ThreadPool());
  for (uint32_t i = 1; pool && i < threads; ++i) {
    auto worker = std::make_unique<Worker>();
    worker->pool = pool.get();
    worker->index = i;
    if (::pthread_create(&worker->thread, nullptr, enter, worker.get()) != 0)
      return nullptr;
    pool->workers.push_back(std::move(worker));
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  stopping.store(true, std::memory_order_relaxed);
  publish(/*open=*/false);
  for (auto &worker : workers)
    ::pthread_join(worker->thread, nullptr);
}

void *ThreadPool::enter(void *worker) {
  auto *self = static_cast<Worker *>(worker);
  self->pool->loop(self->index);
  return nullptr;
}

/// Starts a new epoch and wakes whoever is parked. The two seq_cst accesses to
/// `signal` and `parked` pair with those in waitForChange: either the worker
/// sees the new signal before it sleeps, or this sees the worker.
void ThreadPool::publish(bool open) {
  uint32_t epoch = epochOf(gate.load(std::memory_order_relaxed)) + 1;
  gate.store(uint64_t(epoch) << 32 | (open ? kOpen : 0),
             std::memory_order_release);
  signal.store(epoch, std::memory_order_seq_cst);
  if (parked.load(std::memory_order_seq_cst) > 0)
    futexWakeAll(signal);
}

/// Waits for an epoch other than that of `seen`; returns the gate.
uint64_t ThreadPool::waitForChange(uint64_t seen) {
  uint32_t epoch = epochOf(seen);
  for (;;) {
    for (int i = 0; i < kSpins; ++i) {
      uint64_t now = gate.load(std::memory_order_acquire);
      if (epochOf(now) != epoch)
        return now;
      if (!awake.load(std::memory_order_relaxed))
        break;
      pause();
    }
    parked.fetch_add(1, std::memory_order_seq_cst);
    if (signal.load(std::memory_order_seq_cst) == epoch)
      futexWait(signal, epoch);
    parked.fetch_sub(1, std::memory_order_seq_cst);
    uint64_t now = gate.load(std::memory_order_acquire);
    if (epochOf(now) != epoch)
      return now;
  }
}

bool ThreadPool::tryEnter(uint64_t seen) {
  uint64_t now = gate.load(std::memory_order_acquire);
  while (epochOf(now) == epochOf(seen) && (now & kOpen))
    if (gate.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel,
                                   std::memory_order_acquire))
      return true;
  return false;
}

void ThreadPool::leave() { gate.fetch_sub(1, std::memory_order_release); }

void ThreadPool::work(int64_t index) {
  for (;;) {
    int64_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
    if (begin >= grid)
      return;
    task(args, index, begin, begin + std::min(chunk, grid - begin));
  }
}

void ThreadPool::loop(int64_t index) {
  uint64_t seen = 0;
  while (!stopping.load(std::memory_order_relaxed)) {
    seen = waitForChange(seen);
    if (tryEnter(seen)) {
      work(index);
      leave();
    }
  }
}

void ThreadPool::parallelFor(Task newTask, const int64_t *newArgs,
                             int64_t newGrid, int64_t newChunk) {
  if (newGrid <= 0)
    return;
  // Each thread overshoots the counter by at most one chunk; this bound keeps
  // the counter from wrapping.
  newChunk = std::clamp<int64_t>(newChunk, 1, newGrid);
  if (workers.empty() || newChunk >= newGrid ||
      newGrid > INT64_MAX / 2 / (int64_t(workers.size()) + 1)) {
    newTask(newArgs, 0, 0, newGrid);
    return;
  }
  task = newTask;
  args = newArgs;
  grid = newGrid;
  chunk = newChunk;
  next.store(0, std::memory_order_relaxed);
  publish(/*open=*/true);
  work(0);
  uint64_t now = gate.fetch_and(~kOpen, std::memory_order_acq_rel);
  for (int spins = 0; now & kInside; ++spins) {
    if (spins < kCallerSpins)
      pause();
    else
      ::sched_yield();
    now = gate.load(std::memory_order_acquire);
  }
}

} // namespace attune::cpu
