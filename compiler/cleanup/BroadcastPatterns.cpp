// Broadcasts and constants with repeated elements under elementwise ops, which
// broadcast by themselves.
#include "compiler/cleanup/ElementExpr.h"
#include "compiler/cleanup/Patterns.h"
#include "compiler/cleanup/Views.h"

namespace attune::cleanup {

using namespace mlir;
using nn::Dims;

// The operand before it was repeated: the input of a broadcast, or a scalar for
// a constant whose elements are all equal.
static Value narrow(PatternRewriter &rewriter, Value operand) {
  if (auto broadcast = operand.getDefiningOp<nn::BroadcastOp>())
    return broadcast.getInput();
  auto type = cast<RankedTensorType>(operand.getType());
  DenseElementsAttr value;
  if (type.getRank() == 0 || !matchPattern(operand, m_Constant(&value)) ||
      !value.isSplat())
    return {};
  return arith::ConstantOp::create(
      rewriter, operand.getLoc(),
      value.resizeSplat(RankedTensorType::get({}, type.getElementType())));
}

// f(broadcast(x), y) is broadcast(f(x, y)); the outer broadcast falls away
// where y has the full shape. Masks shrink back to what they depend on.
static LogicalResult sinkBroadcast(nn::ElementwiseOp op,
                                   PatternRewriter &rewriter) {
  SmallVector<Value> operands;
  bool changed = false;
  for (Value input : op.getInputs()) {
    Value narrower = narrow(rewriter, input);
    changed |= bool(narrower);
    operands.push_back(narrower ? narrower : input);
  }
  if (!changed)
    return failure();
  auto result = nn::ElementwiseOp::create(
      rewriter, op.getLoc(), op.getKindAttr(), operands, op.getToAttr());
  rewriter.replaceOp(op, broadcastTo(rewriter, op.getLoc(), result,
                                     nn::getDims(op.getResult())));
  return success();
}

// slice(broadcast(x)): a slice of x where x is not repeated.
static LogicalResult sliceOfBroadcast(nn::SliceOp op,
                                      PatternRewriter &rewriter) {
  auto broadcast = op.getInput().getDefiningOp<nn::BroadcastOp>();
  if (!broadcast)
    return failure();
  Dims source = nn::getDims(broadcast.getInput());
  size_t skip = op.getSteps().size() - source.size();
  Dims starts(op.getStarts().getDims().drop_front(skip)),
      sizes(op.getSizes().getDims().drop_front(skip));
  SmallVector<int64_t> steps(op.getSteps().drop_front(skip));
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == nn::getDim(op.getInput(), i + skip))
      continue;
    starts[i] = nn::DimAttr::constant(op.getContext(), 0);
    sizes[i] = source[i];
    steps[i] = 1;
  }
  Value slice =
      nn::SliceOp::create(rewriter, op.getLoc(), broadcast.getInput(),
                          nn::ShapeAttr::get(op.getContext(), starts),
                          nn::ShapeAttr::get(op.getContext(), sizes), steps);
  rewriter.replaceOp(op, broadcastTo(rewriter, op.getLoc(), slice,
                                     nn::getDims(op.getResult())));
  return success();
}

void addBroadcastPatterns(RewritePatternSet &patterns) {
  patterns.add(sinkBroadcast);
  patterns.add(sliceOfBroadcast);
}

} // namespace attune::cleanup
