//===- MathLowering.cpp - exponentials, logarithms and patterns -----------===//
//
// Enters: math ops on f32. Leaves: arithmetic. Here are exp and log with their
// relatives, and the table of patterns; MathFunctions.cpp and IntegerPower.cpp
// hold the rest. Polynomials: Cephes (S. Moshier) for exp and log on f32; the
// base-2 one is a minimax fit of 2^f with the constant term held at 1.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/MathLowering.h"
#include "compiler/target/common/MathExpansions.h"

using namespace mlir;
using namespace attune::target::common;
using Predicate = FloatMath::Predicate;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
static constexpr double kLn2 = 0.69314718055994530942;
static constexpr double kLog2E = 1.44269504088896340736;
/// ln 2 in two parts; the first has so few bits that n * high is exact.
static constexpr double kLn2High = 0.693359375,
                        kLn2Low = -2.12194440054690583e-4;

//===----------------------------------------------------------------------===//
// Exponentials
//===----------------------------------------------------------------------===//

/// y * 2^n, in two steps so that neither factor leaves the normal range while
/// the result may overflow or become subnormal. |n| <= 252.
static Value scale(FloatMath &m, Value y, Value n) {
  Value half = m.shiftRight(n, 1);
  return m.mul(m.mul(y, m.powerOfTwo(half)), m.powerOfTwo(m.subBits(n, half)));
}

/// e^r for |r| <= ln(2) / 2.
static Value expReduced(FloatMath &m, Value r) {
  Value p =
      m.polynomial(r, {5.0000001201e-1, 1.6666665459e-1, 4.1665795894e-2,
                       8.3334519073e-3, 1.3981999507e-3, 1.9875691500e-4});
  return m.add(m.fma(m.mul(r, r), p, r), m.real(1.0));
}

Value attune::target::common::expandExp(FloatMath &m, Value x) {
  Value clamped = m.clamp(x, -110.0, 90.0);
  Value n = m.round(m.mul(clamped, m.real(kLog2E)));
  Value r = m.fma(n, m.real(-kLn2High), clamped);
  r = m.fma(n, m.real(-kLn2Low), r);
  return scale(m, expReduced(m, r), m.toInteger(n));
}

Value attune::target::common::expandExp2(FloatMath &m, Value x) {
  Value clamped = m.clamp(x, -160.0, 130.0);
  Value n = m.round(clamped);
  Value f = m.sub(clamped, n);
  Value y =
      m.polynomial(f, {1.0, 0.693147214968, 0.240226527829, 0.0555031055101,
                       0.00961769297299, 0.00134066439024, 0.000155946781613});
  return scale(m, y, m.toInteger(n));
}

Value attune::target::common::expandExpM1(FloatMath &m, Value x) {
  // Near 0: x + x^2 p(x), which keeps the digits that e^x - 1 loses.
  Value p = m.polynomial(x, {1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720,
                             1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
                             1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600});
  Value near = m.fma(m.mul(x, x), p, x);
  Value far = m.sub(expandExp(m, x), m.real(1.0));
  Value isNear = m.compare(Predicate::OLT, m.abs(x), m.real(1.1));
  return m.select(isNear, near, far);
}

/// 2^x for x in [-127, 127]: adding 1.5 * 2^23 rounds to an integer and leaves
/// it in the low bits. 2^-127 comes out as bits 0, that is 0.
static Value exp2InRange(FloatMath &m, Value x, ArrayRef<double> polynomial) {
  Value magic = m.real(12582912.0);
  Value shifted = m.add(x, magic);
  Value f = m.sub(x, m.sub(shifted, magic));
  Value y = m.polynomial(f, polynomial);
  return m.fromBits(m.addBits(m.toBits(y), m.shiftLeft(m.toBits(shifted), 23)));
}

Value attune::target::common::expandNegativeExp2(FloatMath &m, Value x) {
  // Hidden below -127. NaN stays.
  Value low = m.real(-127.0);
  x = m.select(m.compare(Predicate::OGT, low, x), low, x);
  return exp2InRange(m, x,
                     {1.0, 0.693146977599, 0.240222420853, 0.0555073374341,
                      0.00967151264293, 0.00132647271507});
}

Value attune::target::common::emitSoftmaxExp2(Emitter &emit, Value x) {
  FloatMath m(emit, x.getType(), emit.hasFma);
  // Below -127 everything is hidden.
  x = emit.maxf(x, m.real(-127.0));
  return exp2InRange(
      m, x,
      {1.0, 0.693113604403, 0.240207110766, 0.0559768836305, 0.00978291263782});
}

//===----------------------------------------------------------------------===//
// Logarithms
//===----------------------------------------------------------------------===//

namespace {
/// x = (1 + t) * 2^e with 1 + t in [sqrt(1/2), sqrt(2)), for positive normal x.
struct Split {
  Value t, e;
};
} // namespace

static Split split(FloatMath &m, Value x) {
  bool wide = m.isDouble();
  int64_t shift = wide ? 52 : 23;
  // Bits of sqrt(1/2): subtracting them before the shift rounds the exponent.
  int64_t root = wide ? 0x3FE6A09E667F3BCD : 0x3F3504F3;
  Value bits = m.toBits(x);
  Value e = m.shiftRight(m.subBits(bits, m.bits(root)), shift);
  Value mantissa = m.fromBits(m.subBits(bits, m.shiftLeft(e, shift)));
  return {m.sub(mantissa, m.real(1.0)), m.fromInteger(e)};
}

/// log(1 + t) - t for t from `split`.
static Value logTail(FloatMath &m, Value t) {
  Value p =
      m.polynomial(t, {3.3333331174e-1, -2.4999993993e-1, 2.0000714765e-1,
                       -1.6668057665e-1, 1.4249322787e-1, -1.2420140846e-1,
                       1.1676998740e-1, -1.1514610310e-1, 7.0376836292e-2});
  Value square = m.mul(t, t);
  return m.fma(m.mul(square, t), p, m.mul(square, m.real(-0.5)));
}

/// Calls `core` on x made normal and then puts in the special cases.
static Value logOf(FloatMath &m, Value x,
                   function_ref<Value(const Split &)> core) {
  // Subnormals are scaled by 2^23 and the exponent corrected.
  Value isSmall = m.compare(Predicate::OLT, x, m.real(1.17549435e-38));
  Value normal = m.select(isSmall, m.mul(x, m.real(8388608.0)), x);
  Split parts = split(m, normal);
  parts.e = m.select(isSmall, m.sub(parts.e, m.real(23.0)), parts.e);
  Value result = core(parts);
  result = m.select(m.compare(Predicate::OEQ, x, m.real(kInfinity)), x, result);
  result = m.select(m.compare(Predicate::OEQ, x, m.real(0.0)),
                    m.real(-kInfinity), result);
  // Below zero, and NaN itself.
  return m.select(m.compare(Predicate::ULT, x, m.real(0.0)), m.real(kNan),
                  result);
}

Value attune::target::common::expandLog(FloatMath &m, Value x) {
  return logOf(m, x, [&](const Split &s) {
    Value tail = m.fma(s.e, m.real(kLn2Low), logTail(m, s.t));
    return m.fma(s.e, m.real(kLn2High), m.add(s.t, tail));
  });
}

/// e * octave + log(1 + t) * factor, both in two parts; the upper part of the
/// octave has so few bits that its product with e is exact.
static Value scaledLog(FloatMath &m, Value x, double octaveHigh,
                       double octaveLow, double high, double low) {
  return logOf(m, x, [&](const Split &s) {
    Value tail = logTail(m, s.t);
    Value sum = m.add(s.t, tail);
    Value y = m.fma(sum, m.real(low), m.mul(tail, m.real(high)));
    y = m.fma(s.t, m.real(high), y);
    if (octaveLow != 0)
      y = m.fma(s.e, m.real(octaveLow), y);
    return m.fma(s.e, m.real(octaveHigh), y);
  });
}

Value attune::target::common::expandLog2(FloatMath &m, Value x) {
  return scaledLog(m, x, 1.0, 0.0, 1.4426950216293335, 1.9259629911266175e-8);
}

Value attune::target::common::expandLog10(FloatMath &m, Value x) {
  return scaledLog(m, x, 0x1.344p-2, 4.6050389812e-06, 0.43429449200630188,
                   -1.0103050118726031e-8);
}

Value attune::target::common::expandLog1P(FloatMath &m, Value x) {
  // Below 1/64 the series x - x^2/2 + ... is exact to the last place; above,
  // u = 1 + x rounds and log(u) * x / (u - 1) undoes what the rounding did.
  Value square = m.mul(x, x);
  Value isSmall = m.compare(Predicate::OLT, square, m.real(0x1p-12));
  Value series =
      m.polynomial(x, {-1.0 / 2, 1.0 / 3, -1.0 / 4, 1.0 / 5, -1.0 / 6});
  Value u = m.add(x, m.real(1.0));
  Value log = expandLog(m, u);
  Value ratio = m.div(x, m.sub(u, m.real(1.0)));
  Value isInfinite = m.compare(Predicate::OEQ, u, m.real(kInfinity));
  Value result = m.select(isInfinite, log, m.mul(log, ratio));
  return m.select(isSmall, m.fma(square, series, x), result);
}

//===----------------------------------------------------------------------===//
// Powers
//===----------------------------------------------------------------------===//

/// log2(x) in double for positive x, to 1e-13.
static Value log2Double(FloatMath &d, Value x) {
  Split s = split(d, x);
  // log(1 + t) = 2 atanh(t / (2 + t)).
  Value z = d.div(s.t, d.add(s.t, d.real(2.0)));
  Value p = d.polynomial(d.mul(z, z), {2.0, 2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9,
                                       2.0 / 11, 2.0 / 13, 2.0 / 15});
  return d.fma(d.mul(z, p), d.real(kLog2E), s.e);
}

/// 2^t in double for |t| <= 1000.
static Value exp2Double(FloatMath &d, Value t) {
  Value n = d.round(t);
  Value r = d.mul(d.sub(t, n), d.real(kLn2));
  Value p = d.polynomial(r, {1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120,
                             1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880});
  return d.mul(p, d.powerOfTwo(d.toInteger(n)));
}

Value attune::target::common::expandPow(FloatMath &m, Value x, Value y) {
  FloatMath d(m.b, m.as(m.b.getF64Type()), m.hasFma);
  auto widen = [&](Value v) -> Value {
    return arith::ExtFOp::create(m.b, d.type, v);
  };
  Value magnitude = m.abs(x);
  Value t = d.mul(log2Double(d, widen(magnitude)), widen(y));
  t = d.clamp(t, -1000.0, 1000.0);
  Value power = arith::TruncFOp::create(m.b, m.type, exp2Double(d, t));

  Value zero = m.real(0.0), one = m.real(1.0), infinity = m.real(kInfinity);
  Value isInteger = m.compare(Predicate::OEQ, m.trunc(y), y);
  Value half = m.mul(y, m.real(0.5));
  Value isOdd = m.compare(Predicate::ONE, m.trunc(half), half);
  Value up = m.compare(Predicate::OGT, y, zero);
  // |x| 0 or infinite; log2 above is meaningless there.
  Value atZero = m.select(up, zero, infinity),
        atInfinity = m.select(up, infinity, zero);
  power = m.select(m.compare(Predicate::OEQ, magnitude, zero), atZero, power);
  power = m.select(m.compare(Predicate::OEQ, magnitude, infinity), atInfinity,
                   power);
  // A negative base keeps its sign under odd powers and has no others in
  // between.
  Value odd = arith::AndIOp::create(m.b, isInteger, isOdd);
  power = m.select(odd, m.copySign(power, x), power);
  Value noPower = arith::AndIOp::create(
      m.b, m.compare(Predicate::OLT, x, zero),
      arith::AndIOp::create(m.b, m.compare(Predicate::ONE, m.trunc(y), y),
                            m.compare(Predicate::OLT, magnitude, infinity)));
  power = m.select(noPower, m.real(kNan), power);
  power = m.select(m.compare(Predicate::UNO, x, y), m.add(x, y), power);
  Value isOne = arith::OrIOp::create(m.b, m.compare(Predicate::OEQ, y, zero),
                                     m.compare(Predicate::OEQ, x, one));
  return m.select(isOne, one, power);
}

Value attune::target::common::expandRemainder(FloatMath &m, Value x, Value y) {
  // In double the quotient of two floats is exact enough to be off by one at
  // most.
  FloatMath d(m.b, m.as(m.b.getF64Type()), m.hasFma);
  auto widen = [&](Value v) -> Value {
    return arith::ExtFOp::create(m.b, d.type, v);
  };
  Value a = widen(x), b = d.abs(widen(y)), zero = d.real(0.0);
  Value magnitude = d.abs(a);
  Value r = d.fma(d.neg(d.trunc(d.div(magnitude, b))), b, magnitude);
  r = d.select(d.compare(Predicate::OLT, r, zero), d.add(r, b), r);
  r = d.select(d.compare(Predicate::OGE, r, b), d.sub(r, b), r);
  Value result = arith::TruncFOp::create(m.b, m.type, d.copySign(r, a));
  // A finite number modulo infinity is itself.
  Value isSelf = m.compare(Predicate::OEQ, m.abs(y), m.real(kInfinity));
  Value finite = m.compare(Predicate::OLT, m.abs(x), m.real(kInfinity));
  return m.select(arith::AndIOp::create(m.b, isSelf, finite), x, result);
}
