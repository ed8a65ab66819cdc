//===- ScatterLowering.h - sums by index ------------------------*- C++ -*-===//
//
// Enters: a kernel of family scatter. Leaves: its work items
// (common/Scatter.h), 16 columns at a time.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cpu/KernelFrame.h"

namespace attune::target::cpu {

/// Lowers the kernel into a function at the emitter's insertion point.
llvm::LogicalResult lowerScatter(tile::KernelOp kernel, Emitter &emit);

} // namespace attune::target::cpu
