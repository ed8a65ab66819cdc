// Row: reductions along columns and what stands around them.
//
//   parallel (rows..., [lanes])
//     columns: spans over their whole extents
//     blocks over the columns; reductions; blocks again; store
//
// Columns are the axes that are reduced, wherever they stand; rows are the
// others. Where columns do not lie side by side in memory but the elements of
// some row axis do (a mean over a sequence), that axis becomes the last dim of
// the blocks, so that vectors run along it.
#include "compiler/kernels/Builders.h"

#include "compiler/kernels/RowBody.h"
#include "llvm/ADT/TypeSwitch.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

namespace {

// Elements of a task, some tens of microseconds of traffic.
constexpr int64_t kTaskElements = 16 << 10;

class RowBuilder {
public:
  explicit RowBuilder(KernelBuilder &kernel) : kernel(kernel) {}
  LogicalResult run();

private:
  LogicalResult findSpace();
  LogicalResult collect(RowBody &body);
  FailureOr<Axes> axesOf(const Sink &sink);
  void arrange(RowBody &body);
  int lanesOf(const RowBody &body) const;
  int64_t laneBlock(const RowBody &body) const;
  void setPositions(RowBody &body);

  KernelBuilder &kernel;
  Dims extents;
  llvm::SmallBitVector columns; // of `extents`
  unsigned rowCount = 0, columnCount = 0;
  bool hasLanes = false; // the last axis is a row axis
};

} // namespace

//===----------------------------------------------------------------------===//
// The space
//===----------------------------------------------------------------------===//

/// A result from which the reduced dims are dropped, so that it does not
/// broadcast with the others.
static bool dropsColumns(OpResult value) {
  if (auto reduce = dyn_cast<nn::ReduceOp>(value.getOwner()))
    return !reduce.getKeepdims();
  return isa<nn::NormOp>(value.getOwner()) && value.getResultNumber() > 0;
}

LogicalResult RowBuilder::findSpace() {
  SmallVector<Dims> shapes;
  for (Operation *op : kernel.views.ops()) {
    if (!reducedAxes(op).empty())
      shapes.push_back(nn::getDims(op->getOperand(0)));
    for (OpResult result : op->getResults())
      if (!dropsColumns(result))
        shapes.push_back(nn::getDims(result));
      else if (llvm::any_of(result.getUsers(), [](Operation *user) {
                 return !isa<nn::YieldOp>(user) && !nn::isView(user);
               }))
        return op->emitError("a reduction that drops its axes cannot be used "
                             "in the same group");
  }
  FailureOr<Dims> common = nn::broadcastDims(shapes);
  if (failed(common))
    return kernel.group.emitError(
        "the ops of a row group have no common shape");
  extents = *common;

  columns.resize(extents.size());
  Operation *first = nullptr;
  for (Operation *op : kernel.views.ops()) {
    SmallVector<int64_t> axes = reducedAxes(op);
    if (axes.empty())
      continue;
    unsigned shift = extents.size() - nn::getDims(op->getOperand(0)).size();
    llvm::SmallBitVector reduced(extents.size());
    for (int64_t axis : axes)
      reduced.set(shift + axis);
    if (first && reduced != columns)
      return op->emitError("the reductions of a row group run over different "
                           "axes");
    columns = reduced;
    first = op;
  }
  if (!first)
    return kernel.group.emitError("expected a reduction in a row group");
  return success();
}

// The axes that a stored value's dims lie along.
FailureOr<Axes> RowBuilder::axesOf(const Sink &sink) {
  unsigned rank = nn::getDims(sink.value).size();
  auto value = dyn_cast<OpResult>(sink.value);
  Axes axes;
  if (value && dropsColumns(value)) {
    unsigned shift =
        extents.size() - nn::getDims(value.getOwner()->getOperand(0)).size();
    for (unsigned axis = shift; axis < extents.size(); ++axis)
      if (!columns.test(axis))
        axes.push_back(axis);
  } else {
    axes = alignedAtEnd(extents.size(), rank);
  }
  // Each work item writes places of its own.
  for (unsigned axis = 0; axis < extents.size(); ++axis) {
    auto found = llvm::find(axes, axis);
    bool moves = found != axes.end() &&
                 nn::getDims(sink.value)[found - axes.begin()] == extents[axis];
    if (!columns.test(axis) && !moves && extents[axis].getConstant() != 1)
      return kernel.group.emitError()
             << "result " << sink.result << " is the same for several rows";
  }
  return axes;
}

LogicalResult RowBuilder::collect(RowBody &body) {
  SmallVector<Axes> sinkAxes;
  for (const Sink &sink : kernel.views.sinks()) {
    FailureOr<Axes> axes = axesOf(sink);
    if (failed(axes) || failed(body.collect(sink.value, *axes)))
      return failure();
    sinkAxes.push_back(*axes);
  }
  for (auto [sink, axes] : llvm::zip(kernel.views.sinks(), sinkAxes))
    body.addSink(sink, axes);
  return success();
}

// The row axis along which vectors should run, or -1 for the last column. What
// has one element a row or a column is little beside what has all of both: a
// loss reads labels and writes sums along rows, and logits along columns.
int RowBuilder::lanesOf(const RowBody &body) const {
  auto isFull = [&](unsigned number) {
    auto moves = [&](unsigned axis) {
      return body.space.strides[number][axis].getConstant() != 0;
    };
    return llvm::any_of(llvm::seq(0u, rowCount), moves) &&
           llvm::any_of(llvm::seq(rowCount, rowCount + columnCount), moves);
  };
  SmallVector<unsigned> operands = body.reads();
  llvm::append_range(operands, body.writes());
  llvm::erase_if(operands, [&](unsigned number) { return !isFull(number); });
  auto unitStrides = [&](unsigned axis) {
    return llvm::count_if(operands, [&](unsigned number) {
      return body.space.strides[number][axis].getConstant() == 1;
    });
  };
  int best = -1;
  int64_t most = unitStrides(rowCount + columnCount - 1);
  for (unsigned axis = 0; axis < rowCount; ++axis)
    if (unitStrides(axis) > most) {
      most = unitStrides(axis);
      best = axis;
    }
  return best;
}

// Rows first, then columns, each merged; then lanes.
void RowBuilder::arrange(RowBody &body) {
  Axes order;
  for (bool isColumn : {false, true})
    for (unsigned axis = 0; axis < extents.size(); ++axis)
      if (columns.test(axis) == isColumn)
        order.push_back(axis);
  body.space.permute(order);
  unsigned reduced = columns.count();
  SmallVector<unsigned> left =
      body.space.simplify({unsigned(extents.size()) - reduced, reduced});
  if (!left[0])
    body.space.insertUnitAxis(0, kernel.context());
  rowCount = std::max(left[0], 1u);
  bool hasColumns = left[1];
  if (!hasColumns)
    body.space.insertUnitAxis(rowCount, kernel.context());
  columnCount = std::max(left[1], 1u);

  int lanes = hasColumns ? lanesOf(body) : -1;
  hasLanes = lanes >= 0;
  if (!hasLanes)
    return;
  order.clear();
  for (unsigned axis = 0; axis < rowCount + columnCount; ++axis)
    if (axis != unsigned(lanes))
      order.push_back(axis);
  order.push_back(lanes);
  body.space.permute(order);
  --rowCount;
}

//===----------------------------------------------------------------------===//
// The grid
//===----------------------------------------------------------------------===//

static DimAttr grainFor(KernelBuilder &kernel, DimAttr elementsOfItem) {
  DimAttr one = kernel.constant(1);
  return kernel.constant(kTaskElements)
      .floorDiv(elementsOfItem.max(one))
      .max(one);
}

// Positions of a row axis that a work item takes side by side.
int64_t RowBuilder::laneBlock(const RowBody &body) const {
  const SweepBlocks &blocks = kernel.machine.sweeps;
  constexpr int64_t kFewestLanes = 8; // a sector of f32
  int64_t lanes = blocks.rowLanes, rows = 1;
  std::optional<int64_t> width = body.space.extents.back().getConstant();
  for (unsigned axis = 0; axis < rowCount && width; ++axis)
    if (auto extent = body.space.extents[axis].getConstant())
      rows *= *extent;
    else
      width.reset(); // many, for all that is known
  while (width && lanes > kFewestLanes &&
         rows * int64_t(llvm::divideCeil(*width, lanes)) < blocks.fewestItems)
    lanes /= 2;
  return lanes;
}

void RowBuilder::setPositions(RowBody &body) {
  const Dims &sizes = body.space.extents;
  SmallVector<GridAxis> grid;
  for (unsigned axis = 0; axis < rowCount; ++axis)
    grid.push_back({sizes[axis], 0});
  int64_t lanes = hasLanes ? laneBlock(body) : 1;
  if (hasLanes)
    grid.push_back({sizes.back(), lanes});
  tile::ParallelOp parallel = kernel.addGrid(grid);

  DimAttr elements = kernel.constant(lanes);
  SmallVector<Value> wide(parallel.getPositions().take_front(rowCount));
  SmallVector<Value> narrow(wide);
  for (unsigned axis = rowCount; axis < rowCount + columnCount; ++axis) {
    int64_t size = sizes[axis].getConstant().value_or(0);
    auto type = tile::SpanType::get(kernel.context(),
                                    size ? size : ShapedType::kDynamic);
    wide.push_back(tile::RangeOp::create(kernel.builder, kernel.loc(), type,
                                         kernel.index(0),
                                         kernel.extent(sizes[axis])));
    narrow.push_back(kernel.index(0));
    elements = elements * sizes[axis];
  }
  if (hasLanes) {
    wide.push_back(parallel.getPositions().back());
    narrow.push_back(parallel.getPositions().back());
  }
  kernel.setGrain(grainFor(kernel, elements));
  body.setPositions(wide, narrow);
}

LogicalResult RowBuilder::run() {
  if (failed(findSpace()))
    return failure();
  RowBody body(kernel, extents, columns);
  if (failed(collect(body)))
    return failure();
  arrange(body);
  body.addArguments();
  setPositions(body);
  return body.storeAll();
}

LogicalResult buildRowKernel(KernelBuilder &builder) {
  return RowBuilder(builder).run();
}

} // namespace attune::kernels
