//===- ContractionEpilogue.h - from sums to results -------------*- C++ -*-===//
#pragma once
#include "compiler/target/cuda/ContractionPlan.h"
#include "compiler/target/cuda/KernelFrame.h"

namespace attune::target::cuda {

/// Adds start values, evaluates what follows the dot, and stores. `sums` are
/// the warp's C fragments, [16 rows][8 columns][4], its corner at `warpRow`,
/// `warpColumn` of the block. All warps come here; the ring is free.
llvm::LogicalResult emitEpilogue(KernelFrame &frame, const Contraction &parts,
                                 const ContractionPlan &plan,
                                 const Fragments &fragments,
                                 mlir::Value warpRow, mlir::Value warpColumn,
                                 mlir::ValueRange sums);

} // namespace attune::target::cuda
