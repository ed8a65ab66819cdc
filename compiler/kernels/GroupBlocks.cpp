// The ops of a row or map group on blocks. See GroupBody.h.
#include "compiler/kernels/GroupBody.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;

static Type elementOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType();
}

ScalarBuilder GroupBody::scalars(bool wide) {
  return ScalarBuilder(kernel.builder, kernel.loc(), spans(wide));
}

Value GroupBody::repeat(Value narrowBlock) {
  SmallVector<int64_t> axes;
  for (Value span : narrowSpans)
    axes.push_back(llvm::find(wideSpans, span) - wideSpans.begin());
  return kernel.broadcastBlock(narrowBlock, axes, wideSpans);
}

FailureOr<GroupBody::Block> GroupBody::get(Value value,
                                           ArrayRef<unsigned> axes) {
  auto known = blocks.find(keyOf(value, axes));
  if (known != blocks.end())
    return known->second;
  FailureOr<Block> block = compute(value, axes);
  if (succeeded(block))
    blocks[keyOf(value, axes)] = *block;
  return block;
}

FailureOr<Value> GroupBody::get(Value value, ArrayRef<unsigned> axes,
                                bool wide) {
  // A constant is made in the size in which it is used.
  DenseElementsAttr dense;
  if (wide && matchPattern(value, m_Constant(&dense)) && dense.isSplat())
    return scalars(true).splat(
        cast<TypedAttr>(dense.getSplatValue<Attribute>()));
  FailureOr<Block> block = get(value, axes);
  if (failed(block))
    return failure();
  if (!wide || block->wide)
    return block->value;
  Value &repeatedBlock = repeated[keyOf(value, axes)];
  if (!repeatedBlock)
    repeatedBlock = repeat(block->value);
  return repeatedBlock;
}

FailureOr<GroupBody::Block> GroupBody::compute(Value value,
                                               ArrayRef<unsigned> axes) {
  auto access = accesses.find(keyOf(value, axes));
  if (kernel.views.find(value))
    return load(access->second.operand, access->second.number);
  Operation *op = value.getDefiningOp();
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!dense || !dense.isSplat())
      return op->emitError("expected a splat inside a group; other constants "
                           "are operands");
    return Block{
        scalars(false).splat(cast<TypedAttr>(dense.getSplatValue<Attribute>())),
        false};
  }
  if (auto dim = dyn_cast<nn::DimOp>(op))
    return scalarBlock(kernel.extent(dim.getDim()), elementOf(value));
  if (isa<nn::IotaOp>(op))
    return positionsAlong(access->second.number, elementOf(value));
  if (auto gatherOp = dyn_cast<nn::GatherOp>(op))
    return gather(gatherOp, axes);
  if (auto randomOp = dyn_cast<nn::RandomOp>(op))
    return random(randomOp, axes);
  if (auto elementwiseOp = dyn_cast<nn::ElementwiseOp>(op))
    return elementwise(elementwiseOp, axes);
  return computeOther(cast<OpResult>(value), axes);
}

FailureOr<GroupBody::Block> GroupBody::computeOther(OpResult value,
                                                    ArrayRef<unsigned>) {
  return value.getOwner()->emitError("cannot be computed on a block");
}

GroupBody::Block GroupBody::load(const Operand &operand, unsigned number) {
  bool wide = movesWide(number);
  return {kernel.loadBlock(operand, wide ? widePositions : narrowPositions),
          wide};
}

FailureOr<GroupBody::Block> GroupBody::elementwise(nn::ElementwiseOp op,
                                                   ArrayRef<unsigned> axes) {
  auto axesOf = [&](Value input) {
    return axes.take_back(cast<RankedTensorType>(input.getType()).getRank());
  };
  bool wide = false;
  for (Value input : op.getInputs()) {
    FailureOr<Block> block = get(input, axesOf(input));
    if (failed(block))
      return failure();
    wide |= block->wide;
  }
  SmallVector<Value> inputs;
  for (Value input : op.getInputs())
    inputs.push_back(*get(input, axesOf(input), wide));
  Type element = elementOf(op.getResult());
  FailureOr<Value> result = scalars(wide).build(op.getKind(), inputs, element);
  if (failed(result))
    return op.emitError() << "'" << stringifyEnum(op.getKind())
                          << "' has no kernel for element type "
                          << elementOf(op.getInputs().front());
  return Block{*result, wide};
}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

// A narrow block of one integer.
GroupBody::Block GroupBody::scalarBlock(Value index, Type element) {
  Type i64 = kernel.builder.getI64Type();
  Value integer =
      arith::IndexCastOp::create(kernel.builder, kernel.loc(), i64, index);
  Value block = kernel.broadcastBlock(integer, {}, narrowSpans);
  return {*scalars(false).build(nn::ElementwiseKind::Cast, block, element),
          false};
}

GroupBody::Block GroupBody::positionsAlong(unsigned number, Type element) {
  // It moves along one axis with stride 1, or along none: its extent is 1.
  for (unsigned axis = 0; axis < space.rank(); ++axis) {
    if (space.strides[number][axis].getConstant() == 0)
      continue;
    bool wide = movesWide(number);
    Value position = wide ? widePositions[axis] : narrowPositions[axis];
    if (!tile::isSpan(position))
      return scalarBlock(position, element);
    Type stored =
        element.isInteger(32) || element.isInteger(64) || element.isF32()
            ? element
            : kernel.builder.getI64Type();
    Value iota = tile::IotaOp::create(
        kernel.builder, kernel.loc(),
        KernelBuilder::blockType(position, stored), position);
    int64_t dim = llvm::find(spans(wide), position) - spans(wide).begin();
    Value block = kernel.broadcastBlock(iota, dim, spans(wide));
    return {*scalars(wide).build(nn::ElementwiseKind::Cast, block, element),
            wide};
  }
  return {scalars(false).splat(element, 0), false};
}

//===----------------------------------------------------------------------===//
// Random numbers
//===----------------------------------------------------------------------===//

// The i64 of a tensor of rank 0.
Value GroupBody::wordOf(Value scalar) {
  DenseElementsAttr dense;
  if (matchPattern(scalar, m_Constant(&dense)))
    return arith::ConstantOp::create(
        kernel.builder, kernel.loc(),
        cast<TypedAttr>(dense.getSplatValue<Attribute>()));
  return memref::LoadOp::create(kernel.builder, kernel.loc(),
                                accesses[keyOf(scalar, {})].operand.memref,
                                ValueRange());
}

FailureOr<GroupBody::Block> GroupBody::random(nn::RandomOp op,
                                              ArrayRef<unsigned> axes) {
  OpBuilder &b = kernel.builder;
  Location loc = kernel.loc();
  unsigned number = accesses.find(keyOf(op.getResult(), axes))->second.number;
  bool wide = movesWide(number);
  ArrayRef<Value> positions = wide ? widePositions : narrowPositions;
  SmallVector<Value> own, strides;
  SmallVector<int64_t> dims;
  for (unsigned axis = 0; axis < space.rank(); ++axis) {
    if (space.strides[number][axis].getConstant() == 0)
      continue;
    own.push_back(positions[axis]);
    strides.push_back(kernel.extent(space.strides[number][axis]));
    if (tile::isSpan(positions[axis]))
      dims.push_back(tile::spansAmong(positions.take_front(axis)).size());
  }
  // Of the first sample, by the number of elements of one.
  nn::Dims shape = nn::getDims(op.getResult());
  DimAttr sample = shape.empty()
                       ? kernel.constant(1)
                       : nn::numElements(ArrayRef(shape).drop_front(), context);
  Value size =
      arith::IndexCastOp::create(b, loc, b.getI64Type(), kernel.extent(sample));
  Value first = arith::MulIOp::create(b, loc, wordOf(op.getFirst()), size);
  Value block = tile::RandomOp::create(
      b, loc, kernel.argument(op.getId()), wordOf(op.getSeed()),
      wordOf(op.getStep()), first, own, strides);
  return Block{kernel.broadcastBlock(block, dims, spans(wide)), wide};
}

//===----------------------------------------------------------------------===//
// Gather
//===----------------------------------------------------------------------===//

// Counts negative indices from the end and keeps all inside [0, extent): a
// model whose indices are wrong gets wrong numbers, never memory outside the
// data.
Value GroupBody::inRange(Value index, DimAttr extent, bool wide) {
  OpBuilder &b = kernel.builder;
  Location loc = kernel.loc();
  ScalarBuilder make = scalars(wide);
  Type i64 = b.getI64Type();
  index = *make.build(nn::ElementwiseKind::Cast, index, i64);
  Value zero = make.splat(i64, 0), one = make.splat(i64, 1), count;
  if (std::optional<int64_t> known = extent.getConstant()) {
    count = make.splat(i64, *known);
  } else {
    count = scalarBlock(kernel.extent(extent), i64).value;
    count = wide ? repeat(count) : count;
  }
  Value isNegative =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, index, zero);
  Value wrapped = arith::AddIOp::create(b, loc, index, count);
  index = arith::SelectOp::create(b, loc, isNegative, wrapped, index);
  Value last = arith::SubIOp::create(b, loc, count, one);
  index = arith::MinSIOp::create(b, loc, index, last);
  return arith::MaxSIOp::create(b, loc, index, zero);
}

FailureOr<GroupBody::Block> GroupBody::gather(nn::GatherOp op,
                                              ArrayRef<unsigned> axes) {
  unsigned rank = cast<RankedTensorType>(op.getIndices().getType()).getRank();
  FailureOr<Block> index = get(op.getIndices(), axes.slice(op.getAxis(), rank));
  if (failed(index))
    return failure();
  const Access &access = accesses.find(keyOf(op.getResult(), axes))->second;
  bool wide = index->wide || movesWide(access.number);
  Value inside = inRange(index->value, access.gatherExtent, index->wide);
  ArrayRef<Value> positions = wide ? widePositions : narrowPositions;

  if (index->wide) {
    SmallVector<Value> own{inside};
    for (unsigned axis : access.operand.axes)
      own.push_back(positions[axis]);
    Type type = KernelBuilder::blockType(positions, elementOf(op.getResult()));
    return Block{tile::GatherOp::create(kernel.builder, kernel.loc(), type,
                                        access.operand.memref, own),
                 true};
  }
  // One index for the whole block: an axis of its own.
  Value scalar =
      tensor::ExtractOp::create(kernel.builder, kernel.loc(), inside);
  SmallVector<Value> extended(positions);
  extended.push_back(arith::IndexCastOp::create(
      kernel.builder, kernel.loc(), kernel.builder.getIndexType(), scalar));
  Operand operand{access.operand.memref, {unsigned(positions.size())}};
  llvm::append_range(operand.axes, access.operand.axes);
  return Block{kernel.loadBlock(operand, extended), wide};
}

} // namespace attune::kernels
