//===- MathInstructions.cpp -----------------------------------------------===//
//
// Approximations are taken where an op allows them (`afn`): ex2.approx is right
// to 2 ulp and gives 0 below 2^-126, and a product with rcp.approx is a
// quotient to 2 ulp where the divisor's reciprocal is normal. What works on the
// bits of a float would not do for the exponentials of a softmax: NaN has other
// bits here than on a CPU, all ones, and a sum with an exponent makes a number
// of it.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cuda/MathInstructions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

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

/// div.approx would scale both sides, should the divisor be subnormal, which
/// those that are allowed here are not.
struct ApproximateQuotient : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::DivFOp op,
                                PatternRewriter &rewriter) const override {
    if (!isF32(op.getType()) || !isApproximate(op.getFastmath()))
      return failure();
    Value reciprocal = callEach(rewriter, op.getLoc(),
                                "llvm.nvvm.rcp.approx.ftz.f", op.getRhs());
    rewriter.replaceOpWithNewOp<arith::MulFOp>(op, op.getLhs(), reciprocal);
    return success();
  }
};

} // namespace

void attune::target::cuda::populateMathInstructions(
    RewritePatternSet &patterns) {
  constexpr unsigned kBeforeExpansions = 2;
  patterns.add<ApproximateExp2, ApproximateQuotient>(patterns.getContext(),
                                                     kBeforeExpansions);
}
