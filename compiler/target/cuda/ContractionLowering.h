//===- ContractionLowering.h - GEMM kernels ---------------------*- C++ -*-===//
#pragma once
#include "compiler/target/cuda/KernelFrame.h"

namespace attune::target::cuda {

/// An error if there is no code for the kernel.
llvm::LogicalResult checkContraction(tile::KernelOp kernel);

/// Lowers the kernel into a function at the builder's insertion point.
llvm::LogicalResult lowerContraction(tile::KernelOp kernel,
                                     mlir::OpBuilder &builder,
                                     const Machine &machine);

} // namespace attune::target::cuda
