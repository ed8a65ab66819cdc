//===- ThreadPoolTest.cpp - the pool runs each item once ------------------===//
//
// Also run under TSan, where the protocol itself is under test.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/ThreadPool.h"
#include <ctime>
#include <gtest/gtest.h>
#include <thread>

using namespace attune::cpu;

namespace {

/// args: counts[grid], worker limit, grid.
void countItems(const int64_t *args, int64_t worker, int64_t begin,
                int64_t end) {
  auto *counts = reinterpret_cast<int64_t *>(args[0]);
  if (worker < 0 || worker >= args[1] || begin < 0 || end > args[2])
    __builtin_trap();
  for (int64_t i = begin; i < end; ++i)
    counts[i] += 1; // a plain write: an item given out twice is a race
}

TEST(ThreadPool, EveryItemOnceWhateverTheCut) {
  for (uint32_t threads : {1u, 2u, 3u, 8u}) {
    auto pool = ThreadPool::create(threads);
    ASSERT_TRUE(pool);
    EXPECT_EQ(pool->threads(), threads);
    pool->begin();
    for (int64_t grid : {0, 1, 2, 7, 64, 1000})
      for (int64_t chunk : {0, 1, 3, 64, 5000}) {
        std::vector<int64_t> counts(size_t(grid) + 1, 0);
        int64_t args[] = {int64_t(counts.data()), threads, grid};
        pool->parallelFor(countItems, args, grid, chunk);
        for (int64_t i = 0; i < grid; ++i)
          ASSERT_EQ(counts[size_t(i)], 1);
        EXPECT_EQ(counts[size_t(grid)], 0);
      }
    pool->end();
  }
}

TEST(ThreadPool, ManyLaunchesWithAndWithoutSleep) {
  auto pool = ThreadPool::create(4);
  std::vector<int64_t> counts(64, 0);
  int64_t args[] = {int64_t(counts.data()), 4, 64};
  for (int run = 0; run < 50; ++run) {
    pool->begin();
    for (int launch = 0; launch < 40; ++launch)
      pool->parallelFor(countItems, args, 64, 4);
    pool->end();
    if (run % 10 == 0) // let them park
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  for (int64_t count : counts)
    EXPECT_EQ(count, 2000);
}

TEST(ThreadPool, DependentLaunchesSeeEachOther) {
  // Each launch reads what another worker wrote in the one before.
  auto shift = +[](const int64_t *args, int64_t, int64_t begin, int64_t end) {
    auto *from = reinterpret_cast<const int64_t *>(args[0]);
    auto *to = reinterpret_cast<int64_t *>(args[1]);
    for (int64_t i = begin; i < end; ++i)
      to[i] = from[(i + 37) % 100] + 1;
  };
  auto pool = ThreadPool::create(3);
  std::vector<int64_t> a(100, 0), b(100, 0);
  int64_t there[] = {int64_t(a.data()), int64_t(b.data())};
  int64_t back[] = {int64_t(b.data()), int64_t(a.data())};
  pool->begin();
  for (int i = 0; i < 500; ++i) {
    pool->parallelFor(shift, there, 100, 5);
    pool->parallelFor(shift, back, 100, 5);
  }
  pool->end();
  for (int64_t value : a)
    EXPECT_EQ(value, 1000);
}

double processSeconds() {
  timespec now;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

TEST(ThreadPool, NothingSpinsAfterTheRun) {
  auto pool = ThreadPool::create(4);
  std::vector<int64_t> counts(64, 0);
  int64_t args[] = {int64_t(counts.data()), 4, 64};
  pool->begin();
  pool->parallelFor(countItems, args, 64, 1);
  pool->end();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  double before = processSeconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  // Three spinning threads would use up to 0.9 s here.
  EXPECT_LT(processSeconds() - before, 0.03);
}

TEST(ThreadPool, PoolsComeAndGo) {
  for (int i = 0; i < 50; ++i) {
    auto pool = ThreadPool::create(1 + uint32_t(i) % 5);
    std::vector<int64_t> counts(16, 0);
    int64_t args[] = {int64_t(counts.data()), 5, 16};
    if (i % 2)
      pool->parallelFor(countItems, args, 16, 1);
  }
}

TEST(ThreadPool, SeveralPoolsAtOnce) {
  auto use = [] {
    auto pool = ThreadPool::create(2);
    std::vector<int64_t> counts(128, 0);
    int64_t args[] = {int64_t(counts.data()), 2, 128};
    for (int i = 0; i < 200; ++i)
      pool->parallelFor(countItems, args, 128, 8);
    for (int64_t count : counts)
      EXPECT_EQ(count, 200);
  };
  std::thread first(use), second(use);
  first.join();
  second.join();
}

} // namespace
