// Arguments, scalars and the grid of a kernel. Blocks: KernelBlocks.cpp.
#include "compiler/kernels/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

// The name is given when the kernel is known to be new.
static constexpr llvm::StringLiteral kUnnamed = "kernel";

KernelBuilder::KernelBuilder(nn::GroupOp group, tile::Family family,
                             const GroupViews &views,
                             const MachineModel &machine)
    : group(group), views(views), machine(machine), builder(group.getContext()),
      top(group.getContext()) {
  OpBuilder detached(group.getContext());
  kernel =
      tile::KernelOp::create(detached, loc(), kUnnamed, family, TypeRange());
  spec.kernel = kernel;
  spec.grain = constant(1);
  spec.inPlace.assign(group.getNumResults(), -1);
  top.setInsertionPointToStart(kernel.getBody());
  builder.setInsertionPointToEnd(kernel.getBody());
}

DimAttr KernelBuilder::constant(int64_t value) {
  return DimAttr::constant(context(), value);
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

static SmallVector<int64_t> staticOrDynamic(ArrayRef<DimAttr> dims) {
  SmallVector<int64_t> values;
  for (DimAttr dim : dims)
    values.push_back(dim.getConstant().value_or(ShapedType::kDynamic));
  return values;
}

static bool isPacked(ArrayRef<DimAttr> dims, ArrayRef<DimAttr> strides) {
  if (dims.empty())
    return true;
  DimAttr expected = DimAttr::constant(dims.front().getContext(), 1);
  for (size_t i = dims.size(); i-- > 0;) {
    if (strides[i] != expected || !strides[i].getConstant())
      return false;
    expected = expected * dims[i];
  }
  return true;
}

// Constants are part of the type, everything else is `?` and a value slot.
static MemRefType memrefType(Type element, ArrayRef<DimAttr> dims,
                             ArrayRef<DimAttr> strides) {
  if (isPacked(dims, strides))
    return MemRefType::get(staticOrDynamic(dims), element);
  auto layout = StridedLayoutAttr::get(element.getContext(), /*offset=*/0,
                                       staticOrDynamic(strides));
  return MemRefType::get(staticOrDynamic(dims), element, layout);
}

Value KernelBuilder::addMemref(Type element, ArrayRef<DimAttr> dims,
                               ArrayRef<DimAttr> strides) {
  arguments.push_back({Dims(dims), Dims(strides), {}});
  return kernel.getBody()->addArgument(memrefType(element, dims, strides),
                                       loc());
}

Value KernelBuilder::addInputMemref(Value root, Type element,
                                    ArrayRef<DimAttr> dims, DimAttr offset,
                                    ArrayRef<DimAttr> strides) {
  assert(spec.resultLayouts.empty() && "inputs come before results");
  spec.inputs.push_back(root);
  spec.inputLayouts.push_back(nn::LayoutAttr::get(
      context(), offset, nn::ShapeAttr::get(context(), strides)));
  return addMemref(element, dims, strides);
}

// The axes along which an operand moves, and its memref dims there.
static SmallVector<unsigned> movingAxes(ArrayRef<DimAttr> extents,
                                        ArrayRef<DimAttr> strides, Dims &dims,
                                        Dims &kept,
                                        ArrayRef<unsigned> keep = {}) {
  SmallVector<unsigned> axes;
  for (unsigned axis = 0; axis < extents.size(); ++axis) {
    if (strides[axis].getConstant() == 0 && !llvm::is_contained(keep, axis))
      continue;
    axes.push_back(axis);
    dims.push_back(extents[axis]);
    kept.push_back(strides[axis]);
  }
  return axes;
}

Operand KernelBuilder::addInput(const Leaf &leaf, ArrayRef<DimAttr> extents,
                                ArrayRef<DimAttr> strides) {
  Dims dims, kept;
  Operand operand{{}, movingAxes(extents, strides, dims, kept)};
  Type element = cast<RankedTensorType>(leaf.value.getType()).getElementType();
  operand.memref = addInputMemref(group.getInputs()[leaf.operand], element,
                                  dims, leaf.view.offset, kept);
  return operand;
}

Value KernelBuilder::addPanels(Value packed, int64_t depth, int64_t columns) {
  View view = View::rowMajor(packed);
  Type element = cast<RankedTensorType>(packed.getType()).getElementType();
  spec.inputs.push_back(packed);
  spec.inputLayouts.push_back(view.getLayout());
  Dims dims{constant(depth), constant(columns)};
  Value memref = addMemref(element, dims, {constant(columns), constant(1)});
  panels.push_back(cast<BlockArgument>(memref).getArgNumber());
  return memref;
}

Operand KernelBuilder::addResult(const Sink &sink, ArrayRef<DimAttr> extents,
                                 ArrayRef<DimAttr> strides,
                                 ArrayRef<unsigned> keep) {
  assert(sink.result == spec.resultLayouts.size() && "results come in order");
  Dims dims, kept;
  Operand operand{{}, movingAxes(extents, strides, dims, kept, keep)};
  Type element = cast<RankedTensorType>(sink.value.getType()).getElementType();
  spec.resultLayouts.push_back(nn::LayoutAttr::get(
      context(), sink.view.offset, nn::ShapeAttr::get(context(), kept)));
  operand.memref = addMemref(element, dims, kept);
  return operand;
}

void KernelBuilder::setInPlace(unsigned result, const Operand &input) {
  spec.inPlace[result] = cast<BlockArgument>(input.memref).getArgNumber();
}

//===----------------------------------------------------------------------===//
// Scalars and the grid
//===----------------------------------------------------------------------===//

Value KernelBuilder::index(int64_t value) {
  Value &known = indices[value];
  if (!known)
    known = arith::ConstantIndexOp::create(top, loc(), value);
  return known;
}

Value KernelBuilder::extent(DimAttr dim) {
  if (std::optional<int64_t> value = dim.getConstant())
    return index(*value);
  if (Value known = extents.lookup(dim))
    return known;
  for (auto [number, argument] : llvm::enumerate(arguments)) {
    auto found = llvm::find(argument.dims, dim);
    if (found == argument.dims.end())
      continue;
    Value axis = index(found - argument.dims.begin());
    Value memref = kernel.getArguments()[number];
    return extents[dim] = memref::DimOp::create(top, loc(), memref, axis);
  }
  arguments.push_back({{}, {}, dim});
  return extents[dim] =
             kernel.getBody()->addArgument(top.getIndexType(), loc());
}

Value KernelBuilder::argument(int64_t value) {
  Value &known = passed[value];
  if (!known) {
    arguments.push_back({{}, {}, constant(value)});
    known = kernel.getBody()->addArgument(top.getI64Type(), loc());
  }
  return known;
}

tile::ParallelOp KernelBuilder::addGrid(ArrayRef<GridAxis> axes) {
  SmallVector<Value> values;
  SmallVector<int64_t> steps;
  spec.grid = constant(1);
  for (const GridAxis &axis : axes) {
    values.push_back(extent(axis.extent));
    steps.push_back(axis.step);
    spec.grid =
        spec.grid *
        (axis.step ? axis.extent.ceilDiv(constant(axis.step)) : axis.extent);
  }
  builder.setInsertionPointToEnd(kernel.getBody());
  auto grid = tile::ParallelOp::create(builder, loc(), values, steps);
  top.setInsertionPoint(grid);
  builder.setInsertionPoint(grid.getBody()->getTerminator());
  return grid;
}

KernelSpec KernelBuilder::finish() {
  // Attributes are for all arguments, so they wait for the last.
  for (unsigned argument : panels)
    kernel.setPanels(argument, tile::PanelsAttr::get(context(), /*axis=*/1,
                                                     machine.panelWidth));
  for (tile::KernelOp::Slot slot : kernel.getValueSlots()) {
    const Argument &argument = arguments[slot.argument];
    spec.integers.push_back(
        slot.kind == tile::KernelOp::Slot::Size     ? argument.dims[slot.dim]
        : slot.kind == tile::KernelOp::Slot::Stride ? argument.strides[slot.dim]
                                                    : argument.scalar);
  }
  return std::move(spec);
}

} // namespace attune::kernels
