//===- Sampler.h - which sample comes when --------------------------------===//
//
// Enters: a seed, the size of a dataset, the number of a sample since training
// began. Leaves: its index. A function of these alone: resumed, accumulated and
// uninterrupted runs see the same samples in the same order.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstdint>
#include <vector>

namespace attune::train {

class Sampler {
public:
  /// `windowed`: samples overlap and are drawn with replacement; else every
  /// epoch is a permutation of all.
  Sampler(uint64_t seed, int64_t size, bool windowed)
      : seed(seed), size(size), windowed(windowed) {}

  int64_t indexOf(int64_t number);

private:
  void shuffle(int64_t epoch);

  uint64_t seed;
  int64_t size;
  bool windowed;
  int64_t shuffled = -1; ///< The epoch that `order` is of.
  std::vector<int64_t> order;
};

} // namespace attune::train
