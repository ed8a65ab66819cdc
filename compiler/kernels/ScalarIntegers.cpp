// Integers and bools. Arithmetic wraps; where arith is undefined (division by
// zero or of the least integer by -1) the value is made defined first, because
// block positions that nobody reads are computed too.
#include "compiler/kernels/ScalarBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace attune::kernels {

using namespace mlir;
using Kind = nn::ElementwiseKind;

#define ARITH(NAME, ...) arith::NAME::create(builder, loc, __VA_ARGS__)

static bool isBool(Value block) {
  return getElementTypeOrSelf(block.getType()).isInteger(1);
}

Value ScalarBuilder::integerUnary(Kind kind, Value x) {
  switch (kind) {
  case Kind::Abs:
    return isBool(x) ? x : Value(math::AbsIOp::create(builder, loc, x));
  case Kind::Neg:
    return ARITH(SubIOp, like(x, 0), x);
  case Kind::Sign: {
    if (isBool(x))
      return x;
    Value low = ARITH(MinSIOp, x, like(x, 1));
    return ARITH(MaxSIOp, low, like(x, -1));
  }
  case Kind::Relu:
    return isBool(x) ? x : Value(ARITH(MaxSIOp, x, like(x, 0)));
  case Kind::Not: {
    Value isZero = ARITH(CmpIOp, arith::CmpIPredicate::eq, x, like(x, 0));
    return cast(isZero, getElementTypeOrSelf(x.getType()));
  }
  case Kind::Floor:
  case Kind::Ceil:
  case Kind::Round:
    return x;
  default:
    return {};
  }
}

// Quotients round towards zero. `mod` has the sign of the divisor.
Value ScalarBuilder::integerDivision(Kind kind, Value a, Value b) {
  Value zero = like(a, 0), one = like(a, 1);
  Value byZero = ARITH(CmpIOp, arith::CmpIPredicate::eq, b, zero);
  Value byMinusOne = ARITH(CmpIOp, arith::CmpIPredicate::eq, b, like(a, -1));
  Value special = ARITH(OrIOp, byZero, byMinusOne);
  Value divisor = ARITH(SelectOp, special, one, b);
  if (kind == Kind::Div) {
    Value quotient = ARITH(DivSIOp, a, divisor);
    quotient = ARITH(SelectOp, byMinusOne, ARITH(SubIOp, zero, a), quotient);
    return ARITH(SelectOp, byZero, zero, quotient);
  }
  // By one, which stands for 0 and -1 as well, the remainder is 0.
  Value remainder = ARITH(RemSIOp, a, divisor);
  if (kind == Kind::Fmod)
    return remainder;
  Value isLeft = ARITH(CmpIOp, arith::CmpIPredicate::ne, remainder, zero);
  Value signs = ARITH(CmpIOp, arith::CmpIPredicate::slt,
                      ARITH(XOrIOp, remainder, divisor), zero);
  Value wrong = ARITH(AndIOp, isLeft, signs);
  Value shifted = ARITH(AddIOp, remainder, divisor);
  return ARITH(SelectOp, wrong, shifted, remainder);
}

Value ScalarBuilder::integerBinary(Kind kind, Value a, Value b) {
  switch (kind) {
  case Kind::Add:
    return ARITH(AddIOp, a, b);
  case Kind::Sub:
    return ARITH(SubIOp, a, b);
  case Kind::Mul:
    return ARITH(MulIOp, a, b);
  case Kind::Div:
  case Kind::Mod:
  case Kind::Fmod:
    return isBool(a) ? Value() : integerDivision(kind, a, b);
  case Kind::Pow:
    return isBool(a) ? Value()
                     : Value(math::IPowIOp::create(builder, loc, a, b));
  case Kind::Max:
    return isBool(a) ? Value(ARITH(OrIOp, a, b)) : Value(ARITH(MaxSIOp, a, b));
  case Kind::Min:
    return isBool(a) ? Value(ARITH(AndIOp, a, b)) : Value(ARITH(MinSIOp, a, b));
  case Kind::And:
    return ARITH(AndIOp, a, b);
  case Kind::Or:
    return ARITH(OrIOp, a, b);
  case Kind::Xor:
    return ARITH(XOrIOp, a, b);
  default:
    return {};
  }
}

#undef ARITH

} // namespace attune::kernels
