// Matchers that do not care about operand order, and small reading helpers.
// Shared by the detection passes; private to detect/.
#pragma once

#include "compiler/cleanup/ElementExpr.h"
#include "compiler/cleanup/Views.h"
#include "dialects/nn/NN.h"

namespace attune::detect {

/// The elementwise op of a kind that makes `value`, else null.
inline nn::ElementwiseOp asElementwise(mlir::Value value,
                                       nn::ElementwiseKind kind) {
  auto op = value.getDefiningOp<nn::ElementwiseOp>();
  return op && op.getKind() == kind ? op : nn::ElementwiseOp();
}

/// `value` without casts between float types.
mlir::Value skipFloatCasts(mlir::Value value);

/// x and c if value is x * c, x / c or c * x with a constant c, in any
/// spelling.
struct Scaled {
  mlir::Value value;
  double factor;
};
std::optional<Scaled> asScaled(mlir::Value value);

/// x and c if value is x + c, c + x or x - c.
struct Shifted {
  mlir::Value value;
  double offset;
};
std::optional<Shifted> asShifted(mlir::Value value);

/// The factors of a product, however it is nested; constants are multiplied
/// into `constant`. Inner products with other uses are factors.
struct Product {
  llvm::SmallVector<mlir::Value> factors;
  double constant = 1;
};
Product asProduct(mlir::Value value);

/// Coefficients by power of `value` as a polynomial in `x`; nothing if it is
/// none or of degree over 4.
std::optional<std::array<double, 5>> polynomialIn(mlir::Value value,
                                                  mlir::Value x);

/// Equal to a literal of a model: within 1e-3 relative (exporters round
/// 0.044715 and sqrt(2 / pi) in many ways).
bool isNear(double value, double expected);

/// A location that names `main` first, then the other parts.
mlir::Location fuseLocations(mlir::Operation *main,
                             llvm::ArrayRef<mlir::Operation *> parts);

} // namespace attune::detect
