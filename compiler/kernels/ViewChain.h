// Views outside groups: the chain from a root tensor to its user, and what a
// kernel can read of it. The common part of assign-layouts.
#pragma once

#include "compiler/kernels/View.h"

namespace attune::kernels {

/// The views between a root (a function argument, a weight, a constant, a
/// group's result) and a value, in program order.
struct ViewChain {
  mlir::Value root;
  llvm::SmallVector<mlir::Operation *> ops;

  static ViewChain of(mlir::Value value);
  /// Where the value lies in the root. If that cannot be said, null, and
  /// `obstacle` is the first view that has no strides.
  std::optional<View> resolve(mlir::Operation *&obstacle) const;
};

/// Whether the kernel of the operand's owner can read its block argument
/// through `view`: a contraction needs one stride for all of k, a row kernel
/// one for all of its columns.
bool acceptsView(nn::GroupOp group, unsigned operand, const View &view);

/// The order of dims in which an operand must be stored where not even a
/// row-major one is accepted: contracted dims, which may stand apart, last.
llvm::SmallVector<int64_t> acceptedOrder(nn::GroupOp group, unsigned operand);

/// Whether `view`, a view of `root`, is all of it in row-major order.
bool isWholeRoot(const View &view, mlir::Value root);

/// Swaps the order in which a group's result is stored: its root's dim i is dim
/// permutation[i] of the value. The logical value becomes a transpose of the
/// new root. Returns the group that takes the place of `group`.
nn::GroupOp storeTransposed(nn::GroupOp group, unsigned result,
                            llvm::ArrayRef<int64_t> permutation);

/// The order in which `result` is best stored: that of a transpose that reads
/// it, if this saves copies; else nothing.
std::optional<llvm::SmallVector<int64_t>> chooseOrder(mlir::OpResult result);

} // namespace attune::kernels
