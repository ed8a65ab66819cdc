//===- BlockEvaluator.cpp -------------------------------------------------===//
#include "compiler/target/common/BlockEvaluator.h"
#include "compiler/target/common/RandomNumbers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::common;

//===----------------------------------------------------------------------===//
// Memory of places
//===----------------------------------------------------------------------===//

BlockEvaluator::Key BlockEvaluator::keyOf(Value block, ArrayRef<Coord> at) {
  Key key{block.getAsOpaquePointer()};
  for (const Coord &coord : at) {
    key.push_back(coord.index.getAsOpaquePointer());
    key.push_back(reinterpret_cast<void *>(uintptr_t(coord.lanes)));
    key.push_back(coord.mask.getAsOpaquePointer());
  }
  return key;
}

Value BlockEvaluator::find(const Key &key) const {
  for (const auto &scope : llvm::reverse(memory))
    if (auto found = scope.find(key); found != scope.end())
      return found->second;
  return {};
}

void BlockEvaluator::seed(Value block, ArrayRef<Coord> at, Value value) {
  memory.back()[keyOf(block, at)] = value;
}

Value BlockEvaluator::get(Value block, ArrayRef<Coord> at) {
  if (!isa<TensorType>(block.getType()))
    return frame.scalar(block);
  if (Value scalar = frame.findScalar(block))
    return scalar;
  Key key = keyOf(block, at);
  if (Value known = find(key))
    return known;
  Value value = compute(block, at);
  if (value)
    memory.back()[key] = value;
  return value;
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

static bool hasLanes(ArrayRef<Coord> at) {
  return llvm::any_of(at, [](const Coord &coord) { return coord.lanes; });
}

Value BlockEvaluator::compute(Value block, ArrayRef<Coord> at) {
  Operation *op = block.getDefiningOp();
  if (!op) {
    emitError(block.getLoc(), "a carried block is used where it has no place");
    return {};
  }
  if (auto constantOp = dyn_cast<arith::ConstantOp>(op))
    return constant(constantOp, at);
  if (auto loadOp = dyn_cast<tile::LoadOp>(op))
    return load(loadOp, at);
  if (auto gatherOp = dyn_cast<tile::GatherOp>(op))
    return gather(gatherOp, at);
  if (auto randomOp = dyn_cast<tile::RandomOp>(op))
    return random(randomOp, at);
  if (auto broadcastOp = dyn_cast<tile::BroadcastOp>(op))
    return broadcast(broadcastOp, at);
  if (auto transpose = dyn_cast<tile::TransposeOp>(op)) {
    SmallVector<Coord> source(at.size());
    for (auto [result, dim] : llvm::enumerate(transpose.getPermutation()))
      source[dim] = at[result];
    return get(transpose.getBlock(), source);
  }
  if (auto iota = dyn_cast<tile::IotaOp>(op))
    return position(frame.span(iota.getSpan()), at.front(),
                    cast<RankedTensorType>(iota.getType()).getElementType());
  if (auto bandOp = dyn_cast<tile::BandOp>(op))
    return band(bandOp, at);
  if (op->hasTrait<OpTrait::Elementwise>() || isa<arith::SelectOp>(op))
    return elementwise(op, at);
  op->emitOpError("cannot be evaluated element by element on the CPU");
  return {};
}

Value BlockEvaluator::constant(arith::ConstantOp op, ArrayRef<Coord> at) {
  auto dense = dyn_cast<SplatElementsAttr>(op.getValue());
  if (!dense) {
    op.emitOpError("expected a splat; other values come in as operands");
    return {};
  }
  Type element = dense.getElementType();
  Attribute value = dense.getSplatValue<Attribute>();
  if (hasLanes(at))
    return arith::ConstantOp::create(
        emit, DenseElementsAttr::get(emit.vector(element), value));
  return arith::ConstantOp::create(emit, cast<TypedAttr>(value));
}

Value BlockEvaluator::broadcast(tile::BroadcastOp op, ArrayRef<Coord> at) {
  SmallVector<Coord> source;
  for (int64_t axis : op.getAxes())
    source.push_back(at[axis]);
  Value value = get(op.getSource(), source);
  if (!value || !hasLanes(at) || isa<VectorType>(value.getType()))
    return value;
  return emit.splat(value);
}

Value BlockEvaluator::position(Span span, const Coord &coord, Type element) {
  Value first = emit.add(span.start, coord.index);
  auto isFloat = isa<FloatType>(element);
  // Positions fit 32 bits: a tensor dimension of 2^31 does not occur.
  Type integer = isFloat ? Type(emit.getI32Type()) : element;
  Value start = integer.isInteger(64)
                    ? first
                    : arith::TruncIOp::create(emit, integer, first).getResult();
  if (coord.lanes)
    start = arith::AddIOp::create(emit, emit.splat(start),
                                  emit.laneNumbers(integer));
  if (!isFloat)
    return start;
  Type type = coord.lanes ? Type(emit.vector(element)) : element;
  return arith::SIToFPOp::create(emit, type, start);
}

Value BlockEvaluator::random(tile::RandomOp op, ArrayRef<Coord> at) {
  Value position = frame.scalar(op.getFirst()), stride;
  unsigned dim = 0;
  for (auto [along, step] : llvm::zip(op.getPositions(), op.getStrides())) {
    Value index, by = frame.scalar(step);
    if (tile::isSpan(along)) {
      const Coord &coord = at[dim++];
      index = emit.add(frame.span(along).start, coord.index);
      if (coord.lanes)
        stride = by;
    } else {
      index = frame.scalar(along);
    }
    position = emit.add(position, emit.mul(index, by));
  }
  return uniformNumbers(emit,
                        {frame.scalar(op.getSeed()), frame.scalar(op.getStep()),
                         frame.scalar(op.getId())},
                        position, stride);
}

/// keep iff the column is valid and lower <= j - i <= upper.
Value BlockEvaluator::band(tile::BandOp op, ArrayRef<Coord> at) {
  Value scores = get(op.getScores(), at);
  if (!scores || ignoreBands)
    return scores;
  const Coord &row = at[0], &column = at[1];
  if (row.lanes || !column.lanes) {
    op.emitOpError("expected to be evaluated along its columns");
    return {};
  }
  Span rows = frame.span(op.getRows()), columns = frame.span(op.getColumns());
  // In lanes from `column.index`: first and end of what row i may see.
  Value diagonal = emit.sub(emit.add(rows.start, row.index), columns.start);
  Value end = columns.count;
  if (op.getUpper())
    end = emit.min(
        end, emit.add(emit.add(diagonal, frame.scalar(op.getUpper())), 1));
  Value keep = emit.lanesBelow(emit.sub(end, column.index));
  if (op.getLower()) {
    Value first = emit.add(diagonal, frame.scalar(op.getLower()));
    Value before = emit.lanesBelow(emit.sub(first, column.index));
    Value all = arith::ConstantOp::create(
        emit, DenseElementsAttr::get(emit.vector(emit.getI1Type()), true));
    keep = arith::AndIOp::create(emit, keep,
                                 arith::XOrIOp::create(emit, before, all));
  }
  Value hidden = emit.splat(-std::numeric_limits<double>::infinity());
  return arith::SelectOp::create(emit, keep, scores, hidden);
}

Value BlockEvaluator::elementwise(Operation *op, ArrayRef<Coord> at) {
  SmallVector<Value> inputs;
  for (Value input : op->getOperands()) {
    Value value = get(input, at);
    if (!value)
      return {};
    // arith.select takes a scalar condition as well.
    if (hasLanes(at) && !isa<VectorType>(value.getType()))
      value = emit.splat(value);
    inputs.push_back(value);
  }
  SmallVector<Type> types;
  for (Type type : op->getResultTypes()) {
    Type element = getElementTypeOrSelf(type);
    types.push_back(hasLanes(at) ? Type(emit.vector(element)) : element);
  }
  Operation *copy =
      Operation::create(emit.getLoc(), op->getName(), types, inputs,
                        op->getDiscardableAttrDictionary(),
                        op->getPropertiesStorage(), BlockRange(), 0);
  emit.insert(copy);
  return copy->getResult(0);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

BlockEvaluator::Access
BlockEvaluator::access(Value memref, ValueRange positions, ArrayRef<Coord> at) {
  const Operand &operand = frame.operand(memref);
  Value offset = emit.integer(0);
  Value stride, mask;
  unsigned dim = 0;
  for (auto [position, step] : llvm::zip(positions, operand.strides)) {
    Value index;
    if (tile::isSpan(position)) {
      const Coord &coord = at[dim++];
      index = emit.add(frame.span(position).start, coord.index);
      if (coord.lanes) {
        stride = step;
        mask = coord.mask;
      }
    } else {
      index = frame.scalar(position);
    }
    offset = emit.add(offset, emit.mul(index, step));
  }
  Type element = operand.type.getElementType();
  return {emit.at(operand.pointer, offset, element), stride, mask};
}

Value BlockEvaluator::load(tile::LoadOp op, ArrayRef<Coord> at) {
  Access from = access(op.getSource(), op.getPositions(), at);
  Type element = cast<MemRefType>(op.getSource().getType()).getElementType();
  if (!from.stride)
    return emit.loadScalar(from.pointer, element);
  Value fill;
  if (TypedAttr attr = op.getFillAttr())
    fill = arith::ConstantOp::create(emit, attr);
  return emit.loadVector(from.pointer, element, from.stride, from.mask, fill);
}

LogicalResult BlockEvaluator::store(tile::StoreOp op, ArrayRef<Coord> at) {
  Value value = get(op.getBlock(), at);
  if (!value)
    return failure();
  Access to = access(op.getDest(), op.getPositions(), at);
  if (to.stride) {
    emit.storeVector(value, to.pointer, to.stride, to.mask);
    return success();
  }
  emit.storeScalar(value, to.pointer);
  return success();
}

LogicalResult BlockEvaluator::accumulate(tile::AccumulateOp op,
                                         ArrayRef<Coord> at) {
  Value value = get(op.getBlock(), at);
  if (!value)
    return failure();
  Access to = access(op.getDest(), op.getPositions(), at);
  Type element = cast<MemRefType>(op.getDest().getType()).getElementType();
  if (to.stride) {
    Value before =
        emit.loadVector(to.pointer, element, to.stride, to.mask, Value());
    emit.storeVector(emit.addf(before, value), to.pointer, to.stride, to.mask);
    return success();
  }
  Value before = emit.loadScalar(to.pointer, element);
  emit.storeScalar(emit.addf(before, value), to.pointer);
  return success();
}

Value BlockEvaluator::gather(tile::GatherOp op, ArrayRef<Coord> at) {
  const Coord &coord = at.front();
  const Operand &source = frame.operand(op.getSource());
  Value first = emit.integer(0), offsets;
  for (auto [position, stride] : llvm::zip(op.getPositions(), source.strides)) {
    Value index, step = stride;
    if (tile::isSpan(position)) {
      first = emit.add(first, emit.mul(frame.span(position).start, stride));
      index = coord.lanes ? emit.laneNumbers(emit.getI64Type()) : coord.index;
      if (coord.lanes)
        first = emit.add(first, emit.mul(coord.index, stride));
    } else if (isa<TensorType>(position.getType())) {
      index = get(position, at);
      if (!index)
        return {};
    } else {
      first = emit.add(first, emit.mul(frame.scalar(position), stride));
      continue;
    }
    if (!coord.lanes) {
      first = emit.add(first, emit.mul(index, stride));
      continue;
    }
    if (!isa<VectorType>(index.getType()))
      index = emit.splat(index);
    Value offset = arith::MulIOp::create(emit, index, emit.splat(step));
    offsets = offsets ? arith::AddIOp::create(emit, offsets, offset) : offset;
  }
  Type element = source.type.getElementType();
  Value pointer = emit.at(source.pointer, first, element);
  if (!offsets)
    return emit.loadScalar(pointer, element);
  return emit.gatherVector(pointer, element, offsets, coord.mask);
}

LogicalResult BlockEvaluator::store(memref::StoreOp op) {
  Value value = frame.findScalar(op.getValue());
  if (auto extract = op.getValue().getDefiningOp<tensor::ExtractOp>();
      extract && !value) {
    SmallVector<Coord> at;
    for (Value index : extract.getIndices())
      at.push_back({frame.scalar(index), false, {}});
    value = get(extract.getTensor(), at);
  }
  if (!value)
    return op.emitOpError("expected an element of a block to be stored");
  const Operand &dest = frame.operand(op.getMemRef());
  Value offset = emit.integer(0);
  for (auto [index, stride] : llvm::zip(op.getIndices(), dest.strides))
    offset = emit.add(offset, emit.mul(frame.scalar(index), stride));
  emit.storeScalar(value,
                   emit.at(dest.pointer, offset, dest.type.getElementType()));
  return success();
}
