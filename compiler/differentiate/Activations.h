// What the backward pass of @grad or @step keeps of the forward pass.
#pragma once

#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"

namespace attune::differentiate {

/// The ops of a function with a loss, told apart by what the loss is computed
/// from, and the forward values that live on. Views are looked through: what is
/// kept is the tensor that they show.
class Activations {
public:
  explicit Activations(mlir::func::FuncOp function);

  /// Whether the loss depends on the op.
  bool isForward(mlir::Operation *op) const { return forward.contains(op); }
  /// Whether the op makes a tensor at all that could be made again: no view,
  /// constant, position or weight.
  static bool computes(mlir::Operation *op);

  /// Forward ops with results that backward ops read, in the block's order, and
  /// the bytes of those results for symbols as large as they may be.
  const llvm::MapVector<mlir::Operation *, int64_t> &kept() const {
    return keptOps;
  }
  bool isKept(mlir::Operation *op) const { return keptOps.contains(op); }
  /// The bytes of all of them but `without`.
  int64_t bytes(const llvm::SetVector<mlir::Operation *> &without = {}) const;

  /// The most bytes that are alive at once while the backward pass runs, of
  /// what is kept and of what is computed again, if `again` is: each from its
  /// first reader on until its last, and with it what is not kept on the way
  /// there.
  int64_t peak(const llvm::SetVector<mlir::Operation *> &again) const;

  /// A dim for symbols as large as they may be; 128 where that is not said.
  int64_t evaluate(nn::DimAttr dim) const;

private:
  int64_t bytesOf(mlir::Operation *op) const;

  mlir::func::FuncOp function;
  llvm::StringMap<int64_t> symbols;
  llvm::DenseSet<mlir::Operation *> forward;
  llvm::MapVector<mlir::Operation *, int64_t> keptOps;
};

/// The tensor that a value shows, through views and barriers.
mlir::Value rootOf(mlir::Value value);

} // namespace attune::differentiate
