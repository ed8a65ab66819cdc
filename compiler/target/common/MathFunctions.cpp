//===- MathFunctions.cpp - erf, tanh, sine, cosine; the pattern table -----===//
//
// erf: the rational approximation of Eigen and XLA on [-4, 4]. tanh: Cephes'
// polynomial near 0, else from exp. sin and cos: reduction by multiples of pi/2
// in double, then Cephes' polynomials on [-pi/4, pi/4].
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/MathExpansions.h"
#include "compiler/target/common/MathLowering.h"

using namespace mlir;
using namespace attune::target::common;
using Predicate = FloatMath::Predicate;

ErfFraction attune::target::common::erfFraction(FloatMath &m, Value x) {
  Value clamped = m.clamp(x, -4.0, 4.0);
  Value square = m.mul(clamped, clamped);
  Value numerator =
      m.polynomial(square, {-1.60960333262415e-02, -2.95459980854025e-03,
                            -7.34990630326855e-04, -5.69250639462346e-05,
                            -2.10102402082508e-06, 2.77068142495902e-08,
                            -2.72614225801306e-10});
  Value denominator =
      m.polynomial(square, {-1.42647390514189e-02, -7.37332916720468e-03,
                            -1.68282697438203e-03, -2.13374055278905e-04,
                            -1.45660718464996e-05});
  return {clamped, numerator, denominator};
}

Value attune::target::common::expandErf(FloatMath &m, Value x) {
  auto [clamped, numerator, denominator] = erfFraction(m, x);
  return m.quotient(m.mul(clamped, numerator), denominator);
}

Value attune::target::common::tanhNearZero(FloatMath &m, Value x) {
  Value square = m.mul(x, x);
  Value p = m.polynomial(square, {-3.33332819422e-1, 1.33314422036e-1,
                                  -5.37397155531e-2, 2.06390887954e-2,
                                  -5.70498872745e-3});
  return m.fma(m.mul(square, x), p, x);
}

Value attune::target::common::tanhIsFar(FloatMath &m, Value magnitude) {
  // An unordered compare, so that NaN takes the branch that keeps it.
  return m.compare(Predicate::UGE, magnitude, m.real(0.625));
}

Value attune::target::common::expandTanh(FloatMath &m, Value x) {
  Value magnitude = m.abs(x), near = tanhNearZero(m, x);
  // 1 - 2 / (e^2|x| + 1); beyond 10 it is 1.
  Value e = expandExp(m, m.clamp(m.add(magnitude, magnitude), 0.0, 20.0));
  Value quotient = m.quotient(m.real(2.0), m.add(e, m.real(1.0)));
  Value far = m.copySign(m.sub(m.real(1.0), quotient), x);
  return m.select(tanhIsFar(m, magnitude), far, near);
}

/// sin or cos of x: quadrant q of x picks the polynomial and the sign.
static Value sinusoid(FloatMath &m, Value x, int64_t quadrantShift) {
  FloatMath d(m.b, m.as(m.b.getF64Type()), m.hasFma);
  Value wide = arith::ExtFOp::create(m.b, d.type, x);
  Value q = d.round(d.mul(wide, d.real(0.63661977236758134308)));
  // pi/2 in two parts; the first has 33 bits, so q * high is exact up to 2^20
  // and good to 1e-7 up to 2^30 turns.
  Value r = d.fma(q, d.real(-1.57079632673412561417), wide);
  r = d.fma(q, d.real(-6.07710050650619224932e-11), r);
  Value reduced = arith::TruncFOp::create(m.b, m.type, r);
  Value quadrant = arith::TruncIOp::create(m.b, m.bitsType(), d.toInteger(q));
  quadrant = m.addBits(quadrant, m.bits(quadrantShift));

  Value square = m.mul(reduced, reduced);
  Value s = m.polynomial(square,
                         {-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4});
  s = m.fma(m.mul(square, reduced), s, reduced);
  Value c = m.polynomial(square, {4.166664568298827e-2, -1.388731625493765e-3,
                                  2.443315711809948e-5});
  c = m.fma(m.mul(square, square), c, m.fma(square, m.real(-0.5), m.real(1.0)));

  auto isSet = [&](int64_t bit) -> Value {
    return arith::CmpIOp::create(m.b, arith::CmpIPredicate::ne,
                                 m.andBits(quadrant, m.bits(bit)), m.bits(0));
  };
  Value result = m.select(isSet(1), c, s);
  return m.select(isSet(2), m.neg(result), result);
}

Value attune::target::common::expandSin(FloatMath &m, Value x) {
  return sinusoid(m, x, 0);
}

Value attune::target::common::expandCos(FloatMath &m, Value x) {
  return sinusoid(m, x, 1);
}

Value attune::target::common::expandRound(FloatMath &m, Value x) {
  // Half away from zero; the largest float below 1/2 keeps 0.49999997 at 0.
  return m.trunc(m.add(x, m.copySign(m.real(0.49999997), x)));
}

Value attune::target::common::expandRsqrt(FloatMath &m, Value x) {
  return m.div(m.real(1.0), math::SqrtOp::create(m.b, x));
}

Value attune::target::common::expandFma(FloatMath &m, Value x, Value y,
                                        Value z) {
  return m.fma(x, y, z);
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

namespace {
/// Replaces Op by what Expand makes of its operands.
template <typename Op, auto Expand>
struct ExpandMath : OpRewritePattern<Op> {
  ExpandMath(MLIRContext *context, bool hasFma)
      : OpRewritePattern<Op>(context), hasFma(hasFma) {}

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "expansions are for f32");
    ImplicitLocOpBuilder builder(op.getLoc(), rewriter);
    FloatMath math(builder, op.getType(), hasFma);
    rewriter.replaceOp(op, expand(math, op));
    return success();
  }

  static Value expand(FloatMath &math, Op op) {
    if constexpr (std::is_same_v<Op, math::Exp2Op>)
      if (bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::afn))
        return expandNegativeExp2(math, op.getOperand());
    if constexpr (std::is_invocable_v<decltype(Expand), FloatMath &, Value>)
      return Expand(math, op->getOperand(0));
    else if constexpr (std::is_invocable_v<decltype(Expand), FloatMath &, Value,
                                           Value>)
      return Expand(math, op->getOperand(0), op->getOperand(1));
    else
      return Expand(math, op->getOperand(0), op->getOperand(1),
                    op->getOperand(2));
  }

  bool hasFma;
};
} // namespace

void attune::target::common::populateMathLowering(RewritePatternSet &patterns,
                                                  bool hasFma) {
  patterns.add<
      ExpandMath<math::ExpOp, expandExp>, ExpandMath<math::Exp2Op, expandExp2>,
      ExpandMath<math::ExpM1Op, expandExpM1>,
      ExpandMath<math::LogOp, expandLog>, ExpandMath<math::Log2Op, expandLog2>,
      ExpandMath<math::Log10Op, expandLog10>,
      ExpandMath<math::Log1pOp, expandLog1P>,
      ExpandMath<math::PowFOp, expandPow>,
      ExpandMath<arith::RemFOp, expandRemainder>,
      ExpandMath<math::ErfOp, expandErf>, ExpandMath<math::TanhOp, expandTanh>,
      ExpandMath<math::SinOp, expandSin>, ExpandMath<math::CosOp, expandCos>,
      ExpandMath<math::RoundOp, expandRound>,
      ExpandMath<math::RsqrtOp, expandRsqrt>,
      ExpandMath<math::FmaOp, expandFma>>(patterns.getContext(), hasFma);
  populateIntegerPower(patterns);
}

bool attune::target::common::hasInstruction(Operation *op) {
  return isa<math::AbsFOp, math::AbsIOp, math::CeilOp, math::CopySignOp,
             math::FloorOp, math::RoundEvenOp, math::SqrtOp, math::TruncOp,
             math::CountTrailingZerosOp, math::CountLeadingZerosOp,
             math::CtPopOp>(op);
}
