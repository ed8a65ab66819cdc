//===- OperandRing.cpp ----------------------------------------------------===//
#include "compiler/target/cuda/OperandRing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;

/// Whether the operand's extent along `span` is a known multiple of `unit`.
static bool isMultiple(const Operand &operand, tile::LoadOp load, Value span,
                       int64_t unit) {
  for (auto [dim, position] : llvm::enumerate(load.getPositions()))
    if (position == span)
      return !operand.type.isDynamicDim(dim) &&
             operand.type.getDimSize(dim) % unit == 0;
  return false;
}

OperandRing::OperandRing(KernelFrame &frame, const Contraction &parts,
                         const ContractionPlan &plan, tile::LoadOp load,
                         Value outer, DepthAlong along, int64_t size)
    : tile(frame.emit, frame.shared, plan.element,
           along == DepthAlong::Rows ? plan.depth : size,
           along == DepthAlong::Rows ? size : plan.depth, plan.stages),
      along(along), emit(frame.emit), threads(plan.threads()),
      depth(plan.depth) {
  Value k = parts.loop.getSpan();
  Value from = frame.scalar(parts.loop.getFrom());
  outerStride = frame.strideAlong(load, outer);
  depthStride = frame.strideAlong(load, k);
  start = emit.at(frame.pointerTo(load.getSource(), load.getPositions(), k),
                  emit.mul(from, depthStride), plan.element);
  outerCount = frame.span(outer).count;
  depthCount = emit.sub(frame.scalar(parts.loop.getTo()), from);
  bool rows = along == DepthAlong::Rows;
  isCopied = isAligned(emit,
                       {start,
                        rows ? depthStride : outerStride,
                        rows ? outerStride : depthStride,
                        {},
                        {}},
                       plan.element);
  const Operand &operand = frame.operand(load.getSource());
  mayEndInside = !isMultiple(operand, load, outer, size);
  endsInChunk = rows && !isMultiple(operand, load, outer, tile.chunkElements());
}

void OperandRing::fill(Value stage, Value k) {
  tile.select(stage);
  Value left = emit.sub(depthCount, k);
  GlobalTile from{emit.at(start, emit.mul(k, depthStride), tile.element),
                  outerStride, depthStride, outerCount, left};
  if (along == DepthAlong::Rows) {
    std::swap(from.rowStride, from.columnStride);
    std::swap(from.rows, from.columns);
  }
  tile.fill(from, isCopied, threads, /*inLoop=*/true);
}

//===----------------------------------------------------------------------===//
// Whole stages
//===----------------------------------------------------------------------===//

// Chunk `thread` + copy * threads is this thread's. What is beyond the operand
// across k has no part in any sum that is stored, so those threads copy
// something else that is there.

int64_t OperandRing::copies() const {
  return llvm::divideCeil(tile.rows * tile.chunksPerRow(), threads);
}

OperandRing::Place OperandRing::placeOf(int64_t copy) const {
  Value thread = emit.threadIndex();
  int64_t perRow = tile.chunksPerRow();
  if (threads % perRow == 0)
    return {emit.add(emit.div(thread, emit.integer(perRow)),
                     copy * (threads / perRow)),
            emit.rem(thread, emit.integer(perRow))};
  Value number = emit.add(thread, copy * threads);
  return {emit.div(number, emit.integer(perRow)),
          emit.rem(number, emit.integer(perRow))};
}

Value OperandRing::pointerAt(int64_t copy, Value k) const {
  auto [row, chunk] = placeOf(copy);
  Value column = emit.mul(chunk, tile.chunkElements());
  Value across = along == DepthAlong::Rows ? column : row;
  Value depth = emit.add(k, along == DepthAlong::Rows ? row : column);
  if (mayEndInside)
    across = arith::SelectOp::create(emit, emit.less(across, outerCount),
                                     across, emit.integer(0));
  Value offset =
      emit.add(emit.mul(across, outerStride), emit.mul(depth, depthStride));
  return emit.at(start, offset, tile.element);
}

/// Whether the pointers of a thread are all at one distance.
bool OperandRing::isRegular() const {
  return threads % tile.chunksPerRow() == 0 &&
         (along == DepthAlong::Rows || !mayEndInside);
}

OperandRing::Values OperandRing::pointersAt(Value k) const {
  Values pointers;
  for (int64_t copy = 0; copy < (isRegular() ? 1 : copies()); ++copy)
    pointers.push_back(pointerAt(copy, k));
  return pointers;
}

Value OperandRing::pointerOf(int64_t copy, ValueRange pointers) const {
  if (!isRegular())
    return pointers[copy];
  Value rowStride = along == DepthAlong::Rows ? depthStride : outerStride;
  Value distance = emit.mul(rowStride, copy * (threads / tile.chunksPerRow()));
  return emit.at(pointers.front(), distance, tile.element);
}

/// How much of a chunk there is, where it may be cut: an i32 of bytes.
Value OperandRing::validBytes(Value chunk) const {
  if (!endsInChunk)
    return {};
  int64_t each = tile.chunkElements();
  Value left = emit.sub(outerCount, emit.mul(chunk, each));
  // A chunk wholly beyond reads the first one's bytes, of which there may be
  // fewer.
  left = arith::SelectOp::create(emit, emit.less(emit.integer(0), left), left,
                                 outerCount);
  Value bytes =
      emit.mul(emit.min(left, emit.integer(each)), tile.elementBytes());
  return arith::TruncIOp::create(emit, emit.getI32Type(), bytes);
}

void OperandRing::copy(Value stage, ValueRange pointers, int64_t part,
                       int64_t parts) {
  tile.select(stage);
  int64_t count = copies(), total = tile.rows * tile.chunksPerRow();
  for (int64_t copy = count * part / parts; copy < count * (part + 1) / parts;
       ++copy) {
    auto [row, chunk] = placeOf(copy);
    auto emitCopy = [&, row = row, chunk = chunk] {
      emit.copyAsync(tile.chunkAt(row, chunk), pointerOf(copy, pointers),
                     SharedTile::kChunkBytes, validBytes(chunk));
    };
    int64_t left = total - copy * threads;
    if (left >= threads)
      emitCopy();
    else
      emit.ifThen(emit.less(emit.threadIndex(), emit.integer(left)), emitCopy);
  }
}

OperandRing::Values OperandRing::advance(ValueRange pointers) const {
  Value step = emit.mul(depthStride, depth);
  Values next;
  for (Value pointer : pointers)
    next.push_back(emit.at(pointer, step, tile.element));
  return next;
}
