//===- MathInstructions.cpp -----------------------------------------------===//
//
// Approximations are taken where an op allows them (`afn`): ex2.approx is right
// to 2 ulp and gives 0 below 2^-126; a quotient starts from rcp.approx. What
// works on the bits of a float would not do for the exponentials of a softmax:
// NaN has other bits here than on a CPU, all ones, and a sum with an exponent
// makes a number of it.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cuda/MathInstructions.h"
#include "compiler/target/common/MathExpansions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numbers>

using namespace mlir;
using namespace attune;
using target::common::FloatMath;

static bool isApproximate(arith::FastMathFlags flags) {
  return bitEnumContainsAll(flags, arith::FastMathFlags::afn);
}

/// An f32 or a vector of them, of one dimension.
static bool isF32(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return getElementTypeOrSelf(type).isF32() &&
         (!vector || vector.getRank() == 1);
}

/// An intrinsic on f32, for each element of `x`.
static Value callEach(PatternRewriter &rewriter, Location loc, StringRef name,
                      Value x) {
  auto call = [&](Value scalar) {
    return LLVM::CallIntrinsicOp::create(rewriter, loc, scalar.getType(),
                                         rewriter.getStringAttr(name),
                                         ValueRange(scalar))
        .getResult(0);
  };
  auto type = dyn_cast<VectorType>(x.getType());
  if (!type)
    return call(x);
  SmallVector<Value> elements;
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    elements.push_back(call(
        vector::ExtractOp::create(rewriter, loc, x, ArrayRef<int64_t>{i})));
  return vector::FromElementsOp::create(rewriter, loc, type, elements);
}

namespace {

struct ApproximateExp2 : OpRewritePattern<math::Exp2Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::Exp2Op op,
                                PatternRewriter &rewriter) const override {
    if (!isF32(op.getType()) || !isApproximate(op.getFastmath()))
      return failure();
    rewriter.replaceOp(op,
                       callEach(rewriter, op.getLoc(),
                                "llvm.nvvm.ex2.approx.ftz.f", op.getOperand()));
    return success();
  }
};

/// x / y by a reciprocal to 1 ulp, and what is left of x: rounded right in all
/// but rare cases, so that a quotient that should be 1 is. div.approx, to 2
/// ulp, takes an instruction more, for it scales both sides in case that the
/// divisor is subnormal, which those that are allowed here are not.
struct ApproximateQuotient : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::DivFOp op,
                                PatternRewriter &rewriter) const override {
    if (!isF32(op.getType()) || !isApproximate(op.getFastmath()))
      return failure();
    Location loc = op.getLoc();
    Value x = op.getLhs(), y = op.getRhs();
    Value reciprocal = callEach(rewriter, loc, "llvm.nvvm.rcp.approx.ftz.f", y);
    Value quotient = arith::MulFOp::create(rewriter, loc, x, reciprocal);
    Value negative = arith::NegFOp::create(rewriter, loc, quotient);
    Value left = LLVM::FMAOp::create(rewriter, loc, negative, y, x);
    rewriter.replaceOpWithNewOp<LLVM::FMAOp>(op, left, reciprocal, quotient);
    return success();
  }
};

/// Multiplied by x at the end: before, a subnormal x would lose digits in a
/// numerator that is smaller yet, and the quotient could lose the sign of zero.
struct ErfByQuotient : OpRewritePattern<math::ErfOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ErfOp op,
                                PatternRewriter &rewriter) const override {
    if (!isF32(op.getType()))
      return failure();
    ImplicitLocOpBuilder builder(op.getLoc(), rewriter);
    FloatMath m(builder, op.getType(), /*hasFma=*/true);
    auto [x, numerator, denominator] =
        target::common::erfFraction(m, op.getOperand());
    rewriter.replaceOp(op, m.mul(x, m.quotient(numerator, denominator)));
    return success();
  }
};

/// 1 - 2 / (e^2|x| + 1) by ex2.approx, which needs no bounds: e is infinite
/// where the quotient is 0. Near 0, where that cancels, the polynomial.
struct TanhByExp2 : OpRewritePattern<math::TanhOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::TanhOp op,
                                PatternRewriter &rewriter) const override {
    if (!isF32(op.getType()))
      return failure();
    Location loc = op.getLoc();
    ImplicitLocOpBuilder builder(loc, rewriter);
    FloatMath m(builder, op.getType(), /*hasFma=*/true);
    Value x = op.getOperand(), magnitude = m.abs(x);
    Value e = callEach(rewriter, loc, "llvm.nvvm.ex2.approx.ftz.f",
                       m.mul(magnitude, m.real(2 * std::numbers::log2e)));
    Value reciprocal = callEach(rewriter, loc, "llvm.nvvm.rcp.approx.ftz.f",
                                m.add(e, m.real(1.0)));
    Value far = m.copySign(m.fma(reciprocal, m.real(-2.0), m.real(1.0)), x);
    rewriter.replaceOp(op, m.select(target::common::tanhIsFar(m, magnitude),
                                    far, target::common::tanhNearZero(m, x)));
    return success();
  }
};

} // namespace

void attune::target::cuda::populateMathInstructions(
    RewritePatternSet &patterns) {
  constexpr unsigned kBeforeExpansions = 2;
  patterns.add<ApproximateExp2, ApproximateQuotient, ErfByQuotient, TanhByExp2>(
      patterns.getContext(), kBeforeExpansions);
}
