//===- SweepLowering.h - row and map kernels --------------------*- C++ -*-===//
//
// Enters: a kernel of family row or map. Leaves: code of one thread that does
// its share of every sweep of the kernel's plan, combined with what the other
// threads of its work item did.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cuda/KernelFrame.h"

namespace attune::target::cuda {

/// An error if there is no code for the kernel.
llvm::LogicalResult checkSweeps(tile::KernelOp kernel);

/// Lowers the kernel into a function at the builder's insertion point.
llvm::LogicalResult lowerSweeps(tile::KernelOp kernel, mlir::OpBuilder &builder,
                                const Machine &machine);

} // namespace attune::target::cuda
