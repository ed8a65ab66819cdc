// What a group reads and writes, and where it lies in memory.
//
// Enters: a group as assign-layouts leaves it: operands and results are root
// tensors, views stand inside the body, at its entry (between a block argument
// and the ops that compute) and at its exit (between the computed value and the
// yield). Leaves: one layout for each value that enters the computation and for
// each that leaves it. A group without views is the simplest case of that.
#pragma once

#include "compiler/kernels/View.h"

namespace attune::kernels {

/// A value of the body that is read from memory: a block argument or a view of
/// one.
struct Leaf {
  mlir::Value value;
  unsigned operand; ///< which of the group's operands it lies in
  View view;
};

/// A value that is written to memory: computed in the body, or a leaf (a copy).
struct Sink {
  mlir::Value value;
  unsigned result; ///< which of the group's results it becomes
  View view;       ///< of the value, in the result's root
};

class GroupViews {
public:
  /// Fails with an error at a view that has no strides.
  static mlir::FailureOr<GroupViews> resolve(nn::GroupOp group);

  /// The leaf that `value` is, or null if it is computed in the body.
  const Leaf *find(mlir::Value value) const;

  /// All leaves that an op which computes, or the yield, uses; in order of the
  /// operands, each value once.
  llvm::ArrayRef<Leaf> leaves() const { return used; }
  /// One for each result, in order.
  llvm::ArrayRef<Sink> sinks() const { return written; }
  /// The ops that compute, in order: no views, no yield, no constants.
  llvm::ArrayRef<mlir::Operation *> ops() const { return computing; }

private:
  llvm::DenseMap<mlir::Value, Leaf> known;
  llvm::SmallVector<Leaf> used;
  llvm::SmallVector<Sink> written;
  llvm::SmallVector<mlir::Operation *> computing;
};

} // namespace attune::kernels
