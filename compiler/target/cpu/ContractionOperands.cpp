//===- ContractionOperands.cpp - where the operands of a contraction lie --===//
//
// The right one: in panels, as weights come, or packed into panels by the
// worker. The left one: in its rows; or, where rows lie side by side in memory
// (X of the weight gradient X^T dY), packed into groups of them by the worker.
// A tile would read 32 bytes of it at each step of k, one far from the next:
// where they are a power of two apart, hardly a line stays in a cache until the
// next tile comes for its other half.
//
// What is packed stays for the items that follow, as long as they have the same
// columns or rows: the grid's order says which of the two.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/ContractionEmitter.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

//===----------------------------------------------------------------------===//
// The left operand
//===----------------------------------------------------------------------===//

/// Rows in a group: as many whole tiles as it holds.
int64_t ContractionEmitter::groupRows() const {
  int64_t rows = tiles().front().rows;
  return RowGroups::kWidth / rows * rows;
}

void ContractionEmitter::locateLeft() {
  tile::LoadOp load = parts.lhs;
  Value k = parts.loop.getSpan();
  lhsRow = frame.strideAlong(load, parts.rows);
  lhsDepth = frame.strideAlong(load, k);
  lhs = emit.at(frame.pointerTo(load.getSource(), load.getPositions(), k),
                emit.mul(depthFrom, lhsDepth), emit.getF32Type());
  if (scratch.groups)
    groupStride =
        emit.add(emit.mul(emit.sub(depthTo, depthFrom), RowGroups::kWidth),
                 RowGroups::kPadding);
}

void ContractionEmitter::packLeft() {
  emitPackRows(emit,
               {lhs, emit.sub(depthTo, depthFrom), frame.span(parts.rows).count,
                lhsDepth, lhsRow},
               {scratch.layout.pointer(frame, *scratch.groups), groupStride,
                groupRows()});
}

/// Where the rows of a tile start, at the current block of k.
Emitter::Values ContractionEmitter::leftRows(const RegisterTile &tile,
                                             ArrayRef<Coord> rows) {
  Type f32 = emit.getF32Type();
  Values pointers;
  if (!scratch.groups) {
    Value offset = emit.mul(depthOffset, lhsDepth);
    for (const Coord &row : rows)
      pointers.push_back(
          emit.at(lhs, emit.add(emit.mul(row.index, lhsRow), offset), f32));
    return pointers;
  }
  // A tile lies within a group; behind the last row there are zeros.
  Value first = rows.front().index, size = emit.integer(groupRows());
  Value offset = emit.add(emit.add(emit.mul(emit.div(first, size), groupStride),
                                   emit.rem(first, size)),
                          emit.mul(depthOffset, RowGroups::kWidth));
  Value pointer =
      emit.at(scratch.layout.pointer(frame, *scratch.groups), offset, f32);
  for (int64_t i = 0; i < tile.rows; ++i)
    pointers.push_back(emit.at(pointer, i, f32));
  return pointers;
}

//===----------------------------------------------------------------------===//
// The right operand
//===----------------------------------------------------------------------===//

void ContractionEmitter::locateRight() {
  tile::LoadOp load = parts.rhs;
  panelCount = emit.ceilDiv(frame.span(parts.columns).count, kPanelWidth);
  Value depthAll = frame.operand(load.getSource()).sizes[parts.depthDim(load)];
  if (scratch.panels) {
    rhs = scratch.layout.pointer(frame, *scratch.panels);
    panelStride = emit.mul(emit.roundUp(depthAll, kLanes), kPanelWidth);
    return;
  }
  panelStride = emit.mul(depthAll, kPanelWidth);
  Value panel =
      emit.div(frame.span(parts.columns).start, emit.integer(kPanelWidth));
  Value offset =
      emit.add(emit.mul(panel, panelStride), emit.mul(depthFrom, kPanelWidth));
  rhs = emit.at(frame.operand(load.getSource()).pointer, offset,
                emit.getF32Type());
}

void ContractionEmitter::packRight() {
  tile::LoadOp load = parts.rhs;
  Value k = parts.loop.getSpan(), stride = frame.strideAlong(load, k);
  // Tiles read whole groups of panels; those beyond the columns are zero.
  int64_t widest = 0;
  for (const RegisterTile &tile : tiles())
    widest = std::max(widest, tile.panels);
  Value source = frame.pointerTo(load.getSource(), load.getPositions(), k);
  source = emit.at(source, emit.mul(depthFrom, stride), emit.getF32Type());
  emitPack(emit,
           {source, emit.sub(depthTo, depthFrom),
            frame.span(parts.columns).count, stride,
            frame.strideAlong(load, parts.columns)},
           {rhs, panelStride, emit.add(panelCount, widest - 1)});
}

bool ContractionEmitter::columnsMayEndInside() const {
  const Operand &operand = frame.operand(parts.rhs.getSource());
  for (auto [dim, position] : llvm::enumerate(parts.rhs.getPositions()))
    if (position == parts.columns)
      return operand.type.isDynamicDim(dim) ||
             operand.type.getDimSize(dim) % kPanelWidth != 0 || scratch.panels;
  return true;
}

/// While the rows of an item pass, weights for what follows come into L2: the
/// panels' next block of k, or the next columns. Each tile of rows fetches its
/// part, so that the lines arrive evenly.
void ContractionEmitter::fetchNext(MicroKernel &kernel,
                                   const RegisterTile &tile, Value row,
                                   Value panel) {
  // Packed activations are there already; one row is but a stream of weights.
  if (scratch.panels || tile.rows == 1)
    return;
  Type f32 = emit.getF32Type();
  constexpr int64_t kParts = kPanelWidth / MicroKernel::kNextPerStep;
  Value part = emit.div(row, emit.integer(tile.rows));
  Value isMine = emit.less(part, emit.integer(kParts));
  Value offset = emit.mul(part, emit.mul(depth, MicroKernel::kNextPerStep));
  for (auto [index, here] : llvm::enumerate(kernel.panels)) {
    Value column = emit.add(panel, index + blockPanels(parts));
    Value next = emit.at(rhs, emit.mul(column, panelStride), f32);
    if (isLast)
      next = arith::SelectOp::create(
          emit, isLast, next, emit.at(here, emit.mul(depth, kPanelWidth), f32));
    kernel.next.push_back(arith::SelectOp::create(
        emit, isMine, emit.at(next, offset, f32), here));
  }
}

void ContractionEmitter::locateOperands() {
  depthFrom = frame.scalar(parts.loop.getFrom());
  depthTo = frame.scalar(parts.loop.getTo());
  locateLeft();
  locateRight();
}
