//===- SweepShape.h - how threads share the work of a sweep -----*- C++ -*-===//
//
// Pure data, chosen from what is static in a kernel. The elements of a work
// item are counted in units: a unit is a vector of neighbouring elements along
// the last span, or a single element where operands are not aligned. Unit u
// belongs to thread u modulo the threads of the item, in every sweep.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/SweepPlan.h"

namespace attune::target::cuda {

using common::partsOf;
using common::Reduction;
using common::sinksOf;
using common::Spans;
using common::Sweep;
using common::SweepPlan;

/// Bytes that one thread loads or stores at once, at most.
inline constexpr int64_t kWidestAccess = 16;

/// A load or store that moves whole vectors if its address lets it.
struct VectorAccess {
  mlir::Value memref;
  mlir::OperandRange positions;
  mlir::Value lanes; ///< the span along which it lies side by side
};

struct SweepShape {
  int64_t vector = 1;  ///< elements of a vector; 1: there are no vectors
  int64_t threads = 1; ///< of a work item; a power of two, but for maps
  int64_t items = 1;   ///< of a block
  /// Of `threads`, those that stand side by side along the lanes that the
  /// reductions leave; the others share what is reduced.
  int64_t across = 1;
  int64_t residentBlocks = 0; ///< of a multiprocessor; 0: as many as may
  int64_t unroll = 1;         ///< units that a thread has in flight
  /// What a thread loads or computes in one sweep stays in its registers for
  /// the next, if it has at most so many units: the rows for which there is
  /// code of that kind. Others are read again. If the extents are static, the
  /// number of units that every thread has, and there are no others.
  llvm::SmallVector<int64_t> keptUnits;
  /// Whether the threads of an item combine their sums.
  bool exchanges = false;
  /// Whether some sweep reads along another span than it writes.
  bool transposes = false;
  llvm::SmallVector<VectorAccess> accesses;

  static SweepShape choose(tile::KernelOp kernel, const SweepPlan &plan);
};

/// The static extent of a span, its limit. Nothing if there is none.
std::optional<int64_t> limitOf(mlir::Value span);

} // namespace attune::target::cuda
