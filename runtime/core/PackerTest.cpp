//===- PackerTest.cpp - arena layouts -------------------------------------===//
//
// Invariants over random lifetimes, and how near the lower bound layouts come.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Packer.h"
#include <algorithm>
#include <gtest/gtest.h>
#include <random>

using namespace attune::core;

namespace {

bool aliveTogether(const PackItem &a, const PackItem &b) {
  return a.first <= b.last && b.first <= a.last;
}

void expectSound(const std::vector<PackItem> &items, const PackResult &result) {
  EXPECT_GE(result.bytes, result.lowerBound);
  for (size_t i = 0; i < items.size(); ++i) {
    EXPECT_EQ(items[i].offset % kPackAlign, 0u);
    EXPECT_LE(items[i].offset + items[i].bytes, result.bytes);
    for (size_t j = 0; j < i; ++j)
      if (aliveTogether(items[i], items[j]) && items[i].bytes &&
          items[j].bytes) {
        EXPECT_TRUE(items[i].offset + items[i].bytes <= items[j].offset ||
                    items[j].offset + items[j].bytes <= items[i].offset)
            << "items " << i << " and " << j << " overlap";
      }
  }
}

TEST(Packer, NothingOverlapsOverRandomLifetimes) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    std::vector<PackItem> items(1 + random() % 60);
    for (PackItem &item : items) {
      item.bytes = random() % 5 == 0 ? 0 : random() % 10000;
      item.first = random() % 40;
      item.last = item.first + random() % 10;
    }
    SCOPED_TRACE(seed);
    PackResult result = packArena(items);
    ASSERT_FALSE(result.overflow);
    expectSound(items, result);
    // The same items make the same layout.
    std::vector<PackItem> again = items;
    packArena(again);
    for (size_t i = 0; i < items.size(); ++i)
      EXPECT_EQ(items[i].offset, again[i].offset);
  }
}

TEST(Packer, TransformerLifetimesReachTheLowerBound) {
  // Twelve layers of: normed, qkv, context, residual, hidden (4x), residual.
  std::vector<PackItem> items;
  constexpr uint64_t unit = 197 * 768 * 4;
  for (uint64_t layer = 0; layer < 12; ++layer) {
    uint64_t at = layer * 6;
    items.push_back({unit, at, at + 1, 0});
    items.push_back({3 * unit, at + 1, at + 2, 0});
    items.push_back({unit, at + 2, at + 3, 0});
    items.push_back({unit, at + 3, at + 5, 0});
    items.push_back({4 * unit, at + 4, at + 5, 0});
    items.push_back({unit, at + 5, at + 9, 0});
  }
  PackResult result = packArena(items);
  expectSound(items, result);
  EXPECT_EQ(result.bytes, result.lowerBound);
}

TEST(Packer, StaysNearTheLowerBound) {
  double worst = 1;
  for (uint32_t seed = 1000; seed < 1100; ++seed) {
    std::mt19937 random(seed);
    std::vector<PackItem> items(100);
    for (PackItem &item : items) {
      item.bytes = 64 * (1 + random() % 1000);
      item.first = random() % 100;
      item.last = item.first + random() % 6;
    }
    PackResult result = packArena(items);
    worst = std::max(worst, double(result.bytes) / double(result.lowerBound));
  }
  EXPECT_LT(worst, 1.2);
}

TEST(Packer, ReusesWhatIsDead) {
  std::vector<PackItem> items = {{1000, 0, 1, 0}, {1000, 2, 3, 0}};
  EXPECT_EQ(packArena(items).bytes, 1024u);
  // At the same step both live.
  items = {{1000, 0, 1, 0}, {1000, 1, 3, 0}};
  EXPECT_EQ(packArena(items).bytes, 2048u);
}

TEST(Packer, SizesBeyond64BitsAreSaid) {
  std::vector<PackItem> items = {{~uint64_t(0) - 10, 0, 1, 0}};
  EXPECT_TRUE(packArena(items).overflow);
  items = {{~uint64_t(0) / 2, 0, 1, 0},
           {~uint64_t(0) / 2, 0, 1, 0},
           {4096, 0, 1, 0}};
  EXPECT_TRUE(packArena(items).overflow);
}

TEST(Packer, Empty) {
  std::vector<PackItem> items;
  EXPECT_EQ(packArena(items).bytes, 0u);
}

} // namespace
