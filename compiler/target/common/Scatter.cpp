//===- Scatter.cpp --------------------------------------------------------===//
#include "compiler/target/common/Scatter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::common;

FailureOr<tile::ScatterOp>
attune::target::common::matchScatter(tile::KernelOp kernel) {
  auto ops = kernel.getParallel().getBody()->getOps<tile::ScatterOp>();
  if (!llvm::hasSingleElement(ops))
    return kernel.emitError("expected one scatter in a kernel of its family");
  tile::ScatterOp op = *ops.begin();
  Type element = cast<MemRefType>(op.getDest().getType()).getElementType();
  // Thousands of updates would not add up in half precision.
  if (!element.isF32() && !element.isF64())
    return emitError(kernel.getLoc()) << "scatter of " << element
                                      << " is not supported; cast to f32 first";
  return op;
}

ScatterEmitter::ScatterEmitter(KernelFrame &frame, tile::ScatterOp op,
                               int64_t indicesAtOnce, RunLoop forEachRun)
    : frame(frame), emit(frame.emit), op(op),
      element(cast<MemRefType>(op.getDest().getType()).getElementType()),
      indicesAtOnce(indicesAtOnce), forEachRun(forEachRun) {}

/// Where the item's columns of a row begin.
Value ScatterEmitter::rowPointer(Value memref, Value row) {
  const Operand &operand = frame.operand(memref);
  Value offset = emit.mul(frame.scalar(op.getPlace()), operand.strides[0]);
  offset = emit.add(offset, emit.mul(row, operand.strides[1]));
  offset = emit.add(
      offset, emit.mul(frame.span(op.getColumns()).start, operand.strides[2]));
  return emit.at(operand.pointer, offset, element);
}

/// The row that update n is for; a negative index counts from the end.
Value ScatterEmitter::indexAt(Value n) {
  const Operand &operand = frame.operand(op.getIndices());
  Type type = operand.type.getElementType();
  Value index = emit.loadScalar(
      emit.at(operand.pointer, emit.mul(n, operand.strides[0]), type), type);
  if (!type.isInteger(64))
    index = arith::ExtSIOp::create(emit, emit.getI64Type(), index);
  Value wrapped = emit.add(index, frame.operand(op.getDest()).sizes[1]);
  return arith::SelectOp::create(emit, emit.less(index, emit.integer(0)),
                                 wrapped, index);
}

Value ScatterEmitter::load(Value pointer, Value stride, const Coord &run) {
  return run.lanes ? emit.loadVector(pointer, element, stride, run.mask, {})
                   : emit.loadScalar(pointer, element);
}

void ScatterEmitter::store(Value value, Value pointer, Value stride,
                           const Coord &run) {
  if (run.lanes)
    return emit.storeVector(value, pointer, stride, run.mask);
  emit.storeScalar(value, pointer);
}

void ScatterEmitter::clear(Value row) {
  Value stride = frame.operand(op.getDest()).strides[2];
  Value pointer = rowPointer(op.getDest(), row);
  forEachRun(frame.span(op.getColumns()).count, [&](const Coord &run) {
    Type type = run.lanes ? Type(emit.vector(element)) : element;
    Value zero = arith::ConstantOp::create(
        emit, cast<TypedAttr>(emit.getZeroAttr(type)));
    store(zero, emit.at(pointer, emit.mul(run.index, stride), element), stride,
          run);
  });
}

void ScatterEmitter::addTo(Value row, Value n) {
  Value toStride = frame.operand(op.getDest()).strides[2],
        fromStride = frame.operand(op.getSource()).strides[2];
  Value to = rowPointer(op.getDest(), row),
        from = rowPointer(op.getSource(), n);
  forEachRun(frame.span(op.getColumns()).count, [&](const Coord &run) {
    Value place = emit.at(to, emit.mul(run.index, toStride), element);
    Value update = load(emit.at(from, emit.mul(run.index, fromStride), element),
                        fromStride, run);
    Value sum = arith::AddFOp::create(emit, load(place, toStride, run), update);
    store(sum, place, toStride, run);
  });
}

void ScatterEmitter::addIfOurs(Value row, Value n) {
  Span rows = frame.span(op.getRows());
  Value isOurs = arith::CmpIOp::create(emit, arith::CmpIPredicate::ult,
                                       emit.sub(row, rows.start), rows.count);
  emit.ifThen(isOurs, [&] { addTo(row, n); });
}

void ScatterEmitter::emitItem() {
  Span rows = frame.span(op.getRows());
  emit.forLoop(emit.integer(0), rows.count, 1,
               [&](Value row) { clear(emit.add(rows.start, row)); });
  Value count = frame.operand(op.getIndices()).sizes[0];
  Value whole = emit.roundDown(count, indicesAtOnce);
  emit.forLoop(emit.integer(0), whole, indicesAtOnce, [&](Value first) {
    SmallVector<Value> found;
    for (int64_t i = 0; i < indicesAtOnce; ++i)
      found.push_back(indexAt(emit.add(first, i)));
    for (int64_t i = 0; i < indicesAtOnce; ++i)
      addIfOurs(found[i], emit.add(first, i));
  });
  if (indicesAtOnce > 1)
    emit.forLoop(whole, count, 1, [&](Value n) { addIfOurs(indexAt(n), n); });
}
