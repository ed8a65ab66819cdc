//===- ScatterLowering.h - sums by index ------------------------*- C++ -*-===//
//
// Enters: a kernel of family scatter. Leaves: code of one thread, which has
// some columns of its block's work item (common/Scatter.h).
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cuda/KernelFrame.h"

namespace attune::target::cuda {

/// An error if there is no code for the kernel.
llvm::LogicalResult checkScatter(tile::KernelOp kernel);

/// Lowers the kernel into a function at the builder's insertion point.
llvm::LogicalResult lowerScatter(tile::KernelOp kernel,
                                 mlir::OpBuilder &builder,
                                 const Machine &machine);

} // namespace attune::target::cuda
