// Attaches the derivatives, one function per file. Private to the stage.
#pragma once

#include "compiler/differentiate/Derivatives.h"
#include "compiler/differentiate/Formula.h"

namespace attune::differentiate {

void attachElementwiseDerivatives(mlir::MLIRContext &context);
void attachReduceDerivatives(mlir::MLIRContext &context);
void attachProductDerivatives(mlir::MLIRContext &context);
void attachDataDerivatives(mlir::MLIRContext &context);

/// What a derivative is built from and what it gives.
struct Vjp {
  Site &site;
  llvm::ArrayRef<mlir::Value> cotangents;
  llvm::ArrayRef<bool> needed;
  /// One for each operand, null at first.
  llvm::SmallVectorImpl<mlir::Value> &gradients;

  /// The cotangent of a result; null if the loss does not read it.
  Expr cotangent(unsigned result = 0) const {
    return {site, cotangents[result]};
  }
};

template <typename Op>
bool isNeverFlat(Op) {
  return false;
}

/// External model of `Op` that calls `function(op, vjp)` and `flat(op)`.
template <typename Op, auto function, auto flat = isNeverFlat<Op>>
struct DerivativeModel : DifferentiateOpInterface::ExternalModel<
                             DerivativeModel<Op, function, flat>, Op> {
  mlir::LogicalResult
  buildVjp(mlir::Operation *op, mlir::OpBuilder &builder,
           llvm::ArrayRef<mlir::Value> cotangents, llvm::ArrayRef<bool> needed,
           llvm::SmallVectorImpl<mlir::Value> &gradients) const {
    gradients.assign(op->getNumOperands(), mlir::Value());
    Site site{builder, gradientLocation(op)};
    return function(mlir::cast<Op>(op),
                    Vjp{site, cotangents, needed, gradients});
  }
  bool isFlat(mlir::Operation *op) const { return flat(mlir::cast<Op>(op)); }
};

template <typename Op, auto function, auto flat = isNeverFlat<Op>>
void attachDerivative(mlir::MLIRContext &context) {
  Op::template attachInterface<DerivativeModel<Op, function, flat>>(context);
}

} // namespace attune::differentiate
