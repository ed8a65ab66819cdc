//===- SweepPlan.h - the passes of a row or map kernel ----------*- C++ -*-===//
//
// Enters: a kernel of family row or map: one work item is straight-line code
// over blocks. A block has one dimension for each of its spans; the last one is
// the lanes. Leaves: the passes over those dimensions in which everything can
// be done: `sweeps`.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "dialects/tile/Tile.h"
#include "llvm/ADT/DenseMap.h"
#include <vector>

namespace attune::target::common {

/// The spans of a block's dimensions. Null where a dimension lies along none (a
/// scalar repeated over a static extent).
using Spans = llvm::SmallVector<mlir::Value, 4>;

/// tile.reduce ops one upon another that reduce several dimensions of one
/// block.
struct Reduction {
  tile::ReduceOp last;
  mlir::Value block; ///< what the first of them reduces
};

/// One pass over blocks: the reductions that can be done in it and, in the last
/// pass over its spans, the stores.
struct Sweep {
  Spans spans;    ///< of the loops, outermost first; without SweepPlan::lanes
  unsigned level; ///< how many reductions stand before it, one upon another
  llvm::SmallVector<Reduction> reduces;
  llvm::SmallVector<mlir::Operation *> stores; ///< tile.store, memref.store
  /// Blocks that a later sweep wants again and that the target keeps for it.
  llvm::SmallVector<mlir::Value> kept;
  /// Blocks that an earlier sweep kept for this one.
  llvm::SmallVector<mlir::Value> reread;
};

struct SweepPlan {
  std::vector<Sweep> sweeps; ///< in order of execution
  /// The span that results of reductions still have. All sweeps are done for
  /// some of its positions, then for the next. Null: reductions leave scalars,
  /// and lanes run along the last span of each sweep.
  mlir::Value lanes;
  /// The spans of every block.
  llvm::DenseMap<mlir::Value, Spans> spans;

  /// Orders the reductions and stores; reports what does not fit the form.
  static llvm::FailureOr<SweepPlan> make(tile::KernelOp kernel);
};

/// The blocks that a sweep reduces or stores.
llvm::SmallVector<mlir::Value> sinksOf(const Sweep &sweep);
/// The loads of a sweep that only stores which lie side by side along the last
/// span but one, and not along the last: what is to be transposed.
llvm::SmallVector<tile::LoadOp> turnedLoads(const SweepPlan &plan,
                                            const Sweep &sweep);
/// All blocks that `blocks` are made of, themselves included, down to
/// reductions.
llvm::SmallVector<mlir::Value> partsOf(llvm::ArrayRef<mlir::Value> blocks);

} // namespace attune::target::common
