// Floats, comparisons and conversions. Integers: ScalarIntegers.cpp.
#include "compiler/kernels/ScalarBuilder.h"

#include "dialects/nn/ElementwiseKinds.h"
#include "dialects/tile/Tile.h"
#include <cmath>
#include <numbers>

namespace attune::kernels {

using namespace mlir;
using Kind = nn::ElementwiseKind;

static Type elementOf(Value block) {
  return getElementTypeOrSelf(block.getType());
}

static bool isFloat(Value block) { return isa<FloatType>(elementOf(block)); }

//===----------------------------------------------------------------------===//
// Blocks of one value
//===----------------------------------------------------------------------===//

Type ScalarBuilder::blockOf(Type element) {
  SmallVector<int64_t> shape;
  for (Value span : spans)
    shape.push_back(mlir::cast<tile::SpanType>(span.getType()).getSize());
  return RankedTensorType::get(shape, element);
}

Value ScalarBuilder::splat(TypedAttr value) {
  auto type = mlir::cast<RankedTensorType>(blockOf(value.getType()));
  if (type.hasStaticShape())
    return arith::ConstantOp::create(builder, loc,
                                     DenseElementsAttr::get(type, value));
  // A block of run-time extent has no constant: repeat the scalar.
  Value scalar = arith::ConstantOp::create(builder, loc, value);
  SmallVector<Value> repeated;
  for (auto [dim, span] : llvm::enumerate(spans))
    if (type.isDynamicDim(dim))
      repeated.push_back(span);
  return tile::BroadcastOp::create(builder, loc, type, scalar,
                                   builder.getDenseI64ArrayAttr({}), repeated);
}

Value ScalarBuilder::splat(Type element, double value) {
  if (isa<FloatType>(element))
    return splat(builder.getFloatAttr(element, value));
  return splat(builder.getIntegerAttr(element, std::llround(value)));
}

Value ScalarBuilder::like(Value x, double value) {
  return splat(elementOf(x), value);
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

#define ARITH(NAME, ...) arith::NAME::create(builder, loc, __VA_ARGS__)
#define MATH(NAME, ...) math::NAME::create(builder, loc, __VA_ARGS__)

// 1 / (1 + exp(-x)), with a quotient that may be off by 2 ulp, as exp is: some
// targets take a third of the time for it.
Value ScalarBuilder::sigmoid(Value x) {
  Value e = MATH(ExpOp, ARITH(NegFOp, x));
  return ARITH(DivFOp, like(x, 1), ARITH(AddFOp, like(x, 1), e),
               arith::FastMathFlags::afn);
}

// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
Value ScalarBuilder::geluTanh(Value x) {
  Value square = ARITH(MulFOp, x, x);
  Value factor =
      ARITH(AddFOp, ARITH(MulFOp, square, like(x, 0.044715)), like(x, 1));
  Value scaled = ARITH(MulFOp, x, like(x, std::sqrt(2 / std::numbers::pi)));
  Value tanh = MATH(TanhOp, ARITH(MulFOp, scaled, factor));
  Value half = ARITH(MulFOp, x, like(x, 0.5));
  return ARITH(MulFOp, half, ARITH(AddFOp, tanh, like(x, 1)));
}

// max(x, 0) + log1p(exp(-|x|)), which overflows for no x.
Value ScalarBuilder::softplus(Value x) {
  Value e = MATH(ExpOp, ARITH(NegFOp, MATH(AbsFOp, x)));
  return ARITH(AddFOp, ARITH(MaximumFOp, x, like(x, 0)), MATH(Log1pOp, e));
}

Value ScalarBuilder::floatUnary(Kind kind, Value x) {
  switch (kind) {
  case Kind::Abs:
    return MATH(AbsFOp, x);
  case Kind::Neg:
    return ARITH(NegFOp, x);
  case Kind::Sign: {
    // Zero and NaN stay what they are.
    Value zero = like(x, 0);
    Value negative = ARITH(CmpFOp, arith::CmpFPredicate::OLT, x, zero);
    Value positive = ARITH(CmpFOp, arith::CmpFPredicate::OGT, x, zero);
    Value low = ARITH(SelectOp, negative, like(x, -1), x);
    return ARITH(SelectOp, positive, like(x, 1), low);
  }
  case Kind::Exp:
    return MATH(ExpOp, x);
  case Kind::Log:
    return MATH(LogOp, x);
  case Kind::Sqrt:
    return MATH(SqrtOp, x);
  case Kind::Rsqrt:
    return MATH(RsqrtOp, x);
  case Kind::Reciprocal:
    return ARITH(DivFOp, like(x, 1), x);
  case Kind::Erf:
    return MATH(ErfOp, x);
  case Kind::Tanh:
    return MATH(TanhOp, x);
  case Kind::Sigmoid:
    return sigmoid(x);
  case Kind::Sin:
    return MATH(SinOp, x);
  case Kind::Cos:
    return MATH(CosOp, x);
  case Kind::Floor:
    return MATH(FloorOp, x);
  case Kind::Ceil:
    return MATH(CeilOp, x);
  case Kind::Round:
    return MATH(RoundEvenOp, x);
  case Kind::Relu:
    return ARITH(MaximumFOp, x, like(x, 0));
  case Kind::GeluErf: {
    // x / 2 * (1 + erf(x / sqrt(2)))
    Value erf = MATH(ErfOp, ARITH(MulFOp, x, like(x, 1 / std::numbers::sqrt2)));
    Value half = ARITH(MulFOp, x, like(x, 0.5));
    return ARITH(MulFOp, half, ARITH(AddFOp, erf, like(x, 1)));
  }
  case Kind::GeluTanh:
    return geluTanh(x);
  case Kind::Silu:
    return ARITH(MulFOp, x, sigmoid(x));
  case Kind::Softplus:
    return softplus(x);
  case Kind::IsNan:
    return ARITH(CmpFOp, arith::CmpFPredicate::UNO, x, x);
  case Kind::IsInf:
    return ARITH(CmpFOp, arith::CmpFPredicate::OEQ, MATH(AbsFOp, x),
                 like(x, INFINITY));
  default:
    return {};
  }
}

// The constant that a block repeats, if it is one.
static std::optional<double> constantOf(Value block) {
  FloatAttr value;
  DenseElementsAttr dense;
  if (matchPattern(block, m_Constant(&dense)) && dense.isSplat())
    value = dyn_cast<FloatAttr>(dense.getSplatValue<Attribute>());
  else if (auto repeated = block.getDefiningOp<tile::BroadcastOp>())
    matchPattern(repeated.getSource(), m_Constant(&value));
  if (!value)
    return std::nullopt;
  return value.getValueAsDouble();
}

// Squares and roots are what models raise to; a general power is ten times as
// slow.
Value ScalarBuilder::pow(Value base, Value exponent) {
  std::optional<double> value = constantOf(exponent);
  if (value == 1)
    return base;
  if (value == 2)
    return ARITH(MulFOp, base, base);
  if (value == 3)
    return ARITH(MulFOp, ARITH(MulFOp, base, base), base);
  if (value == -1)
    return ARITH(DivFOp, like(base, 1), base);
  return MATH(PowFOp, base, exponent);
}

// The remainder with the sign of the divisor: that of the dividend, which is
// exact, moved by one divisor where the signs differ. A remainder of 0 takes
// the divisor's sign as well.
Value ScalarBuilder::floatModulo(Value a, Value b) {
  using Predicate = arith::CmpFPredicate;
  Value remainder = ARITH(RemFOp, a, b), zero = like(a, 0);
  Value below = ARITH(CmpFOp, Predicate::OLT, remainder, zero);
  Value divisorBelow = ARITH(CmpFOp, Predicate::OLT, b, zero);
  Value differ = ARITH(XOrIOp, below, divisorBelow);
  Value moved = ARITH(SelectOp, differ, ARITH(AddFOp, remainder, b), remainder);
  Value isZero = ARITH(CmpFOp, Predicate::OEQ, remainder, zero);
  return ARITH(SelectOp, isZero, MATH(CopySignOp, zero, b), moved);
}

Value ScalarBuilder::floatBinary(Kind kind, Value a, Value b) {
  switch (kind) {
  case Kind::Add:
    return ARITH(AddFOp, a, b);
  case Kind::Sub:
    return ARITH(SubFOp, a, b);
  case Kind::Mul:
    return ARITH(MulFOp, a, b);
  case Kind::Div:
    return ARITH(DivFOp, a, b);
  case Kind::Pow:
    return pow(a, b);
  case Kind::Max:
    return ARITH(MaximumFOp, a, b);
  case Kind::Min:
    return ARITH(MinimumFOp, a, b);
  case Kind::Mod:
    return floatModulo(a, b);
  case Kind::Fmod:
    return ARITH(RemFOp, a, b);
  default:
    return {};
  }
}

//===----------------------------------------------------------------------===//
// Comparisons and conversions
//===----------------------------------------------------------------------===//

static arith::CmpFPredicate floatPredicate(Kind kind) {
  switch (kind) {
  case Kind::Equal:
    return arith::CmpFPredicate::OEQ;
  case Kind::Less:
    return arith::CmpFPredicate::OLT;
  case Kind::LessEqual:
    return arith::CmpFPredicate::OLE;
  case Kind::Greater:
    return arith::CmpFPredicate::OGT;
  default:
    return arith::CmpFPredicate::OGE;
  }
}

// A bool is 0 or 1, not 0 or -1.
static arith::CmpIPredicate integerPredicate(Kind kind, bool isBool) {
  using Predicate = arith::CmpIPredicate;
  switch (kind) {
  case Kind::Equal:
    return Predicate::eq;
  case Kind::Less:
    return isBool ? Predicate::ult : Predicate::slt;
  case Kind::LessEqual:
    return isBool ? Predicate::ule : Predicate::sle;
  case Kind::Greater:
    return isBool ? Predicate::ugt : Predicate::sgt;
  default:
    return isBool ? Predicate::uge : Predicate::sge;
  }
}

Value ScalarBuilder::compare(Kind kind, Value a, Value b) {
  if (isFloat(a))
    return ARITH(CmpFOp, floatPredicate(kind), a, b);
  bool isBool = elementOf(a).isInteger(1);
  return ARITH(CmpIOp, integerPredicate(kind, isBool), a, b);
}

// Truncates; saturates outside the range; NaN gives 0. arith.fptosi is
// undefined there, so it never sees such a value.
Value ScalarBuilder::floatToInteger(Value x, Type to) {
  unsigned width = to.getIntOrFloatBitWidth();
  double limit = std::ldexp(1.0, int(width) - 1);
  Value inside =
      ARITH(CmpFOp, arith::CmpFPredicate::OLT, MATH(AbsFOp, x), like(x, limit));
  Value above = ARITH(CmpFOp, arith::CmpFPredicate::OGE, x, like(x, limit));
  Value below = ARITH(CmpFOp, arith::CmpFPredicate::OLE, x, like(x, -limit));
  Value safe = ARITH(SelectOp, inside, x, like(x, 0));
  Value integer = ARITH(FPToSIOp, blockOf(to), safe);
  Value greatest =
      splat(builder.getIntegerAttr(to, APInt::getSignedMaxValue(width)));
  Value least =
      splat(builder.getIntegerAttr(to, APInt::getSignedMinValue(width)));
  integer = ARITH(SelectOp, above, greatest, integer);
  return ARITH(SelectOp, below, least, integer);
}

Value ScalarBuilder::cast(Value x, Type to) {
  Type from = elementOf(x);
  Type block = blockOf(to);
  if (from == to)
    return x;
  if (to.isInteger(1))
    return isFloat(x)
               ? Value(ARITH(CmpFOp, arith::CmpFPredicate::UNE, x, like(x, 0)))
               : Value(ARITH(CmpIOp, arith::CmpIPredicate::ne, x, like(x, 0)));
  unsigned oldWidth = from.getIntOrFloatBitWidth();
  unsigned newWidth = to.getIntOrFloatBitWidth();
  if (isFloat(x) && isa<FloatType>(to)) {
    if (oldWidth == newWidth) // f16 and bf16: neither holds the other
      return ARITH(TruncFOp, block,
                   ARITH(ExtFOp, blockOf(builder.getF32Type()), x));
    return oldWidth < newWidth ? Value(ARITH(ExtFOp, block, x))
                               : Value(ARITH(TruncFOp, block, x));
  }
  if (isFloat(x))
    return floatToInteger(x, to);
  bool isBool = from.isInteger(1);
  if (isa<FloatType>(to))
    return isBool ? Value(ARITH(UIToFPOp, block, x))
                  : Value(ARITH(SIToFPOp, block, x));
  if (oldWidth > newWidth)
    return ARITH(TruncIOp, block, x);
  return isBool ? Value(ARITH(ExtUIOp, block, x))
                : Value(ARITH(ExtSIOp, block, x));
}

//===----------------------------------------------------------------------===//
// The table's entrance
//===----------------------------------------------------------------------===//

static bool isComparison(Kind kind) {
  return nn::givesBool(kind) && nn::arity(kind) == 2;
}

FailureOr<Value> ScalarBuilder::buildWide(Kind kind, ValueRange inputs,
                                          Type element) {
  SmallVector<Value> wide;
  for (Value input : inputs)
    wide.push_back(cast(input, builder.getF32Type()));
  FailureOr<Value> value = build(kind, wide, computedIn(element));
  return failed(value) ? value : FailureOr<Value>(cast(*value, element));
}

FailureOr<Value> ScalarBuilder::build(Kind kind, ValueRange inputs,
                                      Type element) {
  if (kind != Kind::Select && kind != Kind::Cast &&
      isHalf(elementOf(inputs[0])))
    return buildWide(kind, inputs, element);
  Value result;
  if (kind == Kind::Select)
    result = ARITH(SelectOp, inputs[0], inputs[1], inputs[2]);
  else if (kind == Kind::Cast)
    result = cast(inputs[0], element);
  else if (isComparison(kind))
    result = compare(kind, inputs[0], inputs[1]);
  else if (nn::arity(kind) == 1)
    result = isFloat(inputs[0]) ? floatUnary(kind, inputs[0])
                                : integerUnary(kind, inputs[0]);
  else
    result = isFloat(inputs[0]) ? floatBinary(kind, inputs[0], inputs[1])
                                : integerBinary(kind, inputs[0], inputs[1]);
  if (!result)
    return failure();
  assert(elementOf(result) == element && "the kind has another result type");
  return result;
}

#undef ARITH
#undef MATH

} // namespace attune::kernels
