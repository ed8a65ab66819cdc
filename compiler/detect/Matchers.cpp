// Products, sums and polynomials as meanings, not as trees.
#include "compiler/detect/Matchers.h"

namespace attune::detect {

using namespace mlir;
using cleanup::splatValue;
using nn::ElementwiseKind;
using nn::ElementwiseOp;
using Coefficients = std::array<double, 5>;

Value skipFloatCasts(Value value) {
  while (auto cast = asElementwise(value, ElementwiseKind::Cast)) {
    auto from = llvm::cast<RankedTensorType>(cast.getInputs()[0].getType());
    if (!isa<FloatType>(from.getElementType()) ||
        !isa<FloatType>(*cast.getTo()))
      break;
    value = cast.getInputs()[0];
  }
  return value;
}

std::optional<Scaled> asScaled(Value value) {
  if (auto mul = asElementwise(value, ElementwiseKind::Mul)) {
    for (unsigned side : {0, 1})
      if (auto factor = splatValue(mul.getInputs()[side]))
        return Scaled{mul.getInputs()[1 - side], *factor};
  } else if (auto div = asElementwise(value, ElementwiseKind::Div)) {
    if (auto divisor = splatValue(div.getInputs()[1]); divisor && *divisor != 0)
      return Scaled{div.getInputs()[0], 1 / *divisor};
  } else if (auto neg = asElementwise(value, ElementwiseKind::Neg)) {
    return Scaled{neg.getInputs()[0], -1};
  }
  return std::nullopt;
}

std::optional<Shifted> asShifted(Value value) {
  if (auto add = asElementwise(value, ElementwiseKind::Add)) {
    for (unsigned side : {0, 1})
      if (auto offset = splatValue(add.getInputs()[side]))
        return Shifted{add.getInputs()[1 - side], *offset};
  } else if (auto sub = asElementwise(value, ElementwiseKind::Sub)) {
    if (auto offset = splatValue(sub.getInputs()[1]))
      return Shifted{sub.getInputs()[0], -*offset};
  }
  return std::nullopt;
}

static void collectFactors(Value value, bool isRoot, Product &product) {
  if (auto constant = splatValue(value)) {
    product.constant *= *constant;
    return;
  }
  if (isRoot || value.hasOneUse()) {
    if (auto scaled = asScaled(value)) {
      product.constant *= scaled->factor;
      return collectFactors(scaled->value, false, product);
    }
    if (auto mul = asElementwise(value, ElementwiseKind::Mul)) {
      collectFactors(mul.getInputs()[0], false, product);
      return collectFactors(mul.getInputs()[1], false, product);
    }
  }
  product.factors.push_back(value);
}

Product asProduct(Value value) {
  Product product;
  collectFactors(value, /*isRoot=*/true, product);
  return product;
}

// ---- polynomials ----

static std::optional<Coefficients> multiply(const Coefficients &a,
                                            const Coefficients &b) {
  Coefficients result{};
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = 0; j < b.size(); ++j) {
      double product = a[i] * b[j];
      if (product == 0)
        continue;
      if (i + j >= result.size())
        return std::nullopt;
      result[i + j] += product;
    }
  return result;
}

static std::optional<Coefficients> combine(ElementwiseOp op, Value x) {
  auto lhs = polynomialIn(op.getInputs()[0], x);
  if (!lhs)
    return std::nullopt;
  if (op.getKind() == ElementwiseKind::Pow) {
    auto exponent = splatValue(op.getInputs()[1]);
    if (exponent != 2.0 && exponent != 3.0)
      return std::nullopt;
    auto square = multiply(*lhs, *lhs);
    return square && exponent == 3.0 ? multiply(*square, *lhs) : square;
  }
  auto rhs = polynomialIn(op.getInputs()[1], x);
  if (!rhs)
    return std::nullopt;
  switch (op.getKind()) {
  case ElementwiseKind::Mul:
    return multiply(*lhs, *rhs);
  case ElementwiseKind::Div: {
    auto divisor = splatValue(op.getInputs()[1]);
    if (!divisor || *divisor == 0)
      return std::nullopt;
    return multiply(*lhs, Coefficients{1 / *divisor});
  }
  default: {
    double sign = op.getKind() == ElementwiseKind::Sub ? -1 : 1;
    for (size_t i = 0; i < lhs->size(); ++i)
      (*lhs)[i] += sign * (*rhs)[i];
    return lhs;
  }
  }
}

std::optional<Coefficients> polynomialIn(Value value, Value x) {
  if (value == x)
    return Coefficients{0, 1};
  if (auto constant = splatValue(value))
    return Coefficients{*constant};
  auto op = value.getDefiningOp<ElementwiseOp>();
  if (!op)
    return std::nullopt;
  switch (op.getKind()) {
  case ElementwiseKind::Add:
  case ElementwiseKind::Sub:
  case ElementwiseKind::Mul:
  case ElementwiseKind::Div:
  case ElementwiseKind::Pow:
    return combine(op, x);
  default:
    return std::nullopt;
  }
}

bool isNear(double value, double expected) {
  return std::abs(value - expected) <= 1e-3 * std::abs(expected);
}

Location fuseLocations(Operation *main, ArrayRef<Operation *> parts) {
  SmallVector<Location> locations = {main->getLoc()};
  for (Operation *part : parts)
    locations.push_back(part->getLoc());
  return FusedLoc::get(main->getContext(), locations);
}

} // namespace attune::detect
