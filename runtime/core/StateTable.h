//===- StateTable.h - tensors that outlast a run --------------------------===//
//
// The State section of a package after parsing: parameters and what training
// keeps beside them, with their places in one block of memory. All entry points
// and code versions share it. The schema is in README.md.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "attune/format.h"
#include "runtime/core/Error.h"
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace attune::core {

struct StateTensor {
  std::string name;
  attune_state_kind kind = ATTUNE_STATE_PARAMETER;
  attune_dtype dtype = ATTUNE_F32;
  std::vector<int64_t> dims;
  uint64_t offset = 0; ///< In the block, a multiple of kWeightAlign.
  uint64_t bytes = 0;
  /// Where its first value is; none: zeros, or what the entry point init gives.
  struct Place {
    uint32_t section = 0;
    uint64_t offset = 0;
  };
  std::optional<Place> initial;
};

struct StateTable {
  uint64_t bytes = 0; ///< Of the block.
  std::vector<StateTensor> tensors;
};

/// Reads and checks it: names are distinct, places do not overlap.
Error parseStateTable(std::span<const std::byte> json,
                      std::span<const format::Section> sections,
                      StateTable &table);

} // namespace attune::core
