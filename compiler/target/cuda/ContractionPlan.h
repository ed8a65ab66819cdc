//===- ContractionPlan.h - how threads do a contraction ---------*- C++ -*-===//
//
// What follows from a kernel's blocks, types and strides before any code is
// made: the warps' shares of the block, the ring in shared memory, and how
// results leave. Data only.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/Contraction.h"
#include "compiler/target/cuda/Fragments.h"

namespace attune::target::cuda {

using common::Contraction;

struct ContractionPlan {
  mlir::Type element; ///< of both operands: f16, bf16, f32
  bool tf32;          ///< f32 is rounded, and one product
  bool isSplit() const { return element.isF32() && !tf32; } ///< three
  DepthAlong lhs, rhs;

  // The block, rounded up to whole fragments, and what each warp has of it.
  int64_t rows, columns;
  int64_t warpsDown, warpsAcross;
  int64_t warpRows() const { return rows / warpsDown; }
  int64_t warpColumns() const { return columns / warpsAcross; }
  int64_t threads() const { return warpsDown * warpsAcross * kWarp; }
  int64_t residentBlocks; ///< of a multiprocessor; 0: as many as it may
  /// What ptxas is told of that: with nothing it spills to fit one more.
  int64_t blocksByRegisters;

  // The ring.
  int64_t depth; ///< k of a stage
  int64_t stages;

  // The way out: sums go through shared memory, `strips` strips of 16 rows of
  // each warp at a time, and leave as vectors of `lanes` along the dimension
  // that is contiguous in the results.
  int64_t lanes;
  bool lanesAlongRows;
  int64_t strips;
  int64_t sliceRows() const { return warpsDown * strips * 16; }
  int64_t stagingPitch() const; ///< f32 from one row (or column) to the next
  /// Every so many f32 of a row there is a gap of so many more, so that vectors
  /// of 8 that are read at once, in halves, lie in different banks.
  static constexpr int64_t kBanks = 32, kSkew = 4;
  int64_t stagingBytes() const;

  /// Reports types and blocks that there is no code for.
  static llvm::FailureOr<ContractionPlan> make(const Contraction &parts,
                                               const Machine &machine);

private:
  int64_t mostSums(int64_t warps) const; ///< of a lane
  llvm::LogicalResult chooseWarps(const Contraction &parts);
  int64_t roomOf(const Machine &machine) const;
  void chooseRing(const Contraction &parts, const Machine &machine);
  void chooseWayOut(const Contraction &parts, const Machine &machine);
};

} // namespace attune::target::cuda
