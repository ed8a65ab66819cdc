//===- MathInstructions.cpp -----------------------------------------------===//
//
// Approximations are taken where an op allows them (`afn`): ex2.approx is right
// to 2 ulp and gives 0 below 2^-126. What works on the bits of a float would
// not do for the exponentials of a softmax: NaN has other bits here than on a
// CPU, all ones, and a sum with an exponent makes a number of it.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cuda/MathInstructions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

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
    auto type = dyn_cast<VectorType>(op.getType());
    if (!getElementTypeOrSelf(op.getType()).isF32() ||
        (type && type.getRank() != 1) ||
        !bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::afn))
      return failure();
    rewriter.replaceOp(op,
                       callEach(rewriter, op.getLoc(),
                                "llvm.nvvm.ex2.approx.ftz.f", op.getOperand()));
    return success();
  }
};

} // namespace

void attune::target::cuda::populateMathInstructions(
    RewritePatternSet &patterns) {
  constexpr unsigned kBeforeExpansions = 2;
  patterns.add<ApproximateExp2>(patterns.getContext(), kBeforeExpansions);
}
