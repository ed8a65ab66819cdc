// FoldConstants: ops on constants become constants.
//
// Enters: any nn. Leaves: no op whose operands are all small constants.
// Constants are scalars, index vectors and small tables that steer the graph;
// weights are symbols and never folded into attributes.
#include "compiler/cleanup/Passes.h"
#include "compiler/cleanup/Patterns.h"
#include "compiler/cleanup/Views.h"
#include "dialects/nn/reference/Evaluator.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace attune::cleanup {

#define GEN_PASS_DEF_FOLDCONSTANTS
#include "compiler/cleanup/Passes.h.inc"

using namespace mlir;

namespace {
// The reference evaluator computes the value; rounding to the storage type
// happens once.
struct FoldOp : RewritePattern {
  FoldOp(MLIRContext *context, int64_t maxElements)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context),
        maxElements(maxElements) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    // A broadcast of a constant is smaller than the constant.
    if (op->getNumOperands() == 0 || isa<nn::BroadcastOp>(op) ||
        !isa<nn::EvaluateOpInterface>(op))
      return failure();
    auto values = nn::foldToConstants(op, maxElements);
    if (!values)
      return failure();
    SmallVector<Value> constants;
    for (DenseElementsAttr value : *values)
      constants.push_back(
          arith::ConstantOp::create(rewriter, op->getLoc(), value));
    rewriter.replaceOp(op, constants);
    return success();
  }

  int64_t maxElements;
};

struct FoldConstants : impl::FoldConstantsBase<FoldConstants> {
  using FoldConstantsBase::FoldConstantsBase;
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    addConstantPatterns(patterns, maxElements);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

static LogicalResult foldDim(nn::DimOp op, PatternRewriter &rewriter) {
  auto value = op.getDim().getConstant();
  if (!value)
    return failure();
  auto type = cast<RankedTensorType>(op.getType()).getElementType();
  rewriter.replaceOp(op, scalarConstant(rewriter, op.getLoc(), *value, type));
  return success();
}

void addConstantPatterns(RewritePatternSet &patterns, int64_t maxElements) {
  patterns.add<FoldOp>(patterns.getContext(), maxElements);
  patterns.add(foldDim);
}

} // namespace attune::cleanup
