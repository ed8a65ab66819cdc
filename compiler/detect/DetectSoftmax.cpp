// DetectSoftmax: softmax from its parts.
//
//   exp(x - max x) / sum exp(x - max x), and the same without the maximum
//
// Enters: nn after cleanup. Leaves: nn.softmax, which always subtracts the
// maximum (equal by the formula, and finite where the other overflows).
#include "compiler/detect/Matchers.h"
#include "compiler/detect/Passes.h"
#include "compiler/fusion/Ledger.h"
#include "dialects/nn/NodeName.h"

namespace attune::detect {

#define GEN_PASS_DEF_DETECTSOFTMAX
#include "compiler/detect/Passes.h.inc"

using namespace mlir;
using nn::ElementwiseKind;
using nn::ElementwiseOp;

// A reduction along one axis that keeps the rank, itself or by a reshape.
static nn::ReduceOp asReduction(Value value, nn::ReduceKind kind, Value of) {
  if (auto reshape = value.getDefiningOp<nn::ReshapeOp>())
    value = reshape.getInput();
  auto reduce = value.getDefiningOp<nn::ReduceOp>();
  bool matches = reduce && reduce.getKind() == kind &&
                 reduce.getAxes().size() == 1 &&
                 skipFloatCasts(reduce.getInput()) == of;
  return matches ? reduce : nn::ReduceOp();
}

// exp and sum of numerator / denominator, in either spelling.
static nn::ReduceOp matchQuotient(ElementwiseOp op, ElementwiseOp &exp) {
  if (op.getKind() != ElementwiseKind::Div &&
      op.getKind() != ElementwiseKind::Mul)
    return {};
  for (unsigned side : {0, 1}) {
    Value numerator = op.getInputs()[side],
          denominator = op.getInputs()[1 - side];
    if (op.getKind() == ElementwiseKind::Mul) {
      auto reciprocal = asElementwise(denominator, ElementwiseKind::Reciprocal);
      if (!reciprocal)
        continue;
      denominator = reciprocal.getInputs()[0];
    } else if (side == 1) {
      break;
    }
    exp = asElementwise(skipFloatCasts(numerator), ElementwiseKind::Exp);
    if (!exp)
      continue;
    if (auto sum = asReduction(skipFloatCasts(denominator), nn::ReduceKind::Sum,
                               exp.getResult()))
      return sum;
  }
  return {};
}

static LogicalResult detectSoftmax(ElementwiseOp op,
                                   PatternRewriter &rewriter) {
  ElementwiseOp exp;
  nn::ReduceOp sum = matchQuotient(op, exp);
  if (!sum)
    return failure();
  int64_t axis = sum.getAxes().front();
  // keepdims, or a reshape of the same meaning: the quotient has exp's shape
  // and the sum stretches along the axis only.
  Value x = exp.getInputs()[0];
  if (x.getType() != op.getType())
    return failure();
  auto divisor = nn::getDims(sum.getInput());
  divisor[axis] = nn::DimAttr::constant(op.getContext(), 1);
  Value used =
      op.getInputs()[skipFloatCasts(op.getInputs()[0]) == exp.getResult()];
  if (nn::getDims(used) != divisor)
    return failure();
  if (auto sub = asElementwise(x, ElementwiseKind::Sub)) {
    auto max =
        asReduction(skipFloatCasts(sub.getInputs()[1]), nn::ReduceKind::Max,
                    skipFloatCasts(sub.getInputs()[0]));
    if (max && int64_t(max.getAxes().front()) == axis &&
        sub.getInputs()[0].getType() == op.getType())
      x = sub.getInputs()[0];
  }
  fusion::LedgerEntry entry;
  entry.subject = "softmax";
  entry.name = nn::nodeName(op);
  entry.fired = true;
  entry.reason = "exp over its sum is a softmax";
  fusion::record(op, entry);
  rewriter.replaceOpWithNewOp<nn::SoftmaxOp>(op, x, uint64_t(axis));
  return success();
}

namespace {
struct DetectSoftmax : impl::DetectSoftmaxBase<DetectSoftmax> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add(detectSoftmax);
    // In the model's order, which is that of the ledger.
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal();
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace

} // namespace attune::detect
