//===- OperandRing.cpp ----------------------------------------------------===//
#include "compiler/target/cuda/OperandRing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;

/// The dimension of the operand that a span indexes.
static unsigned dimensionOf(tile::LoadOp load, Value span) {
  auto positions = load.getPositions();
  return llvm::find(positions, span) - positions.begin();
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
  unsigned dim = dimensionOf(load, outer);
  auto isMultipleOf = [&](int64_t unit) {
    return !operand.type.isDynamicDim(dim) &&
           operand.type.getDimSize(dim) % unit == 0;
  };
  mayEndInside = !isMultipleOf(size);
  hasWholeChunks = isCopied;
  std::optional<int64_t> known = Emitter::constant(isCopied);
  if (!rows || isMultipleOf(tile.chunkElements()) || (known && !*known))
    return;
  // The last chunk of a row may reach beyond it: towards the next one, which is
  // there, unless rows lie closer than they are long.
  Value roomy = emit.less(operand.sizes[dim], emit.add(depthStride, 1));
  hasWholeChunks = arith::AndIOp::create(emit, isCopied, roomy);
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

void OperandRing::copy(Value stage, ValueRange pointers, int64_t part,
                       int64_t parts) {
  tile.select(stage);
  int64_t count = copies(), total = tile.rows * tile.chunksPerRow();
  for (int64_t copy = count * part / parts; copy < count * (part + 1) / parts;
       ++copy) {
    auto [row, chunk] = placeOf(copy);
    auto emitCopy = [&, row = row, chunk = chunk] {
      emit.copyAsync(tile.chunkAt(row, chunk), pointerOf(copy, pointers),
                     SharedTile::kChunkBytes);
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
