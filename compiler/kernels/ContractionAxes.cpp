// Axes of a contraction. See ContractionAxes.h.
#include "compiler/kernels/ContractionAxes.h"

#include "compiler/kernels/IterationSpace.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

SmallVector<Leaf> ContractionAxes::epilogueLeaves(nn::ContractOp op,
                                                  const GroupViews &views) {
  SmallVector<Leaf> leaves;
  for (const Leaf &leaf : views.leaves()) {
    auto isEpilogue = [&](Operation *user) {
      return user != op.getOperation() && !nn::isView(user);
    };
    if (llvm::any_of(leaf.value.getUsers(), isEpilogue))
      leaves.push_back(leaf);
  }
  return leaves;
}

// The strides of one side along the result's dims: its batch and free dims
// stand at `batchAt` and `freeAt`, the other side's free dims do not move it.
static Dims sideStrides(const View &view, ArrayRef<int64_t> batch,
                        ArrayRef<int64_t> free, size_t freeAt, size_t rank) {
  Dims strides(rank, DimAttr::constant(view.offset.getContext(), 0));
  for (auto [axis, dim] : llvm::enumerate(batch))
    strides[axis] = view.strides[dim];
  for (auto [axis, dim] : llvm::enumerate(free))
    strides[freeAt + axis] = view.strides[dim];
  return strides;
}

static Dims pick(ArrayRef<DimAttr> from, ArrayRef<int64_t> dims) {
  Dims picked;
  for (int64_t dim : dims)
    picked.push_back(from[dim]);
  return picked;
}

// The contracted dims as one axis; its extent and its stride in each operand.
static bool findDepth(nn::ContractOp op, const View &lhs, const View &rhs,
                      bool rhsInPanels, IterationSpace &space) {
  space.extents = pick(lhs.dims, op.getLhsContracting());
  space.strides.push_back(pick(lhs.strides, op.getLhsContracting()));
  if (!rhsInPanels)
    space.strides.push_back(pick(rhs.strides, op.getRhsContracting()));
  unsigned left = space.simplify({unsigned(space.extents.size())}).front();
  if (left > 1)
    return false;
  if (left == 0)
    space.insertUnitAxis(0, op.getContext());
  if (rhsInPanels)
    space.strides.push_back({DimAttr::constant(op.getContext(), 0)});
  return true;
}

// Of several axes that did not merge, the one that makes the best blocks: of
// run-time extent, else the longest; the innermost of equals.
static unsigned chooseAxis(ArrayRef<DimAttr> extents, unsigned first,
                           unsigned count) {
  unsigned best = first + count - 1;
  auto weight = [&](unsigned axis) {
    return extents[axis].getConstant().value_or(INT64_MAX);
  };
  for (unsigned axis = first + count; axis-- > first;)
    if (weight(axis) > weight(best))
      best = axis;
  return best;
}

FailureOr<ContractionAxes> ContractionAxes::find(nn::ContractOp op,
                                                 const GroupViews &views,
                                                 bool rhsInPanels) {
  const View &lhs = views.find(op.getLhs())->view;
  const View &rhs = views.find(op.getRhs())->view;
  MLIRContext *context = op.getContext();
  IterationSpace depth;
  if (!findDepth(op, lhs, rhs, rhsInPanels, depth))
    return failure();

  IterationSpace space;
  space.extents = nn::getDims(op.getResult());
  size_t rank = space.rank(), batches = op.getLhsBatch().size();
  size_t lhsFree = op.getLhsFree().size(), rhsFree = op.getRhsFree().size();
  space.strides.push_back(
      sideStrides(lhs, op.getLhsBatch(), op.getLhsFree(), batches, rank));
  if (!rhsInPanels)
    space.strides.push_back(sideStrides(rhs, op.getRhsBatch(), op.getRhsFree(),
                                        batches + lhsFree, rank));
  for (const Leaf &leaf : epilogueLeaves(op, views)) {
    if (!nn::broadcastsTo(leaf.view.dims, nn::getDims(op.getResult())))
      return failure();
    space.addOperand(leaf.view);
  }
  for (const Sink &sink : views.sinks()) {
    if (sink.view.dims != nn::getDims(op.getResult()))
      return failure();
    space.addOperand(sink.view);
  }

  SmallVector<unsigned> left =
      space.simplify({unsigned(batches), unsigned(lhsFree), unsigned(rhsFree)});
  if (left[2] == 0)
    space.insertUnitAxis(left[0] + left[1], context);
  if (left[1] == 0)
    space.insertUnitAxis(left[0], context);
  unsigned rowCount = std::max(1u, left[1]),
           columnCount = std::max(1u, left[2]);

  ContractionAxes axes;
  axes.rows = chooseAxis(space.extents, left[0], rowCount);
  axes.columns = chooseAxis(space.extents, left[0] + rowCount, columnCount);
  axes.outerColumns = columnCount > 1;
  for (unsigned axis = 0; axis < space.rank(); ++axis)
    if (axis != axes.rows && axis != axes.columns)
      axes.outer.push_back(axis);
  if (rhsInPanels) // keeps the numbers of the operands
    space.strides.insert(space.strides.begin() + kRhs,
                         Dims(space.rank(), DimAttr::constant(context, 0)));

  axes.depth = space.rank();
  axes.extents = space.extents;
  axes.extents.push_back(depth.extents.front());
  axes.strides = space.strides;
  for (auto [number, strides] : llvm::enumerate(axes.strides))
    strides.push_back(number < kFirstOther ? depth.strides[number].front()
                                           : DimAttr::constant(context, 0));
  return axes;
}

} // namespace attune::kernels
