//===- AttentionLowering.h - flash attention kernels ------------*- C++ -*-===//
#pragma once
#include "compiler/target/cuda/KernelFrame.h"

namespace attune::target::cuda {

/// Lowers the kernel into a function at the builder's insertion point.
llvm::LogicalResult lowerAttention(tile::KernelOp kernel,
                                   mlir::OpBuilder &builder,
                                   const Machine &machine);

} // namespace attune::target::cuda
