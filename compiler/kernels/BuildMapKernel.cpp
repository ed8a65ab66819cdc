// Map: element by element, with any broadcasting, gathers, positions and casts;
// copies of views.
//
//   parallel (axes..., [rows by R], lanes by L)
//     load, compute, store blocks
//
// Lanes are the axis along which results lie side by side. Rows join them where
// lanes alone are few, and where an operand lies side by side along another
// axis than the results do: a target then reads and writes in its own direction
// and transposes in between.
#include "compiler/kernels/Builders.h"

#include "compiler/kernels/GroupBody.h"
#include "compiler/kernels/MapPieces.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

namespace {

// Lanes from which on an item needs no second axis.
constexpr int64_t kEnoughLanes = 512;
// Streams that a machine follows at once.
constexpr int64_t kMostStreams = 16;
// Elements of a task, some tens of microseconds of traffic.
constexpr int64_t kTaskElements = 16 << 10;

class MapBuilder {
public:
  explicit MapBuilder(KernelBuilder &kernel) : kernel(kernel) {}
  LogicalResult run();

private:
  LogicalResult collect(GroupBody &body);
  void chooseAxes(GroupBody &body);
  unsigned chooseRows(const GroupBody &body) const;
  bool isUnit(const GroupBody &body, unsigned number, unsigned axis) const;
  int64_t stepAlong(const GroupBody &body, unsigned axis, int64_t most) const;
  void setPositions(GroupBody &body);

  KernelBuilder &kernel;
  Dims extents;
  unsigned lanes = 0;
  int rows = -1;
  bool transposes = false;
};

} // namespace

LogicalResult MapBuilder::collect(GroupBody &body) {
  Axes axes = alignedAtEnd(extents.size(), extents.size());
  for (const Sink &sink : kernel.views.sinks()) {
    if (nn::getDims(sink.value) != extents)
      return kernel.group.emitError(
          "the results of a map group have different shapes");
    if (failed(body.collect(sink.value, axes)))
      return failure();
  }
  for (const Sink &sink : kernel.views.sinks())
    body.addSink(sink, axes);
  return success();
}

//===----------------------------------------------------------------------===//
// Axes
//===----------------------------------------------------------------------===//

bool MapBuilder::isUnit(const GroupBody &body, unsigned number,
                        unsigned axis) const {
  return body.space.strides[number][axis].getConstant() == 1;
}

void MapBuilder::chooseAxes(GroupBody &body) {
  unsigned rank = body.space.rank();
  lanes = rank - 1;
  for (unsigned axis = 0; axis < rank; ++axis)
    if (isUnit(body, body.writes().front(), axis))
      lanes = axis;
  // Nothing is done in an empty space, and its strides of 0 are no repetition.
  if (llvm::any_of(body.space.extents, [](nn::DimAttr extent) {
        return extent.getConstant() == 0;
      }))
    return;
  // A gather whose indices vary inside a block takes a block of one axis.
  for (unsigned axis = 0; axis < rank; ++axis)
    if (axis != lanes && body.gathersAlong(axis))
      return;
  if (body.gathersAlong(lanes))
    return;
  int64_t most = 0;
  for (unsigned axis = 0; axis < rank; ++axis) {
    int64_t turned = llvm::count_if(body.reads(), [&](unsigned number) {
      auto along = body.space.strides[number][lanes].getConstant();
      return isUnit(body, number, axis) && along != 0 && along != 1;
    });
    if (axis != lanes && turned > most) {
      most = turned;
      rows = axis;
      transposes = true;
    }
  }
  auto width = body.space.extents[lanes].getConstant();
  if (rows < 0 && rank > 1 && width && *width < kEnoughLanes)
    rows = chooseRows(body);
}

// The axis that joins few lanes. Where results are pieces of what is read, the
// few pieces that lie side by side there (the heads of a token): both sides
// then go through memory in order, the results as so many streams.
unsigned MapBuilder::chooseRows(const GroupBody &body) const {
  const Dims &all = body.space.extents;
  unsigned before = lanes ? lanes - 1 : lanes + 1;
  if (kernel.machine.isGpu)
    return before;
  for (unsigned axis = 0; axis < body.space.rank(); ++axis) {
    int64_t pieces = all[axis].getConstant().value_or(0);
    bool isStreams = axis != lanes && pieces > 1 && pieces <= kMostStreams;
    if (isStreams && llvm::any_of(body.reads(), [&](unsigned number) {
          return isUnit(body, number, lanes) &&
                 body.space.strides[number][axis] == all[lanes];
        }))
      return axis;
  }
  return before;
}

// The whole axis if it is known and at most `most`.
int64_t MapBuilder::stepAlong(const GroupBody &body, unsigned axis,
                              int64_t most) const {
  int64_t extent = body.space.extents[axis].getConstant().value_or(0);
  return extent > 0 && extent <= most ? extent : most;
}

void MapBuilder::setPositions(GroupBody &body) {
  unsigned rank = body.space.rank();
  const SweepBlocks &blocks = kernel.machine.sweeps;
  int64_t laneStep = blocks.mapElements, rowStep = 0;
  if (transposes) {
    laneStep = stepAlong(body, lanes, blocks.turnLanes);
    rowStep =
        stepAlong(body, rows,
                  llvm::alignDown(blocks.turnLanes * blocks.turnRows / laneStep,
                                  blocks.turnRows));
  } else {
    // A row of up to two items' length is one item: no tail of a tail.
    int64_t whole = stepAlong(body, lanes, 2 * blocks.mapElements);
    if (body.space.extents[lanes].getConstant() == whole)
      laneStep = whole;
    if (rows >= 0)
      rowStep = stepAlong(body, rows,
                          std::max<int64_t>(1, blocks.mapElements / laneStep));
  }
  SmallVector<GridAxis> grid;
  for (unsigned axis = 0; axis < rank; ++axis)
    grid.push_back({body.space.extents[axis], axis == lanes       ? laneStep
                                              : int(axis) == rows ? rowStep
                                                                  : 0});
  grid.front().extent = grid.front().extent * body.hasData();
  tile::ParallelOp parallel = kernel.addGrid(grid);
  int64_t elements = laneStep * std::max<int64_t>(rowStep, 1);
  kernel.setGrain(
      kernel.constant(std::max<int64_t>(1, kTaskElements / elements)));
  SmallVector<Value> wide(parallel.getPositions()), narrow(wide);
  narrow[lanes] = kernel.index(0);
  if (rows >= 0)
    narrow[rows] = kernel.index(0);
  body.setPositions(wide, narrow);
}

LogicalResult MapBuilder::run() {
  if (kernel.views.sinks().empty())
    return kernel.group.emitError("expected a map group with results");
  extents = nn::getDims(kernel.views.sinks().front().value);
  GroupBody body(kernel, extents);
  if (failed(collect(body)))
    return failure();
  body.space.simplify(unsigned(extents.size()));
  if (!body.space.rank())
    body.space.insertUnitAxis(0, kernel.context());
  chooseAxes(body);
  body.addArguments();
  setPositions(body);
  return body.storeAll();
}

LogicalResult buildMapKernel(KernelBuilder &builder) {
  ArrayRef<Operation *> ops = builder.views.ops();
  if (ops.size() == 1 && isa<nn::ConcatOp, nn::PadOp>(ops.front()))
    return buildPieces(builder);
  return MapBuilder(builder).run();
}

} // namespace attune::kernels
