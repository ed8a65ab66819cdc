// nn ops written as the formulas that they are: `y * (dy - sum(dy * y))`.
#pragma once

#include "dialects/nn/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

namespace attune::differentiate {

/// Where the ops of a formula are put.
struct Site {
  mlir::OpBuilder &builder;
  mlir::Location loc;
};

/// Where the gradient of an op stands: under the op's name and `.grad`, so that
/// profiles and errors tell it from the op.
mlir::Location gradientLocation(mlir::Operation *op);

/// A tensor, or nothing, that arithmetic may be written with. Numbers become
/// constants of the other side's element type; shapes broadcast. Refers to its
/// site, which must outlive it.
class Expr {
public:
  Expr(Site &site, mlir::Value value) : site(&site), value(value) {}

  operator mlir::Value() const { return value; }
  explicit operator bool() const { return bool(value); }

  nn::Dims dims() const { return nn::getDims(value); }
  int64_t rank() const { return type().getRank(); }
  mlir::RankedTensorType type() const {
    return mlir::cast<mlir::RankedTensorType>(value.getType());
  }
  mlir::Type elementType() const { return type().getElementType(); }
  Site &getSite() const { return *site; }

  /// A rank-0 constant of this tensor's element type.
  Expr number(double value) const;
  Expr with(mlir::Value other) const { return {*site, other}; }

private:
  Site *site;
  mlir::Value value;
};

Expr apply(nn::ElementwiseKind kind, llvm::ArrayRef<Expr> operands);

Expr operator+(Expr a, Expr b);
Expr operator-(Expr a, Expr b);
Expr operator*(Expr a, Expr b);
Expr operator/(Expr a, Expr b);
inline Expr operator+(Expr a, double b) { return a + a.number(b); }
inline Expr operator-(Expr a, double b) { return a - a.number(b); }
inline Expr operator*(Expr a, double b) { return a * a.number(b); }
inline Expr operator/(Expr a, double b) { return a / a.number(b); }
inline Expr operator+(double a, Expr b) { return b.number(a) + b; }
inline Expr operator-(double a, Expr b) { return b.number(a) - b; }
inline Expr operator*(double a, Expr b) { return b * b.number(a); }
inline Expr operator/(double a, Expr b) { return b.number(a) / b; }
Expr operator-(Expr a);

Expr exp(Expr x);
Expr log(Expr x);
Expr sqrt(Expr x);
Expr equal(Expr a, Expr b);
Expr greater(Expr a, Expr b);
Expr select(Expr condition, Expr ifTrue, Expr ifFalse);
Expr castTo(Expr x, mlir::Type elementType);

/// Over `axes`, which stay as dims of 1.
Expr reduceKeeping(nn::ReduceKind kind, Expr x, llvm::ArrayRef<int64_t> axes);
Expr sumOver(Expr x, llvm::ArrayRef<int64_t> axes);

Expr reshape(Expr x, llvm::ArrayRef<nn::DimAttr> dims);
Expr transpose(Expr x, llvm::ArrayRef<int64_t> permutation);
Expr broadcast(Expr x, llvm::ArrayRef<nn::DimAttr> dims);
/// With dims of 1 put in at `axes`, as reduceKeeping leaves them.
Expr withOnes(Expr x, llvm::ArrayRef<int64_t> axes);

/// The dual of broadcasting `dims` to those of x: what was repeated is summed.
Expr sumTo(Expr x, llvm::ArrayRef<nn::DimAttr> dims);

/// A dim, or a product of dims, as a number of x's element type.
Expr dimension(Expr like, nn::DimAttr dim);

/// A constant with one value everywhere; `type` is static.
Expr splat(Site &site, mlir::RankedTensorType type, double value);

} // namespace attune::differentiate
