//===- Packer.h - the arena layout ----------------------------------------===//
//
// Enters: sizes and lifetimes. Leaves: an offset for each, such that no two
// that are alive at one time overlap.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace attune::core {

/// Something that needs memory from step `first` to step `last`, both included.
struct PackItem {
  uint64_t bytes = 0;
  uint64_t first = 0, last = 0;
  uint64_t offset = 0; ///< Result, a multiple of kPackAlign.
};

inline constexpr uint64_t kPackAlign = 64;

struct PackResult {
  uint64_t bytes = 0;      ///< Of the arena.
  uint64_t lowerBound = 0; ///< Most bytes alive at one step, sizes aligned.
  bool overflow = false;   ///< The sizes do not fit 64 bits; nothing is set.
};

/// Places the largest item first, each into the smallest gap that fits between
/// items alive at the same time; an item of 0 bytes gets offset 0. Same items,
/// same layout. O(n^2).
PackResult packArena(std::span<PackItem> items);

} // namespace attune::core
