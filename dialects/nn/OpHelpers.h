// What the op verifiers share: axis lists, messages that state expected and
// found. Private to the nn dialect.
#pragma once

#include "dialects/nn/NN.h"

namespace attune::nn {

inline mlir::RankedTensorType tensorOf(mlir::Value value) {
  return mlir::cast<mlir::RankedTensorType>(value.getType());
}

/// Dims as `[B, S, 768]`.
std::string text(llvm::ArrayRef<DimAttr> dims);

/// Each axis in [0, rank) and none twice.
mlir::LogicalResult checkAxes(llvm::ArrayRef<int64_t> axes, int64_t rank);

/// Emits "expected NAME to have dims A, found B" unless they are equal.
mlir::LogicalResult verifyDims(mlir::Operation *op, llvm::StringRef name,
                               llvm::ArrayRef<DimAttr> expected,
                               llvm::ArrayRef<DimAttr> found);

/// Emits an error if `tf32` is asked for and the operand is not f32.
mlir::LogicalResult verifyTf32(mlir::Operation *op, bool tf32,
                               mlir::Value operand);

} // namespace attune::nn
