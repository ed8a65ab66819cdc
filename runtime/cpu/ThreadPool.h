//===- ThreadPool.h - one kernel over a grid on several threads -----------===//
//
// A spin-then-park pool with an explicit budget. The calling thread is worker
// 0. One caller at a time; pools are independent of each other.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <pthread.h>
#include <vector>

namespace attune::cpu {

/// The kernel ABI: items [begin, end) of the grid, on behalf of `worker`.
using Task = void (*)(const int64_t *args, int64_t worker, int64_t begin,
                      int64_t end);

class ThreadPool {
public:
  /// A pool of `threads` (at least 1), the caller included. Null when the
  /// system refuses a thread.
  static std::unique_ptr<ThreadPool> create(uint32_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  uint32_t threads() const { return uint32_t(workers.size()) + 1; }

  /// Between begin and end workers stay awake for the next launch. After end
  /// they sleep. parallelFor also works outside, more slowly.
  void begin() { awake.store(true, std::memory_order_relaxed); }
  void end() { awake.store(false, std::memory_order_relaxed); }

  /// Calls task for chunks of [0, grid), `chunk` items each (the last may be
  /// shorter), and returns when all are done. What the task wrote is visible to
  /// the caller.
  void parallelFor(Task task, const int64_t *args, int64_t grid, int64_t chunk);

private:
  ThreadPool() = default;
  struct Worker {
    ThreadPool *pool = nullptr;
    int64_t index = 0;
    pthread_t thread{};
  };
  static void *enter(void *worker);
  void loop(int64_t index);
  void work(int64_t index);
  bool tryEnter(uint64_t seen);
  void leave();
  uint64_t waitForChange(uint64_t seen);
  void publish(bool open);

  std::vector<std::unique_ptr<Worker>> workers;

  // The launch at hand: written while no worker is inside, read by those
  // inside.
  Task task = nullptr;
  const int64_t *args = nullptr;
  int64_t grid = 0, chunk = 1;

  /// Epoch (high 32 bits), open (bit 31), number of workers inside.
  alignas(64) std::atomic<uint64_t> gate{0};
  /// The next item that nobody has taken.
  alignas(64) std::atomic<int64_t> next{0};
  /// Futex word: copy of the epoch, for parked workers.
  alignas(64) std::atomic<uint32_t> signal{0};
  std::atomic<uint32_t> parked{0};
  std::atomic<bool> awake{false};
  std::atomic<bool> stopping{false};
};

/// Processors this process may use (its affinity mask); at least 1.
uint32_t availableProcessors();

} // namespace attune::cpu
