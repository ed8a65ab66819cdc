// The axes of a contraction group: which free dims merge into rows and columns.
//
// Enters: the contract of a group and the group's views. Leaves: extents,
// strides of every operand, and the roles of the axes. assign-layouts asks it
// whether a group can be built as it is, build-kernels builds from it.
#pragma once

#include "compiler/kernels/GroupViews.h"

namespace attune::kernels {

struct ContractionAxes {
  /// Numbers of operands in `strides`; the leaves of the epilogue follow, in
  /// the order of `epilogueLeaves`, then the sinks.
  enum : unsigned { kLhs = 0, kRhs = 1, kFirstOther = 2 };

  nn::Dims extents;
  llvm::SmallVector<nn::Dims> strides; ///< [operand][axis]
  /// Batches, and free axes that did not merge; in the order of the result's
  /// dims.
  llvm::SmallVector<unsigned> outer;
  unsigned rows, columns, depth;
  /// Whether an outer axis is a free axis of the right operand.
  bool outerColumns = false;

  /// Fails without a message if the contracted dims have no common stride, or
  /// if an operand or result does not run over the result's dims.
  /// `rhsInPanels`: the right operand is stored anew, so its strides do not
  /// count.
  static mlir::FailureOr<ContractionAxes>
  find(nn::ContractOp op, const GroupViews &views, bool rhsInPanels);

  /// The leaves that the epilogue reads, in order.
  static llvm::SmallVector<Leaf> epilogueLeaves(nn::ContractOp op,
                                                const GroupViews &views);
};

} // namespace attune::kernels
