// Tensor types with symbolic shapes: the only way types of the nn dialect are
// made and read, so that equal shapes are equal types.
#pragma once

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"

namespace attune::nn {

class DimAttr;
class ShapeAttr;

/// Dims of a tensor, outermost first.
using Dims = llvm::SmallVector<DimAttr>;

/// The tensor type of a shape. The encoding is present exactly if a dim is not
/// constant.
mlir::RankedTensorType tensorType(llvm::ArrayRef<DimAttr> dims,
                                  mlir::Type elementType);

/// The dims of a tensor; static extents are constants.
Dims getDims(mlir::RankedTensorType type);
Dims getDims(mlir::Value tensor);
DimAttr getDim(mlir::Value tensor, int64_t axis);

/// The product of all dims; null on overflow.
DimAttr numElements(llvm::ArrayRef<DimAttr> dims, mlir::MLIRContext *context);

/// Whether `type` is what tensorType would make of its own dims.
bool isCanonicalTensorType(mlir::Type type);

/// Whether `type` is a tensor<i64>.
bool isScalar64(mlir::Type type);

/// The dims that `shapes` broadcast to (NumPy rule), or failure if two aligned
/// dims differ and neither is 1.
mlir::FailureOr<Dims> broadcastDims(llvm::ArrayRef<Dims> shapes);

/// Whether the dims of `from`, aligned at the last dimension, are each equal to
/// those of `to` or 1.
bool broadcastsTo(llvm::ArrayRef<DimAttr> from, llvm::ArrayRef<DimAttr> to);

} // namespace attune::nn
