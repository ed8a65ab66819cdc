// What the choice of a schedule needs to know of a machine: data only.
#pragma once

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>

namespace attune::kernels {

/// One code version of a target. Sizes in bytes, of one core or multiprocessor;
/// `lanes` in f32.
struct MachineModel {
  llvm::StringLiteral name; ///< as in --target: "x86-64-v3", "sm_80"
  int64_t lanes;            ///< f32 in one vector register
  int64_t vectorRegisters;
  int64_t panelWidth; ///< columns of a packed panel; 0: weights are not packed
  int64_t rowTile;    ///< rows of the tallest register tile
  int64_t l1Bytes, l2Bytes;
  bool isGpu = false;

  /// Nothing if `name` is no code version that kernels are made for.
  static std::optional<MachineModel> get(llvm::StringRef name);
};

} // namespace attune::kernels
