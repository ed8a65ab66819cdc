// What the choice of a schedule needs to know of a machine: data only.
#pragma once

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>

namespace attune::kernels {

/// Work items of row and map kernels, in elements.
struct SweepBlocks {
  int64_t mapElements;         ///< of a map
  int64_t turnLanes, turnRows; ///< of a map that transposes
  int64_t rowLanes;            ///< lanes that reductions leave, side by side
  /// Work items below which there are rather fewer lanes than that.
  int64_t fewestItems;
};

/// One code version of a target. Sizes in bytes, of one core or multiprocessor;
/// `lanes` in f32.
struct MachineModel {
  llvm::StringLiteral name; ///< as in --target: "x86-64-v3", "sm_80"
  int64_t lanes;            ///< f32 in one vector register
  int64_t vectorRegisters;
  int64_t panelWidth; ///< columns of a packed panel; 0: weights are not packed
  int64_t rowTile;    ///< rows of the tallest register tile
  int64_t l1Bytes, l2Bytes;
  bool isGpu; ///< then what is above, of one multiprocessor, chooses nothing
  int64_t multiprocessors; ///< 0 for a CPU
  SweepBlocks sweeps;

  /// Nothing if `name` is no code version that kernels are made for.
  static std::optional<MachineModel> get(llvm::StringRef name);
};

} // namespace attune::kernels
