// Makes nn ops and checks, before it does, what the op demands: an error is
// about the model's text and names the shapes it does not like.
#ifndef ATTUNE_FRONTENDS_DSL_GRAPH_H
#define ATTUNE_FRONTENDS_DSL_GRAPH_H

#include "frontends/dsl/Bounds.h"
#include "frontends/dsl/Value.h"
#include "mlir/IR/Builders.h"

namespace attune::dsl {

using Tensor = mlir::Value;
using MaybeTensor = mlir::FailureOr<mlir::Value>;

/// What random numbers of a function are drawn from; null outside of training.
struct RandomState {
  Tensor seed, step, first;
  /// The number of samples of a call: the first dim of the first input.
  DimAttr batch;
  int64_t nextId = 0;
};

class Graph {
public:
  Graph(mlir::MLIRContext *context, Errors &errors)
      : b(context), loc(b.getUnknownLoc()), errors(errors) {}

  mlir::OpBuilder b;
  mlir::Location loc; ///< Of the ops that are made.
  Span at;            ///< What is being expanded.
  Bounds bounds;
  RandomState *random = nullptr;
  Errors &errors;

  mlir::LogicalResult fail(const llvm::Twine &message) {
    errors.report(at, message.str());
    return mlir::failure();
  }

  DimAttr dim(int64_t value) const {
    return DimAttr::constant(b.getContext(), value);
  }
  /// Dims of which none is negative and that address has bits for.
  mlir::LogicalResult checkDims(llvm::ArrayRef<DimAttr> dims);
  static Dims dimsOf(Tensor x) { return nn::getDims(x); }
  static mlir::Type elementOf(Tensor x);
  static int64_t rankOf(Tensor x);

  /// A rank-0 tensor.
  Tensor scalar(mlir::Type element, double value);
  Tensor scalar(mlir::Type element, int64_t value);
  /// The same of a number that may hold symbols.
  Tensor scalar(mlir::Type element, DimAttr value);

  MaybeTensor elementwise(nn::ElementwiseKind kind,
                          llvm::ArrayRef<Tensor> inputs);
  /// On operands that may have failed, so that formulas nest.
  MaybeTensor apply(nn::ElementwiseKind kind,
                    llvm::ArrayRef<MaybeTensor> inputs);
  Tensor cast(Tensor x, mlir::Type element);

  MaybeTensor reshape(Tensor x, const Dims &dims);
  Tensor transpose(Tensor x, llvm::ArrayRef<int64_t> permutation);
  MaybeTensor broadcast(Tensor x, const Dims &dims);
  /// [first, first + size) with a step along one axis.
  MaybeTensor window(Tensor x, int64_t axis, DimAttr first, DimAttr size,
                     int64_t step = 1);
  MaybeTensor concat(llvm::ArrayRef<Tensor> parts, int64_t axis);
  MaybeTensor pad(Tensor x, int64_t axis, DimAttr before, DimAttr after,
                  Tensor value);
  MaybeTensor gather(Tensor data, Tensor indices, int64_t axis);
  MaybeTensor iota(DimAttr count);

  MaybeTensor reduce(nn::ReduceKind kind, Tensor x,
                     llvm::ArrayRef<int64_t> axes, bool keepdims);
  /// x W^T + bias, W as [outputs, inputs].
  MaybeTensor linear(Tensor x, Tensor weight, Tensor bias);
  MaybeTensor matmul(Tensor lhs, Tensor rhs);
  MaybeTensor softmax(Tensor x, int64_t axis);
  MaybeTensor norm(nn::NormKind kind, Tensor x, double eps, Tensor weight,
                   Tensor bias);

  /// Multiplies by 0 with probability `rate`, else by 1 / (1 - rate); one draw
  /// for each element of `dims`, which x has or broadcasts to x. The same
  /// tensor outside of training.
  MaybeTensor dropout(Tensor x, double rate, const Dims &dims);
  /// The `first` of nn.random for a tensor with these dims.
  MaybeTensor firstOf(llvm::ArrayRef<DimAttr> dims);

  /// Counts an op; fails when the model has become too large.
  mlir::LogicalResult spend();

private:
  uint64_t spent = 0;
};

} // namespace attune::dsl

#endif // ATTUNE_FRONTENDS_DSL_GRAPH_H
