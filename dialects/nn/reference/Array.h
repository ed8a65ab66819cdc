// Concrete tensors of the evaluator: floats as double, integers and booleans as
// int64_t, so that no operation rounds.
#pragma once

#include "mlir/IR/BuiltinAttributeInterfaces.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <memory>
#include <vector>

namespace attune::nn {

using Extents = llvm::SmallVector<int64_t>;

/// A row-major tensor of known shape. Copies share their elements; whoever
/// fills an array is its only owner at that time.
class Array {
public:
  Array() = default;
  /// Zeros.
  Array(mlir::Type elementType, llvm::ArrayRef<int64_t> shape);

  mlir::Type getElementType() const { return elementType; }
  llvm::ArrayRef<int64_t> getShape() const { return shape; }
  int64_t getRank() const { return shape.size(); }
  int64_t size() const;
  bool isFloat() const;

  llvm::MutableArrayRef<double> floats() { return *floatData; }
  llvm::ArrayRef<double> floats() const { return *floatData; }
  llvm::MutableArrayRef<int64_t> ints() { return *intData; }
  llvm::ArrayRef<int64_t> ints() const { return *intData; }

  /// The element at a row-major position, converted to T.
  template <typename T>
  T get(int64_t position) const {
    return isFloat() ? T((*floatData)[position]) : T((*intData)[position]);
  }

  /// The same elements under another shape of the same size. O(1).
  Array reshaped(llvm::ArrayRef<int64_t> newShape) const;
  /// result[i...] = this[offset + sum of i * stride]; strides may be 0 or
  /// negative.
  Array gathered(llvm::ArrayRef<int64_t> newShape, int64_t offset,
                 llvm::ArrayRef<int64_t> strides) const;
  /// Dimension i of the result is dimension permutation[i] of this.
  Array transposed(llvm::ArrayRef<int64_t> permutation) const;
  /// NumPy's broadcast_to.
  Array broadcasted(llvm::ArrayRef<int64_t> newShape) const;

  /// The values of a splat, dense or dense_resource attribute; failure if the
  /// blob is missing or too short, or the element type is not supported.
  static mlir::FailureOr<Array> fromAttribute(mlir::ElementsAttr attribute);
  /// A dense attribute of `type`'s shape in its storage type (floats round
  /// once).
  mlir::DenseElementsAttr toAttribute() const;
  /// The elements in storage type, little-endian, i1 as one byte: how a package
  /// and a kernel hold them.
  std::vector<char> toBytes() const;
  static mlir::FailureOr<Array> fromBytes(mlir::Type elementType,
                                          llvm::ArrayRef<int64_t> shape,
                                          llvm::ArrayRef<char> bytes);

private:
  mlir::Type elementType;
  Extents shape;
  std::shared_ptr<std::vector<double>> floatData;
  std::shared_ptr<std::vector<int64_t>> intData;
};

/// Row-major strides.
Extents rowMajorStrides(llvm::ArrayRef<int64_t> shape);

/// Bytes of one element as kernels store it; i1 takes one.
int64_t storageBytes(mlir::Type elementType);

/// Calls `visit(index, position)` for each index of `shape` in row-major order.
template <typename Visit>
void forEachIndex(llvm::ArrayRef<int64_t> shape, Visit visit) {
  int64_t total = 1;
  for (int64_t extent : shape)
    total *= extent;
  Extents index(shape.size(), 0);
  for (int64_t position = 0; position < total; ++position) {
    visit(llvm::ArrayRef<int64_t>(index), position);
    for (int64_t axis = int64_t(shape.size()) - 1; axis >= 0; --axis) {
      if (++index[axis] < shape[axis])
        break;
      index[axis] = 0;
    }
  }
}

} // namespace attune::nn
