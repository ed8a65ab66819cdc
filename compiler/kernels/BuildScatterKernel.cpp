// Scatter: sums of slices by index.
//
//   parallel (places, rows by R, columns by L)
//     rows of the item: the sums of the updates that name them
//
// Every item looks through all indices, so a table is cut into few items. See
// README.md for why it is cut by what is written.
#include "compiler/kernels/Builders.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

namespace {

// Elements of a table that stays in a cache while all updates pass by; its
// items are columns, four lines of f32 wide.
constexpr int64_t kSmallTable = 64 << 10;
constexpr int64_t kFewColumns = 64;
// Of a larger one, the elements of an item: so many that its clearing outweighs
// a walk along thousands of indices.
constexpr int64_t kItemElements = 512 << 10;
constexpr int64_t kMostColumns = 4096;

// On a GPU: columns of a block of threads; rows so few that all multiprocessors
// are busy, so many that the indices are not read too often.
constexpr int64_t kBlockColumns = 1024;
constexpr int64_t kBlockRows = 16;
constexpr int64_t kBlocksEach = 8; // of a multiprocessor

struct Cut {
  int64_t rows, columns;
};

Cut cutOf(DimAttr rows, DimAttr columns, const MachineModel &machine) {
  std::optional<int64_t> height = rows.getConstant(),
                         width = columns.getConstant();
  if (machine.isGpu) {
    int64_t each = height.value_or(0) / (machine.multiprocessors * kBlocksEach);
    return {
        std::clamp<int64_t>(each, 1, kBlockRows),
        std::clamp<int64_t>(width.value_or(kBlockColumns), 1, kBlockColumns)};
  }
  if (height && width && *height * *width <= kSmallTable)
    return {std::max<int64_t>(*height, 1), kFewColumns};
  int64_t across =
      std::clamp<int64_t>(width.value_or(kMostColumns), 1, kMostColumns);
  return {kItemElements / across, across};
}

DimAttr product(ArrayRef<DimAttr> dims, KernelBuilder &kernel) {
  return dims.empty() ? kernel.constant(1)
                      : nn::numElements(dims, kernel.context());
}

// Vectors run along columns, even if there is but one.
void stepAlongColumns(View &view, KernelBuilder &kernel) {
  if (view.dims.back().getConstant() == 1)
    view.strides.back() = kernel.constant(1);
}

} // namespace

LogicalResult buildScatterKernel(KernelBuilder &kernel) {
  auto op = dyn_cast<nn::ScatterOp>(kernel.views.ops().front());
  if (!op || kernel.views.ops().size() != 1)
    return kernel.group.emitError("expected one scatter alone");
  const Leaf *updates = kernel.views.find(op.getUpdates());
  const Leaf *indices = kernel.views.find(op.getIndices());
  if (!updates || !indices)
    return op.emitError("expected to scatter from memory, not from a value "
                        "computed in the same group");
  const Sink &sink = kernel.views.sinks().front();
  Dims dims = nn::getDims(op.getResult());
  int64_t axis = op.getAxis();
  DimAttr places = product(ArrayRef(dims).take_front(axis), kernel),
          rows = dims[axis],
          columns = product(ArrayRef(dims).drop_front(axis + 1), kernel),
          count = product(nn::getDims(op.getIndices()), kernel);
  std::optional<View> from =
      reshapeView(updates->view, {places, count, columns});
  std::optional<View> at = reshapeView(indices->view, count);
  std::optional<View> to = reshapeView(sink.view, {places, rows, columns});
  if (!from || !at || !to)
    return op.emitError("the dims of the updates do not merge in memory");
  stepAlongColumns(*from, kernel);
  stepAlongColumns(*to, kernel);

  auto input = [&](const Leaf &leaf, const View &view) {
    Type element =
        cast<RankedTensorType>(leaf.value.getType()).getElementType();
    return kernel.addInputMemref(kernel.group.getInputs()[leaf.operand],
                                 element, view.dims, view.offset, view.strides);
  };
  Value source = input(*updates, *from), list = input(*indices, *at);
  Operand result =
      kernel.addResult(sink, to->dims, to->strides, /*keep=*/{0, 1, 2});
  Cut cut = cutOf(rows, columns, kernel.machine);
  tile::ParallelOp parallel =
      kernel.addGrid({{places, 0}, {rows, cut.rows}, {columns, cut.columns}});
  auto positions = parallel.getPositions();
  tile::ScatterOp::create(kernel.builder, kernel.loc(), source, list,
                          result.memref, positions[0], positions[1],
                          positions[2]);
  return success();
}

} // namespace attune::kernels
