//===- KernelFrame.cpp ----------------------------------------------------===//
#include "compiler/target/common/KernelFrame.h"
#include "compiler/target/common/RandomNumbers.h"
#include "mlir/Dialect/LLVMIR/LLVMTypes.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::common;

//===----------------------------------------------------------------------===//
// Entry
//===----------------------------------------------------------------------===//

LogicalResult KernelFrame::bindGrid() {
  if (failed(translateScalars(*kernel.getBody())))
    return failure();
  tile::ParallelOp grid = kernel.getParallel();
  for (auto [extent, step, position] :
       llvm::zip(grid.getExtents(), grid.getSteps(), grid.getPositions()))
    addAxis(scalar(extent), step, units.lookup(position));
  return success();
}

void KernelFrame::addAxis(Value extent, int64_t step, int64_t unit) {
  if (step == tile::ParallelOp::kUnblocked) {
    blocks.push_back(extent);
    blockSizes.push_back(emit.integer(1));
    return;
  }
  Value count = emit.ceilDiv(extent, step), size = emit.integer(step);
  if (unit) {
    // As many blocks as ever, so the last one is not empty.
    Value even = emit.add(extent, emit.sub(count, emit.integer(1)));
    even = emit.div(even, emit.max(count, emit.integer(1)));
    size = emit.min(size, emit.roundUp(even, unit));
  }
  blocks.push_back(count);
  blockSizes.push_back(size);
}

void KernelFrame::readSlots(function_ref<Value(unsigned, Type)> slotAt) {
  for (BlockArgument arg : kernel.getArguments()) {
    auto type = dyn_cast<MemRefType>(arg.getType());
    if (!type)
      continue;
    Operand operand{type, {}, {}, {}};
    for (int64_t size : type.getShape())
      operand.sizes.push_back(ShapedType::isDynamic(size) ? Value()
                                                          : emit.integer(size));
    for (int64_t stride : type.getStridesAndOffset().first)
      operand.strides.push_back(
          ShapedType::isDynamic(stride) ? Value() : emit.integer(stride));
    operands[arg] = operand;
  }
  using Slot = tile::KernelOp::Slot;
  for (auto [index, slot] : llvm::enumerate(kernel.getSlots())) {
    Value arg = kernel.getArguments()[slot.argument];
    switch (slot.kind) {
    case Slot::Pointer:
      operands[arg].pointer = slotAt(index, emit.pointerType());
      break;
    case Slot::Size:
      operands[arg].sizes[slot.dim] = slotAt(index, emit.getI64Type());
      valueSlots.push_back(operands[arg].sizes[slot.dim]);
      break;
    case Slot::Stride:
      operands[arg].strides[slot.dim] = slotAt(index, emit.getI64Type());
      valueSlots.push_back(operands[arg].strides[slot.dim]);
      break;
    case Slot::Scalar: {
      // The low bytes of a slot are the value on this little-endian machine.
      Type type =
          arg.getType().isIndex() ? Type(emit.getI64Type()) : arg.getType();
      bound.scalars[arg] = slotAt(index, type);
      valueSlots.push_back(bound.scalars[arg]);
      break;
    }
    case Slot::ScratchBytes:
      scratchBytes = slotAt(index, emit.getI64Type());
      break;
    case Slot::ScratchBase:
      scratchBase = slotAt(index, emit.pointerType());
      break;
    }
  }
}

//===----------------------------------------------------------------------===//
// Work items
//===----------------------------------------------------------------------===//

void KernelFrame::bindPositions(Value item) {
  tile::ParallelOp grid = kernel.getParallel();
  // The last axis is the fastest.
  for (int64_t axis = grid.getSteps().size() - 1; axis >= 0; --axis) {
    Value block = axis ? emit.rem(item, blocks[axis]) : item;
    item = axis ? emit.div(item, blocks[axis]) : item;
    Value position = grid.getPositions()[axis];
    if (grid.getSteps()[axis] == tile::ParallelOp::kUnblocked) {
      bind(position, block);
      continue;
    }
    Value size = blockSizes[axis], start = emit.mul(block, size);
    Value left = emit.sub(scalar(grid.getExtents()[axis]), start);
    bind(position, Span{start, emit.min(left, size)});
  }
}

LogicalResult KernelFrame::bindItem(Value item) {
  bindPositions(item);
  return translateScalars(*kernel.getParallel().getBody());
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

Value KernelFrame::scalar(Value original) const {
  Value value = bound.scalars.lookup(original);
  assert(value && "scalars are translated before they are used");
  return value;
}

Span KernelFrame::span(Value original) const {
  Span span = bound.spans.lookup(original);
  assert(span.start && "spans are bound before they are used");
  return span;
}

const Operand &KernelFrame::operand(Value memref) const {
  auto found = operands.find(memref);
  assert(found != operands.end() && "memrefs are kernel arguments");
  return found->second;
}

/// Blocks of rank 0 are scalars, if all that they are made of is.
static bool isBlock(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() > 0;
}

static bool isRankZero(Type type) {
  return isa<TensorType>(type) && !isBlock(type);
}

/// Whether `op` works on blocks of rank 0 that no scalar translation has, such
/// as the results of reductions: those the block evaluator computes in their
/// place.
bool KernelFrame::waitsForBlocks(Operation &op) const {
  bool hasRankZero = llvm::any_of(op.getResultTypes(), isRankZero) ||
                     llvm::any_of(op.getOperandTypes(), isRankZero);
  return isa<memref::StoreOp, tile::ScatterOp>(op) ||
         (hasRankZero && llvm::any_of(op.getOperands(), [&](Value operand) {
            return !bound.scalars.contains(operand);
          }));
}

LogicalResult KernelFrame::translateScalars(Block &block) {
  for (Operation &op : block) {
    if (op.getNumRegions() || op.hasTrait<OpTrait::IsTerminator>() ||
        llvm::any_of(op.getOperandTypes(), isBlock) ||
        llvm::any_of(op.getResultTypes(), isBlock) || waitsForBlocks(op))
      continue;
    // Named after the kernel's op, so that an error in LLVM points there.
    emit.setLoc(op.getLoc());
    if (failed(translate(op)))
      return failure();
  }
  return success();
}

Value KernelFrame::convert(Value value, Type from, Type to, bool isSigned) {
  auto asInteger = [&](Type type) {
    return type.isIndex() ? emit.getI64Type() : type;
  };
  Type source = asInteger(from), target = asInteger(to);
  unsigned have = source.getIntOrFloatBitWidth(),
           want = target.getIntOrFloatBitWidth();
  if (have == want)
    return value;
  if (have > want)
    return arith::TruncIOp::create(emit, target, value);
  if (isSigned)
    return arith::ExtSIOp::create(emit, target, value);
  return arith::ExtUIOp::create(emit, target, value);
}

Value KernelFrame::translateLoad(memref::LoadOp load) {
  const Operand &source = operand(load.getMemRef());
  Value offset = emit.integer(0);
  for (auto [index, stride] : llvm::zip(load.getIndices(), source.strides))
    offset = emit.add(offset, emit.mul(scalar(index), stride));
  Type element = source.type.getElementType();
  Type stored = element.isIndex() ? Type(emit.getI64Type()) : element;
  if (!element.isInteger(1))
    return emit.load(emit.at(source.pointer, offset, stored), stored);
  // A boolean is a byte in memory.
  Value byte =
      emit.load(emit.at(source.pointer, offset, stored), emit.getI8Type());
  Value zero = arith::ConstantOp::create(emit, emit.getI8IntegerAttr(0));
  return arith::CmpIOp::create(emit, arith::CmpIPredicate::ne, byte, zero);
}

LogicalResult KernelFrame::translate(Operation &op) {
  if (isa<tile::BroadcastOp, tensor::ExtractOp>(op)) {
    // From a scalar to rank 0 and back.
    bound.scalars[op.getResult(0)] = scalar(op.getOperand(0));
  } else if (auto constant = dyn_cast<arith::ConstantOp>(op);
             constant && isRankZero(constant.getType())) {
    auto value = cast<SplatElementsAttr>(constant.getValue());
    bound.scalars[constant] = arith::ConstantOp::create(
        emit, cast<TypedAttr>(value.getSplatValue<Attribute>()));
  } else if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto integer = dyn_cast<IntegerAttr>(constant.getValue());
    bound.scalars[constant] =
        integer && integer.getType().isIndex()
            ? emit.integer(integer.getInt())
            : arith::ConstantOp::create(emit, constant.getValue()).getResult();
  } else if (auto dim = dyn_cast<memref::DimOp>(op)) {
    std::optional<int64_t> index = dim.getConstantIndex();
    if (!index)
      return op.emitOpError("expected a constant dimension");
    bound.scalars[dim] = operand(dim.getSource()).sizes[*index];
  } else if (auto load = dyn_cast<memref::LoadOp>(op)) {
    bound.scalars[load] = translateLoad(load);
  } else if (auto random = dyn_cast<tile::RandomOp>(op)) {
    // At one place, which has no span.
    Value position = scalar(random.getFirst());
    for (auto [index, stride] :
         llvm::zip(random.getPositions(), random.getStrides()))
      position = emit.add(position, emit.mul(scalar(index), scalar(stride)));
    bound.scalars[random] =
        uniformNumbers(emit,
                       {scalar(random.getSeed()), scalar(random.getStep()),
                        scalar(random.getId())},
                       position, /*stride=*/{});
  } else if (auto range = dyn_cast<tile::RangeOp>(op)) {
    Value start = scalar(range.getStart());
    Value count = emit.sub(scalar(range.getEnd()), start);
    bound.spans[range] = {start, emit.max(count, emit.integer(0))};
  } else if (auto bounds = dyn_cast<tile::BoundsOp>(op)) {
    bound.scalars[bounds.getStart()] = span(bounds.getSpan()).start;
    bound.scalars[bounds.getCount()] = span(bounds.getSpan()).count;
  } else if (auto cast = dyn_cast<arith::IndexCastOp>(op)) {
    bound.scalars[cast] = convert(scalar(cast.getIn()), cast.getIn().getType(),
                                  cast.getType(), true);
  } else if (auto cast = dyn_cast<arith::IndexCastUIOp>(op)) {
    bound.scalars[cast] = convert(scalar(cast.getIn()), cast.getIn().getType(),
                                  cast.getType(), false);
  } else if (op.hasTrait<OpTrait::Elementwise>() || isa<arith::SelectOp>(op)) {
    // The same op on the translated types: an index is an i64.
    SmallVector<Value> inputs;
    for (Value input : op.getOperands())
      inputs.push_back(scalar(input));
    SmallVector<Type> types;
    for (Type type : op.getResultTypes())
      types.push_back(type.isIndex() ? Type(emit.getI64Type())
                                     : getElementTypeOrSelf(type));
    Operation *copy =
        Operation::create(emit.getLoc(), op.getName(), types, inputs,
                          op.getDiscardableAttrDictionary(),
                          op.getPropertiesStorage(), BlockRange(), 0);
    emit.insert(copy);
    for (auto [original, translated] :
         llvm::zip(op.getResults(), copy->getResults()))
      bound.scalars[original] = translated;
  } else {
    return op.emitOpError("has no scalar form");
  }
  return success();
}

Value KernelFrame::groupOf(Value item, uint64_t axes) {
  for (unsigned axis = blocks.size(); axis && !(axes >> (axis - 1)); --axis)
    item = emit.div(item, blocks[axis - 1]);
  return item;
}

Value KernelFrame::pointerTo(Value memref, ValueRange positions,
                             Value skip) const {
  const Operand &source = operand(memref);
  Value offset = emit.integer(0);
  for (auto [position, stride] : llvm::zip(positions, source.strides)) {
    if (position == skip)
      continue;
    Value index =
        tile::isSpan(position) ? span(position).start : scalar(position);
    offset = emit.add(offset, emit.mul(index, stride));
  }
  return emit.at(source.pointer, offset, source.type.getElementType());
}

Value KernelFrame::strideAlong(tile::LoadOp load, Value span) const {
  for (auto [position, stride] :
       llvm::zip(load.getPositions(), operand(load.getSource()).strides))
    if (position == span)
      return stride;
  llvm_unreachable("the span indexes the operand");
}

uint64_t KernelFrame::axesOf(Value original) const {
  tile::ParallelOp grid = kernel.getParallel();
  if (auto arg = dyn_cast<BlockArgument>(original)) {
    if (arg.getOwner() == grid.getBody())
      return uint64_t(1) << arg.getArgNumber();
    // The span of a loop depends on what its bounds depend on.
    if (auto loop = dyn_cast<tile::ForOp>(arg.getOwner()->getParentOp()))
      return axesOf(loop.getFrom()) | axesOf(loop.getTo());
    return 0;
  }
  uint64_t axes = 0;
  for (Value operand : original.getDefiningOp()->getOperands())
    if (!isa<MemRefType>(operand.getType()))
      axes |= axesOf(operand);
  return axes;
}
