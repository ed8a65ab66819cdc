// Brings operands, biases and the result to the layout of nn.attention.
#include "compiler/detect/HeadLayout.h"

namespace attune::detect {

using namespace mlir;
using namespace attune::cleanup;
using nn::DimAttr;
using nn::Dims;

HeadLayout::HeadLayout(ArrayRef<DimAttr> dims) : scores(dims) {
  MLIRContext *context = scores.front().getContext();
  int64_t batchDims = scores.size() - 2;
  // With one batch dim there are no heads (or they are merged for good).
  if (batchDims >= 2)
    for (int64_t axis = 0; axis < batchDims; ++axis)
      if (scores[axis].getConstant())
        head = axis;
  merged = DimAttr::constant(context, 1);
  headCount = head < 0 ? merged : scores[head];
  for (int64_t axis = 0; axis < batchDims; ++axis)
    if (axis != head) {
      outer.push_back(axis);
      merged = merged * scores[axis];
    }
}

// [outer..., head?, X, Y] to [B, H, X, Y].
Value HeadLayout::mergeBatch(OpBuilder &builder, Value value) const {
  Dims dims = nn::getDims(value);
  Dims result = {merged, headCount, dims[dims.size() - 2], dims.back()};
  return reshapeTo(builder, value.getLoc(), value, result);
}

Value HeadLayout::toHeads(OpBuilder &builder, Value operand,
                          const OperandAxes &axes) const {
  SmallVector<int64_t> permutation;
  for (int64_t axis : outer)
    permutation.push_back(axes.batch[axis]);
  if (head >= 0)
    permutation.push_back(axes.batch[head]);
  permutation.push_back(axes.sequence);
  permutation.push_back(axes.feature);
  return mergeBatch(
      builder, transposeTo(builder, operand.getLoc(), operand, permutation));
}

Value HeadLayout::toScores(OpBuilder &builder, Value value) const {
  Dims dims = nn::getDims(value);
  if (dims.size() <= 2)
    return value;
  Location loc = value.getLoc();
  dims.insert(dims.begin(), scores.size() - dims.size(),
              DimAttr::constant(merged.getContext(), 1));
  value = reshapeTo(builder, loc, value, dims);
  SmallVector<int64_t> permutation(outer);
  if (head >= 0)
    permutation.push_back(head);
  permutation.push_back(scores.size() - 2);
  permutation.push_back(scores.size() - 1);
  value = transposeTo(builder, loc, value, permutation);

  // The outer dims merge if all of them are 1, or once all have full extent.
  dims = nn::getDims(value);
  bool allOne =
      llvm::all_of(ArrayRef(dims).take_front(outer.size()),
                   [](DimAttr dim) { return dim.getConstant() == 1; });
  DimAttr extent = merged;
  if (allOne) {
    extent = DimAttr::constant(merged.getContext(), 1);
  } else {
    for (auto [i, axis] : llvm::enumerate(outer))
      dims[i] = scores[axis];
    value = broadcastTo(builder, loc, value, dims);
  }
  DimAttr heads = head >= 0 ? dims[outer.size()] : headCount;
  return reshapeTo(builder, loc, value,
                   {extent, heads, dims[dims.size() - 2], dims.back()});
}

Value HeadLayout::fromHeads(OpBuilder &builder, Value value,
                            ArrayRef<int64_t> order, bool featureFirst) const {
  Location loc = value.getLoc();
  Dims dims = nn::getDims(value), split;
  for (int64_t axis : outer)
    split.push_back(scores[axis]);
  if (head >= 0)
    split.push_back(scores[head]);
  split.push_back(dims[2]);
  split.push_back(dims[3]);
  value = reshapeTo(builder, loc, value, split);
  // Where each of the scores' batch dims stands now.
  SmallVector<int64_t> permutation;
  for (int64_t axis : order)
    permutation.push_back(axis == head
                              ? int64_t(outer.size())
                              : llvm::find(outer, axis) - outer.begin());
  int64_t last = split.size() - 1;
  permutation.push_back(featureFirst ? last : last - 1);
  permutation.push_back(featureFirst ? last - 1 : last);
  return transposeTo(builder, loc, value, permutation);
}

// ---- repeated heads ----

// Replaces the head variable, or its quotient, by the variable of the fewer
// heads. Fails if the head occurs in another way (tiled heads: h mod HK).
static LogicalResult replaceHead(Dims &indices, DimAttr head, DimAttr heads,
                                 IndexSpace &space, DimAttr &fewer,
                                 DimAttr &extent) {
  extent = DimAttr::constant(head.getContext(), 1);
  fewer = DimAttr::constant(head.getContext(), 0);
  DimAttr quotient;
  for (DimAttr index : indices) {
    if (!space.dependsOn(index, head))
      continue;
    auto parts = space.asQuotient(index);
    if (!parts || parts->variable != head || (quotient && quotient != index))
      return failure();
    quotient = index;
    extent = heads.exactDiv(parts->divisor);
  }
  if (!quotient)
    return success();
  fewer = space.addVariable(extent);
  for (DimAttr &index : indices)
    if (index == quotient)
      index = fewer;
  return success();
}

Value withoutRepeatedHeads(OpBuilder &builder, Value value) {
  Dims dims = nn::getDims(value);
  if (dims[1].getConstant() == 1)
    return value;
  IndexSpace space(builder.getContext());
  Dims variables = space.addVariables(dims);
  TensorElement root = describeView(value, variables, space);
  DimAttr fewer, extent;
  if (failed(replaceHead(root.indices, variables[1], dims[1], space, fewer,
                         extent)))
    return value;
  variables[1] = fewer;
  dims[1] = extent;
  Value view = buildView(builder, value.getLoc(), root.tensor, root.indices,
                         variables, dims, space);
  return view ? view : value;
}

// ---- scales on operands ----

Scaled withoutScale(OpBuilder &builder, Value value) {
  if (auto scaled = asScaled(value)) {
    Scaled inner = withoutScale(builder, scaled->value);
    // A factor may have broadcast its operand.
    if (scaled->value.getType() != value.getType())
      return {value, 1};
    return {inner.value, inner.factor * scaled->factor};
  }
  Operation *op = value.getDefiningOp();
  if (!op ||
      !isa<nn::TransposeOp, nn::ReshapeOp, nn::SliceOp, nn::BroadcastOp>(op))
    return {value, 1};
  Scaled inner = withoutScale(builder, op->getOperand(0));
  if (inner.factor == 1)
    return {value, 1};
  Operation *moved = builder.clone(*op);
  moved->setOperand(0, inner.value);
  return {moved->getResult(0), inner.factor};
}

} // namespace attune::detect
