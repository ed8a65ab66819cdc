// Elementwise kinds of nn as arith and math ops on blocks: the one table that
// contraction epilogues, row and map kernels share.
//
// Enters: a kind and blocks (builtin tensors) of one shape. Leaves: a block.
// What an op means is what dialects/nn/reference computes: integer division by
// zero is 0, conversions saturate, NaN wins in max and min, comparisons with
// NaN are false.
#pragma once

#include "dialects/nn/NN.h"
#include "mlir/IR/Builders.h"

namespace attune::kernels {

/// Half precision is for storage and for the operands of dots: values are
/// computed in f32 and rounded once.
inline bool isHalf(mlir::Type element) {
  return element.isF16() || element.isBF16();
}
inline mlir::Type computedIn(mlir::Type element) {
  return isHalf(element) ? mlir::Float32Type::get(element.getContext())
                         : element;
}

class ScalarBuilder {
public:
  /// Blocks have the shape of the sizes of `spans` (!tile.span values, one for
  /// each dim; none: rank 0).
  ScalarBuilder(mlir::OpBuilder &builder, mlir::Location loc,
                mlir::ValueRange spans)
      : builder(builder), loc(loc), spans(spans) {}

  /// The block of `kind` of `inputs`; elements are of type `element`. Fails
  /// without a message if the kind is not defined for these element types.
  mlir::FailureOr<mlir::Value>
  build(nn::ElementwiseKind kind, mlir::ValueRange inputs, mlir::Type element);

  /// A block of one value everywhere; an integer's is rounded.
  mlir::Value splat(mlir::Type element, double value);
  mlir::Value splat(mlir::TypedAttr value);

private:
  mlir::FailureOr<mlir::Value> buildWide(nn::ElementwiseKind kind,
                                         mlir::ValueRange inputs,
                                         mlir::Type element);
  mlir::Value floatUnary(nn::ElementwiseKind kind, mlir::Value x);
  mlir::Value floatBinary(nn::ElementwiseKind kind, mlir::Value a,
                          mlir::Value b);
  mlir::Value floatModulo(mlir::Value a, mlir::Value b);
  mlir::Value integerUnary(nn::ElementwiseKind kind, mlir::Value x);
  mlir::Value integerBinary(nn::ElementwiseKind kind, mlir::Value a,
                            mlir::Value b);
  mlir::Value integerDivision(nn::ElementwiseKind kind, mlir::Value a,
                              mlir::Value b);
  mlir::Value compare(nn::ElementwiseKind kind, mlir::Value a, mlir::Value b);
  mlir::Value cast(mlir::Value x, mlir::Type to);
  mlir::Value floatToInteger(mlir::Value x, mlir::Type to);
  mlir::Value pow(mlir::Value base, mlir::Value exponent);
  mlir::Value sigmoid(mlir::Value x);
  mlir::Value geluTanh(mlir::Value x);
  mlir::Value softplus(mlir::Value x);

  mlir::Type blockOf(mlir::Type element);
  /// A block like `x` of one value everywhere.
  mlir::Value like(mlir::Value x, double value);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  llvm::SmallVector<mlir::Value> spans;
};

} // namespace attune::kernels
