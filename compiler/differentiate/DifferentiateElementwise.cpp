// Derivatives of the elementwise kinds: a table of f', then the sums over what
// was broadcast.
#include "compiler/differentiate/DerivativeModels.h"
#include "dialects/nn/ElementwiseKinds.h"
#include <numbers>

namespace attune::differentiate {

using namespace mlir;
using nn::ElementwiseOp;
using Kind = nn::ElementwiseKind;

static Expr sigmoid(Expr x) { return apply(Kind::Sigmoid, {x}); }

// Phi(x) + x phi(x), with phi the normal density.
static Expr geluErfSlope(Expr x) {
  using std::numbers::inv_sqrtpi, std::numbers::sqrt2;
  Expr phi = exp(x * x * -0.5) * (inv_sqrtpi / sqrt2);
  return (apply(Kind::Erf, {x * (1 / sqrt2)}) + 1) * 0.5 + x * phi;
}

static Expr geluTanhSlope(Expr x) {
  constexpr double cubic = 0.044715;
  const double k = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
  Expr square = x * x;
  Expr t = apply(Kind::Tanh, {x * (square * cubic + 1) * k});
  return (t + 1) * 0.5 +
         x * (1 - t * t) * ((square * (3 * cubic) + 1) * (0.5 * k));
}

// f'(x), from x and y = f(x). Where both would do it is y, so that x need not
// be kept; of activations it is x, which is the sum of a product.
static Expr slope(Kind kind, Expr x, Expr y) {
  switch (kind) {
  case Kind::Abs:
    return apply(Kind::Sign, {x});
  case Kind::Exp:
    return y;
  case Kind::Log:
    return apply(Kind::Reciprocal, {x});
  case Kind::Sqrt:
    return 0.5 / y;
  case Kind::Rsqrt:
    return y * y * y * -0.5;
  case Kind::Reciprocal:
    return -(y * y);
  case Kind::Erf:
    return exp(-(x * x)) * (2 * std::numbers::inv_sqrtpi);
  case Kind::Tanh:
    return 1 - y * y;
  case Kind::Sigmoid:
    return y * (1 - y);
  case Kind::Sin:
    return apply(Kind::Cos, {x});
  case Kind::Cos:
    return -apply(Kind::Sin, {x});
  case Kind::GeluErf:
    return geluErfSlope(x);
  case Kind::GeluTanh:
    return geluTanhSlope(x);
  case Kind::Silu: {
    Expr s = sigmoid(x);
    return s * (x * (1 - s) + 1);
  }
  case Kind::Softplus:
    return sigmoid(x);
  default:
    llvm_unreachable("not a function of one operand with a slope");
  }
}

static Expr unary(Kind kind, Expr x, Expr y, Expr dy) {
  switch (kind) {
  case Kind::Neg:
    return -dy;
  case Kind::Cast:
    return castTo(dy, x.elementType());
  case Kind::Relu:
    return select(greater(y, y.number(0)), dy, dy.number(0));
  default:
    return dy * slope(kind, x, y);
  }
}

// Of max(a, b) and min(a, b): the part of dy that the larger (smaller) operand
// `a` takes; of equal ones each takes half.
static Expr winner(Expr dy, Expr larger, Expr smaller) {
  Expr tie = select(equal(larger, smaller), dy * 0.5, dy.number(0));
  return select(greater(larger, smaller), dy, tie);
}

// 0^0 = 1 whatever the base, and 0^b = 0 whatever b > 0: there the formulas
// give 0 * inf.
static Expr powerByBase(Expr a, Expr b, Expr dy) {
  Expr slope = b * apply(Kind::Pow, {a, b - 1});
  return dy * select(equal(b, b.number(0)), slope.number(0), slope);
}
static Expr powerByExponent(Expr a, Expr b, Expr y, Expr dy) {
  Expr isZero = apply(Kind::And, {equal(a, a.number(0)),
                                  apply(Kind::GreaterEqual, {b, b.number(0)})});
  return dy * select(isZero, y.number(0), y * log(a));
}

// a mod b = a - b floor(a / b); fmod rounds the quotient towards zero.
static Expr remainderByDivisor(Kind kind, Expr a, Expr b, Expr dy) {
  Expr quotient = a / b;
  if (kind == Kind::Mod)
    return -(dy * apply(Kind::Floor, {quotient}));
  return -(dy * apply(Kind::Sign, {quotient}) *
           apply(Kind::Floor, {apply(Kind::Abs, {quotient})}));
}

static Expr byLeft(Kind kind, Expr a, Expr b, Expr y, Expr dy) {
  switch (kind) {
  case Kind::Add:
  case Kind::Sub:
  case Kind::Mod:
  case Kind::Fmod:
    return dy;
  case Kind::Mul:
    return dy * b;
  case Kind::Div:
    return dy / b;
  case Kind::Pow:
    return powerByBase(a, b, dy);
  case Kind::Max:
    return winner(dy, a, b);
  case Kind::Min:
    return winner(dy, b, a);
  default:
    llvm_unreachable("not a function of two operands with a slope");
  }
}

static Expr byRight(Kind kind, Expr a, Expr b, Expr y, Expr dy) {
  switch (kind) {
  case Kind::Add:
    return dy;
  case Kind::Sub:
    return -dy;
  case Kind::Mul:
    return dy * a;
  case Kind::Div:
    return -(dy * y / b);
  case Kind::Pow:
    return powerByExponent(a, b, y, dy);
  case Kind::Max:
    return winner(dy, b, a);
  case Kind::Min:
    return winner(dy, a, b);
  case Kind::Mod:
  case Kind::Fmod:
    return remainderByDivisor(kind, a, b, dy);
  default:
    llvm_unreachable("not a function of two operands with a slope");
  }
}

static Expr byOperand(ElementwiseOp op, unsigned operand, Expr dy) {
  auto in = [&](unsigned i) { return dy.with(op.getInputs()[i]); };
  Kind kind = op.getKind();
  Expr y = dy.with(op.getResult());
  if (kind == Kind::Select) {
    Expr zero = dy.number(0);
    return operand == 1 ? select(in(0), dy, zero) : select(in(0), zero, dy);
  }
  if (nn::arity(kind) == 1)
    return unary(kind, in(0), y, dy);
  return operand == 0 ? byLeft(kind, in(0), in(1), y, dy)
                      : byRight(kind, in(0), in(1), y, dy);
}

static LogicalResult differentiate(ElementwiseOp op, const Vjp &vjp) {
  for (auto [i, input] : llvm::enumerate(op.getInputs()))
    if (vjp.needed[i])
      vjp.gradients[i] =
          sumTo(byOperand(op, i, vjp.cotangent()), nn::getDims(input));
  return success();
}

static bool isFlat(ElementwiseOp op) {
  switch (op.getKind()) {
  case Kind::Sign:
  case Kind::Floor:
  case Kind::Ceil:
  case Kind::Round:
  case Kind::Not:
  case Kind::And:
  case Kind::Or:
  case Kind::Xor:
    return true;
  default:
    return nn::givesBool(op.getKind());
  }
}

void attachElementwiseDerivatives(MLIRContext &context) {
  attachDerivative<ElementwiseOp, differentiate, isFlat>(context);
}

} // namespace attune::differentiate
