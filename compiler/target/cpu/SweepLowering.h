//===- SweepLowering.h - row and map kernels --------------------*- C++ -*-===//
//
// Enters: a kernel of family row or map. Leaves: loops over the dimensions of
// its blocks, a few times over: the sweeps of its plan. Vectors run along the
// last dimension.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/SweepPlan.h"
#include "compiler/target/cpu/Scratch.h"

namespace attune::target::cpu {

using common::partsOf;
using common::Reduction;
using common::sinksOf;
using common::Spans;
using common::Sweep;
using common::turnedLoads;

/// A plan, and the scratch of what it keeps from one sweep to the next.
struct SweepPlan : common::SweepPlan {
  ScratchLayout layout;
  /// Scratch of kept blocks, and of sums where reductions leave lanes.
  llvm::DenseMap<mlir::Value, unsigned> sections;
  /// How many of those lanes are in hand at a time; whole vectors.
  int64_t laneStep = 0;

  SweepPlan(tile::KernelOp kernel, common::SweepPlan plan)
      : common::SweepPlan(std::move(plan)), layout(kernel) {}
  /// Reports what does not fit the form.
  static llvm::FailureOr<SweepPlan> make(tile::KernelOp kernel);
};

/// Lowers the kernel into a function at the emitter's insertion point.
llvm::LogicalResult lowerSweeps(tile::KernelOp kernel, Emitter &emit);

} // namespace attune::target::cpu
