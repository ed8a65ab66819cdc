// Values of the elementwise kinds.
#include "dialects/nn/ElementwiseKinds.h"
#include "dialects/nn/reference/EvaluateModels.h"
#include <cmath>
#include <numbers>

namespace attune::nn {

using namespace mlir;
using Kind = ElementwiseKind;

static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

static double geluTanh(double x) {
  return 0.5 * x *
         (1 + std::tanh(std::sqrt(2 / std::numbers::pi) *
                        (x + 0.044715 * x * x * x)));
}

static double unary(Kind kind, double x) {
  switch (kind) {
  case Kind::Abs:
    return std::fabs(x);
  case Kind::Neg:
    return -x;
  case Kind::Sign:
    return std::isnan(x) ? x : double(x > 0) - double(x < 0);
  case Kind::Exp:
    return std::exp(x);
  case Kind::Log:
    return std::log(x);
  case Kind::Sqrt:
    return std::sqrt(x);
  case Kind::Rsqrt:
    return 1 / std::sqrt(x);
  case Kind::Reciprocal:
    return 1 / x;
  case Kind::Erf:
    return std::erf(x);
  case Kind::Tanh:
    return std::tanh(x);
  case Kind::Sigmoid:
    return sigmoid(x);
  case Kind::Sin:
    return std::sin(x);
  case Kind::Cos:
    return std::cos(x);
  case Kind::Floor:
    return std::floor(x);
  case Kind::Ceil:
    return std::ceil(x);
  case Kind::Round:
    return std::nearbyint(x); // half to even, the default rounding mode
  case Kind::Relu:
    return x < 0 ? 0 : x;
  case Kind::GeluErf:
    return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
  case Kind::GeluTanh:
    return geluTanh(x);
  case Kind::Silu:
    return x * sigmoid(x);
  case Kind::Softplus:
    return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x)));
  default:
    llvm_unreachable("not a float function of one operand");
  }
}

static double binary(Kind kind, double a, double b) {
  switch (kind) {
  case Kind::Add:
    return a + b;
  case Kind::Sub:
    return a - b;
  case Kind::Mul:
    return a * b;
  case Kind::Div:
    return a / b;
  case Kind::Pow:
    return std::pow(a, b);
  case Kind::Max: // NaN wins, as in ONNX and IEEE 754-2019 maximum
    return std::isnan(a) || std::isnan(b) ? NAN : std::fmax(a, b);
  case Kind::Min:
    return std::isnan(a) || std::isnan(b) ? NAN : std::fmin(a, b);
  case Kind::Mod: {
    double remainder = std::fmod(a, b);
    if (remainder == 0)
      return std::copysign(0.0, b);
    return (remainder < 0) != (b < 0) ? remainder + b : remainder;
  }
  case Kind::Fmod:
    return std::fmod(a, b);
  default:
    llvm_unreachable("not a float function of two operands");
  }
}

static bool compare(Kind kind, auto a, auto b) {
  switch (kind) {
  case Kind::Equal:
    return a == b;
  case Kind::Less:
    return a < b;
  case Kind::LessEqual:
    return a <= b;
  case Kind::Greater:
    return a > b;
  case Kind::GreaterEqual:
    return a >= b;
  default:
    llvm_unreachable("not a comparison");
  }
}

// Integer arithmetic wraps at 64 bits here and is cut to the storage width by
// `wrap`; division by zero gives 0, as the kernels do.
static int64_t unaryInt(Kind kind, int64_t x) {
  switch (kind) {
  case Kind::Abs:
    return x < 0 ? int64_t(-uint64_t(x)) : x;
  case Kind::Neg:
    return int64_t(-uint64_t(x));
  case Kind::Sign:
    return (x > 0) - (x < 0);
  case Kind::Relu:
    return std::max<int64_t>(x, 0);
  case Kind::Not:
    return !x;
  case Kind::Floor:
  case Kind::Ceil:
  case Kind::Round:
    return x;
  default:
    return int64_t(unary(kind, double(x)));
  }
}

static int64_t power(int64_t base, int64_t exponent) {
  if (exponent < 0)
    return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
  uint64_t result = 1, factor = base;
  for (; exponent; exponent >>= 1, factor *= factor)
    if (exponent & 1)
      result *= factor;
  return result;
}

static int64_t binaryInt(Kind kind, int64_t a, int64_t b) {
  switch (kind) {
  case Kind::Add:
    return uint64_t(a) + uint64_t(b);
  case Kind::Sub:
    return uint64_t(a) - uint64_t(b);
  case Kind::Mul:
    return uint64_t(a) * uint64_t(b);
  case Kind::Div:
    return b == 0 ? 0 : b == -1 ? int64_t(-uint64_t(a)) : a / b;
  case Kind::Pow:
    return power(a, b);
  case Kind::Max:
    return std::max(a, b);
  case Kind::Min:
    return std::min(a, b);
  case Kind::Mod:
    return b == 0 || b == -1                    ? 0
           : (a % b != 0 && (a < 0) != (b < 0)) ? a % b + b
                                                : a % b;
  case Kind::Fmod:
    return b == 0 || b == -1 ? 0 : a % b;
  case Kind::And:
    return a & b;
  case Kind::Or:
    return a | b;
  case Kind::Xor:
    return a ^ b;
  default:
    llvm_unreachable("not an integer function of two operands");
  }
}

static int64_t wrap(int64_t value, Type type) {
  switch (type.getIntOrFloatBitWidth()) {
  case 1:
    return value & 1;
  case 8:
    return int8_t(value);
  case 16:
    return int16_t(value);
  case 32:
    return int32_t(value);
  default:
    return value;
  }
}

// Truncates; outside the range the value saturates and NaN gives 0.
static int64_t toInteger(double value, Type type) {
  if (std::isnan(value))
    return 0;
  double limit = std::ldexp(1.0, int(type.getIntOrFloatBitWidth()) - 1);
  if (value >= limit)
    return limit >= 0x1p63 ? INT64_MAX : int64_t(limit) - 1;
  if (value <= -limit)
    return limit >= 0x1p63 ? INT64_MIN : -int64_t(limit);
  return int64_t(value);
}

static Array cast(const Array &input, Type to) {
  Array result(to, input.getShape());
  for (int64_t i = 0, n = result.size(); i < n; ++i) {
    if (result.isFloat())
      result.floats()[i] = input.get<double>(i);
    else if (to.isInteger(1))
      result.ints()[i] = input.get<double>(i) != 0;
    else if (input.isFloat())
      result.ints()[i] = toInteger(input.floats()[i], to);
    else
      result.ints()[i] = wrap(input.ints()[i], to);
  }
  return result;
}

static Array applyUnary(Kind kind, const Array &x, Type resultType) {
  Array result(resultType, x.getShape());
  for (int64_t i = 0, n = result.size(); i < n; ++i) {
    if (kind == Kind::IsNan || kind == Kind::IsInf)
      result.ints()[i] =
          x.isFloat() && (kind == Kind::IsNan ? std::isnan(x.floats()[i])
                                              : std::isinf(x.floats()[i]));
    else if (x.isFloat())
      result.floats()[i] = unary(kind, x.floats()[i]);
    else
      result.ints()[i] = wrap(unaryInt(kind, x.ints()[i]), resultType);
  }
  return result;
}

static Array applyBinary(Kind kind, const Array &a, const Array &b,
                         Type resultType) {
  Array result(resultType, a.getShape());
  for (int64_t i = 0, n = result.size(); i < n; ++i) {
    if (givesBool(kind))
      result.ints()[i] = a.isFloat()
                             ? compare(kind, a.floats()[i], b.floats()[i])
                             : compare(kind, a.ints()[i], b.ints()[i]);
    else if (result.isFloat())
      result.floats()[i] = binary(kind, a.floats()[i], b.floats()[i]);
    else
      result.ints()[i] =
          wrap(binaryInt(kind, a.ints()[i], b.ints()[i]), resultType);
  }
  return result;
}

static Array applySelect(const Array &condition, const Array &a,
                         const Array &b) {
  Array result(a.getElementType(), a.getShape());
  for (int64_t i = 0, n = result.size(); i < n; ++i) {
    const Array &from = condition.ints()[i] ? a : b;
    if (result.isFloat())
      result.floats()[i] = from.floats()[i];
    else
      result.ints()[i] = from.ints()[i];
  }
  return result;
}

static Arrays evaluateElementwise(ElementwiseOp op, Evaluator &evaluator,
                                  ArrayRef<Array> operands) {
  auto shape =
      evaluator.extents(::mlir::cast<RankedTensorType>(op.getType()), op);
  if (failed(shape))
    return failure();
  SmallVector<Array> inputs;
  for (const Array &operand : operands)
    inputs.push_back(operand.broadcasted(*shape));
  Type type = ::mlir::cast<RankedTensorType>(op.getType()).getElementType();
  if (op.getKind() == Kind::Cast)
    return one(cast(inputs[0], type));
  switch (arity(op.getKind())) {
  case 1:
    return one(applyUnary(op.getKind(), inputs[0], type));
  case 2:
    return one(applyBinary(op.getKind(), inputs[0], inputs[1], type));
  default:
    return one(applySelect(inputs[0], inputs[1], inputs[2]));
  }
}

void attachElementwiseEvaluators(MLIRContext &context) {
  ElementwiseOp::attachInterface<
      EvaluateModel<ElementwiseOp, evaluateElementwise>>(context);
}

} // namespace attune::nn
