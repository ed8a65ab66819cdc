//===- SweepLowering.h - row and map kernels --------------------*- C++ -*-===//
#pragma once
#include "compiler/target/cpu/Scratch.h"
#include "llvm/ADT/DenseMap.h"
#include <vector>

namespace attune::target::cpu {

/// One pass over a span: the reductions that can be done in it and, in the last
/// pass over a span, the stores.
struct Sweep {
  mlir::Value span; ///< null: nothing to pass over, blocks of rank 0
  unsigned level;   ///< how many reductions stand before it, one upon another
  llvm::SmallVector<tile::ReduceOp> reduces;
  llvm::SmallVector<tile::StoreOp> stores;
  /// Blocks that a later sweep wants again and that cost more to compute than
  /// to keep.
  llvm::SmallVector<mlir::Value> kept;
  /// Blocks that an earlier sweep kept for this one.
  llvm::SmallVector<mlir::Value> reread;
};

/// The parts of a kernel of family row or map: straight-line code over blocks
/// of at most one span (row), or element by element over blocks of any (map).
struct SweepPlan {
  std::vector<Sweep> sweeps; ///< in order of execution
  ScratchLayout layout;
  llvm::DenseMap<mlir::Value, unsigned> sections; ///< scratch of kept blocks

  explicit SweepPlan(tile::KernelOp kernel) : layout(kernel) {}
  /// Orders the reductions and stores; reports what does not fit the form.
  static llvm::FailureOr<SweepPlan> make(tile::KernelOp kernel);
};

/// Lowers the kernel into a function at the emitter's insertion point.
llvm::LogicalResult lowerSweeps(tile::KernelOp kernel, Emitter &emit);

} // namespace attune::target::cpu
