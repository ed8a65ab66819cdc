// Building and relating views: which dims a reshape merges, and the shortest
// chain of views that reads a tensor at given indices.
#pragma once

#include "compiler/cleanup/IndexSpace.h"
#include "mlir/IR/Builders.h"

namespace attune::cleanup {

/// Runs of dims with equal products: dims [from, from + fromSize) of one shape
/// hold the same elements, in the same order, as [to, to + toSize) of the
/// other.
struct ReshapeBlock {
  int64_t from, fromSize, to, toSize;
};

/// The finest blocks of a reshape, in order; nothing where products do not
/// match as polynomials. Dims of 1 join a neighbouring block.
std::optional<llvm::SmallVector<ReshapeBlock>>
reshapeBlocks(llvm::ArrayRef<nn::DimAttr> from, llvm::ArrayRef<nn::DimAttr> to);

/// A view of `root` whose element [variables...] is root[indices...]: slice,
/// transpose, reshape, broadcast, as far as each is needed. `dims` are the
/// extents of the result. Null if an index is not `constant + step * variable`
/// or a variable occurs twice.
mlir::Value buildView(mlir::OpBuilder &builder, mlir::Location location,
                      mlir::Value root, llvm::ArrayRef<nn::DimAttr> indices,
                      llvm::ArrayRef<nn::DimAttr> variables,
                      llvm::ArrayRef<nn::DimAttr> dims,
                      const IndexSpace &space);

/// View ops that do nothing are not made.
mlir::Value reshapeTo(mlir::OpBuilder &builder, mlir::Location location,
                      mlir::Value tensor, llvm::ArrayRef<nn::DimAttr> dims);
mlir::Value broadcastTo(mlir::OpBuilder &builder, mlir::Location location,
                        mlir::Value tensor, llvm::ArrayRef<nn::DimAttr> dims);
mlir::Value transposeTo(mlir::OpBuilder &builder, mlir::Location location,
                        mlir::Value tensor,
                        llvm::ArrayRef<int64_t> permutation);

/// A rank-0 constant of an element type.
mlir::Value scalarConstant(mlir::OpBuilder &builder, mlir::Location location,
                           double value, mlir::Type elementType);

} // namespace attune::cleanup
