// What is known from indices alone: gathers at computed positions that read a
// plain window, and conditions on positions that always hold.
#include "compiler/cleanup/ElementExpr.h"
#include "compiler/cleanup/Patterns.h"
#include "compiler/cleanup/Views.h"

namespace attune::cleanup {

using namespace mlir;
using nn::Dims;
using Kind = ElementExpr::Kind;

// A gather whose positions are affine in the result's index (constants, iotas
// and arithmetic on them) is a view of its data.
static LogicalResult gatherToView(nn::GatherOp op, PatternRewriter &rewriter) {
  IndexSpace space(op.getContext());
  Dims dims = nn::getDims(op.getResult());
  Dims variables = space.addVariables(dims);
  Element element = describeElement(op.getResult(), variables, space);
  if (element->kind != Kind::Leaf || element->tensor == op.getResult())
    return failure();
  Value view = buildView(rewriter, op.getLoc(), element->tensor,
                         element->indices, variables, dims, space);
  if (!view || view.getType() != op.getType())
    return failure();
  rewriter.replaceOp(op, view);
  return success();
}

// `q >= 0` of positions, `true and true`: a constant.
static LogicalResult foldCondition(nn::ElementwiseOp op,
                                   PatternRewriter &rewriter) {
  auto type = cast<RankedTensorType>(op.getType());
  if (!type.getElementType().isInteger(1))
    return failure();
  IndexSpace space(op.getContext());
  Dims dims = nn::getDims(op.getResult());
  Element element =
      describeElement(op.getResult(), space.addVariables(dims), space);
  if (element->kind != Kind::Number)
    return failure();
  Value constant = scalarConstant(rewriter, op.getLoc(), element->number,
                                  type.getElementType());
  rewriter.replaceOp(op, broadcastTo(rewriter, op.getLoc(), constant, dims));
  return success();
}

void addIndexPatterns(RewritePatternSet &patterns) {
  patterns.add(gatherToView);
  patterns.add(foldCondition);
}

} // namespace attune::cleanup
