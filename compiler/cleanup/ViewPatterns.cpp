// Shorter chains of views.
#include "compiler/cleanup/ElementExpr.h"
#include "compiler/cleanup/Patterns.h"
#include "compiler/cleanup/Views.h"

namespace attune::cleanup {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

// slice(slice(x)): starts add up, steps multiply.
static LogicalResult composeSlices(nn::SliceOp op, PatternRewriter &rewriter) {
  auto inner = op.getInput().getDefiningOp<nn::SliceOp>();
  if (!inner)
    return failure();
  Dims starts;
  SmallVector<int64_t> steps;
  for (size_t i = 0; i < op.getSteps().size(); ++i) {
    starts.push_back(inner.getStarts()[i] +
                     op.getStarts()[i] * inner.getSteps()[i]);
    steps.push_back(op.getSteps()[i] * inner.getSteps()[i]);
    if (!starts.back())
      return failure();
  }
  rewriter.replaceOpWithNewOp<nn::SliceOp>(
      op, inner.getInput(), nn::ShapeAttr::get(op.getContext(), starts),
      op.getSizes(), steps);
  return success();
}

// A slice that lies inside one operand of a concat.
static LogicalResult sliceOfConcat(nn::SliceOp op, PatternRewriter &rewriter) {
  auto concat = op.getInput().getDefiningOp<nn::ConcatOp>();
  if (!concat || op.getSteps()[concat.getAxis()] != 1)
    return failure();
  int64_t axis = concat.getAxis();
  IndexSpace space(op.getContext());
  DimAttr offset = DimAttr::constant(op.getContext(), 0);
  for (Value input : concat.getInputs()) {
    DimAttr extent = nn::getDim(input, axis);
    DimAttr start = op.getStarts()[axis] - offset;
    if (start && space.isNonNegative(start) &&
        space.isNonNegative(extent - start - op.getSizes()[axis])) {
      Dims starts(op.getStarts().getDims());
      starts[axis] = start;
      rewriter.replaceOpWithNewOp<nn::SliceOp>(
          op, input, nn::ShapeAttr::get(op.getContext(), starts), op.getSizes(),
          op.getSteps());
      return success();
    }
    offset = offset + extent;
  }
  return failure();
}

// concat of one operand; concat of neighbouring slices of one tensor.
static LogicalResult foldConcat(nn::ConcatOp op, PatternRewriter &rewriter) {
  if (op.getInputs().size() == 1) {
    rewriter.replaceOp(op, op.getInputs()[0]);
    return success();
  }
  int64_t axis = op.getAxis();
  auto first = op.getInputs()[0].getDefiningOp<nn::SliceOp>();
  if (!first)
    return failure();
  DimAttr end = first.getStarts()[axis];
  for (Value input : op.getInputs()) {
    auto slice = input.getDefiningOp<nn::SliceOp>();
    if (!slice || slice.getInput() != first.getInput() ||
        slice.getSteps() != first.getSteps() || slice.getSteps()[axis] != 1 ||
        slice.getStarts()[axis] != end)
      return failure();
    for (size_t i = 0; i < slice.getSteps().size(); ++i)
      if (int64_t(i) != axis && slice.getStarts()[i] != first.getStarts()[i])
        return failure();
    end = end + slice.getSizes()[axis];
  }
  rewriter.replaceOpWithNewOp<nn::SliceOp>(
      op, first.getInput(), first.getStarts(),
      nn::ShapeAttr::get(op.getContext(), nn::getDims(op.getResult())),
      first.getSteps());
  return success();
}

// concat(a, concat(b, c)) along one axis is concat(a, b, c).
static LogicalResult flattenConcat(nn::ConcatOp op, PatternRewriter &rewriter) {
  SmallVector<Value> parts;
  for (Value input : op.getInputs()) {
    auto inner = input.getDefiningOp<nn::ConcatOp>();
    if (inner && inner.getAxis() == op.getAxis() && inner->hasOneUse())
      llvm::append_range(parts, inner.getInputs());
    else
      parts.push_back(input);
  }
  if (parts.size() == op.getInputs().size())
    return failure();
  rewriter.replaceOpWithNewOp<nn::ConcatOp>(op, parts, op.getAxisAttr());
  return success();
}

namespace {
// x with zeros around it along one axis.
struct Window {
  nn::PadOp pad;
  int64_t axis;
  DimAttr low, end;
};
} // namespace

static std::optional<Window> asWindow(Value value) {
  auto pad = value.getDefiningOp<nn::PadOp>();
  if (!pad || !pad->hasOneUse() || splatValue(pad.getValue()) != 0.0)
    return std::nullopt;
  std::optional<Window> window;
  for (size_t axis = 0; axis < pad.getLow().size(); ++axis) {
    DimAttr low = pad.getLow()[axis], high = pad.getHigh()[axis];
    if (low.getConstant() == 0 && high.getConstant() == 0)
      continue;
    if (window)
      return std::nullopt;
    window = {pad, int64_t(axis), low,
              low + nn::getDim(pad.getInput(), int64_t(axis))};
  }
  return window;
}

// pad(a) + pad(b) where b begins as a ends is their concat, padded: what the
// gradients of neighbouring slices add up to.
static LogicalResult joinPads(nn::ElementwiseOp op, PatternRewriter &rewriter) {
  if (op.getKind() != nn::ElementwiseKind::Add)
    return failure();
  auto first = asWindow(op.getInputs()[0]),
       second = asWindow(op.getInputs()[1]);
  if (!first || !second || first->axis != second->axis ||
      first->pad.getType() != second->pad.getType())
    return failure();
  if (second->end == first->low)
    std::swap(first, second);
  if (first->end != second->low)
    return failure();
  int64_t axis = first->axis;
  Value joined = nn::ConcatOp::create(
      rewriter, op.getLoc(),
      ValueRange{first->pad.getInput(), second->pad.getInput()},
      rewriter.getI64IntegerAttr(axis));
  if (joined.getType() == op.getType()) {
    rewriter.replaceOp(op, joined);
    return success();
  }
  rewriter.replaceOpWithNewOp<nn::PadOp>(op, joined, first->pad.getValue(),
                                         first->pad.getLow(),
                                         second->pad.getHigh());
  return success();
}

// A transpose that only moves dims of 1 is a reshape.
static LogicalResult transposeToReshape(nn::TransposeOp op,
                                        PatternRewriter &rewriter) {
  Dims dims = nn::getDims(op.getInput());
  int64_t last = -1;
  for (int64_t axis : op.getPermutation()) {
    if (dims[axis].getConstant() == 1)
      continue;
    if (axis < last)
      return failure();
    last = axis;
  }
  rewriter.replaceOpWithNewOp<nn::ReshapeOp>(op, op.getType(), op.getInput());
  return success();
}

// transpose(reshape(x)) where the reshape merges dims (or keeps them): the
// transpose moves whole runs of x's dims, and the merge follows. Then merges
// and splits meet and cancel (a transpose of heads written in three dims).
static LogicalResult transposeOfMerge(nn::TransposeOp op,
                                      PatternRewriter &rewriter) {
  auto reshape = op.getInput().getDefiningOp<nn::ReshapeOp>();
  if (!reshape)
    return failure();
  auto blocks = reshapeBlocks(nn::getDims(reshape.getInput()),
                              nn::getDims(reshape.getResult()));
  if (!blocks || blocks->size() != op.getPermutation().size() ||
      !llvm::all_of(
          *blocks, [](const ReshapeBlock &block) { return block.toSize == 1; }))
    return failure();
  SmallVector<int64_t> permutation;
  for (int64_t axis : op.getPermutation()) {
    const ReshapeBlock &block = (*blocks)[axis];
    for (int64_t i = 0; i < block.fromSize; ++i)
      permutation.push_back(block.from + i);
  }
  Value moved =
      transposeTo(rewriter, op.getLoc(), reshape.getInput(), permutation);
  rewriter.replaceOpWithNewOp<nn::ReshapeOp>(op, op.getType(), moved);
  return success();
}

// reshape(broadcast(x)) where the reshape only adds or drops dims of 1: the
// broadcast comes last. A reshape that merges a broadcast dim stays (repeated
// heads).
static LogicalResult reshapeOfBroadcast(nn::ReshapeOp op,
                                        PatternRewriter &rewriter) {
  auto broadcast = op.getInput().getDefiningOp<nn::BroadcastOp>();
  if (!broadcast)
    return failure();
  Dims from = nn::getDims(broadcast.getResult()),
       to = nn::getDims(op.getResult());
  auto isOne = [](DimAttr dim) { return dim.getConstant() == 1; };
  Dims fromKept, toKept;
  llvm::copy_if(from, std::back_inserter(fromKept), std::not_fn(isOne));
  llvm::copy_if(to, std::back_inserter(toKept), std::not_fn(isOne));
  if (fromKept != toKept)
    return failure();
  // The dims of the input, aligned with `from`, without those that are 1 there.
  Dims source = nn::getDims(broadcast.getInput());
  source.insert(source.begin(), from.size() - source.size(),
                DimAttr::constant(op.getContext(), 1));
  Dims kept;
  for (auto [dim, wide] : llvm::zip(source, from))
    if (!isOne(wide))
      kept.push_back(dim);
  Dims narrow = to;
  size_t next = 0;
  for (DimAttr &dim : narrow)
    if (!isOne(dim))
      dim = kept[next++];
  Value view = reshapeTo(rewriter, op.getLoc(), broadcast.getInput(), narrow);
  rewriter.replaceOpWithNewOp<nn::BroadcastOp>(op, op.getType(), view);
  return success();
}

// transpose(broadcast(x)) is broadcast(transpose(x)).
static LogicalResult transposeOfBroadcast(nn::TransposeOp op,
                                          PatternRewriter &rewriter) {
  auto broadcast = op.getInput().getDefiningOp<nn::BroadcastOp>();
  if (!broadcast)
    return failure();
  Dims source = nn::getDims(broadcast.getInput());
  source.insert(source.begin(), op.getPermutation().size() - source.size(),
                DimAttr::constant(op.getContext(), 1));
  Value view = reshapeTo(rewriter, op.getLoc(), broadcast.getInput(), source);
  view = transposeTo(rewriter, op.getLoc(), view, op.getPermutation());
  rewriter.replaceOpWithNewOp<nn::BroadcastOp>(op, op.getType(), view);
  return success();
}

static LogicalResult composeBroadcasts(nn::BroadcastOp op,
                                       PatternRewriter &rewriter) {
  auto inner = op.getInput().getDefiningOp<nn::BroadcastOp>();
  if (!inner)
    return failure();
  rewriter.replaceOpWithNewOp<nn::BroadcastOp>(op, op.getType(),
                                               inner.getInput());
  return success();
}

void addViewPatterns(RewritePatternSet &patterns) {
  patterns.add(composeSlices);
  patterns.add(sliceOfConcat);
  patterns.add(foldConcat);
  patterns.add(flattenConcat);
  patterns.add(joinPads);
  patterns.add(transposeToReshape);
  patterns.add(transposeOfMerge);
  patterns.add(reshapeOfBroadcast);
  patterns.add(transposeOfBroadcast);
  patterns.add(composeBroadcasts);
}

} // namespace attune::cleanup
