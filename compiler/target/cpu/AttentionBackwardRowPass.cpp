//===- AttentionBackwardRowPass.cpp - between the dots of the gradients ---===//
//
// Enters: a row of S, unless it is saved, and of dP in scratch. Leaves: in
// their places P and dS. Masks, biases and the band are applied on the way;
// what the band hides is zero in both.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/AttentionBackwardEmitter.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

/// One vector of columns.
void AttentionBackwardEmitter::emitVector(const Coord &row, Value column,
                                          bool hidden) {
  BlockEvaluator::Scope scope(evaluator);
  Type f32 = emit.getF32Type();
  Value offset = emit.add(emit.mul(row.index, sizes.scoreStride), column);
  Value score = emit.at(scores, offset, f32),
        slope = emit.at(slopes, offset, f32);
  Value count = frame.span(parts.keys.getSpan()).count;
  Value mask = hidden ? emit.lanesBelow(emit.sub(count, column)) : Value();
  SmallVector<Coord> at{row, {column, true, mask}};
  evaluator.ignoreBands = !hidden;
  if (parts.scores)
    evaluator.seed(parts.scores.getResult(), at, emit.loadVector(score, f32));
  evaluator.seed(parts.weights.getResult(), at, emit.loadVector(slope, f32));
  auto keep = [&](Value block, Value pointer) {
    if (Value value = evaluator.get(block, at))
      emit.store(value, pointer);
    else
      result = failure();
  };
  for (tile::StoreOp store : parts.slopeStores)
    check(evaluator.store(store, at));
  if (parts.dv)
    keep(parts.dv.getLhs(), score);
  if (tile::DotOp dot = parts.dk ? parts.dk : parts.dq)
    keep(dot.getLhs(), slope);
}

void AttentionBackwardEmitter::emitRowPass(Value row, Value begin, Value end) {
  BlockEvaluator::Scope scope(evaluator);
  Coord rowCoord{row, false, {}};
  evaluator.seed(
      parts.mean.getResult(), rowCoord,
      emit.load(emit.at(means, row, emit.getF32Type()), emit.getF32Type()));
  // What is one number for the row is found before the loops over columns.
  for (auto broadcast : parts.queries.getBody()->getOps<tile::BroadcastOp>())
    if (broadcast.getAxes() == ArrayRef<int64_t>{0} &&
        !evaluator.get(broadcast.getSource(), rowCoord))
      result = failure();
  // Vectors that the row sees whole lie between the first and the last.
  Value from = begin;
  if (parts.band.getLower())
    from =
        emit.min(emit.max(emit.roundUp(band.first(row), kLanes), begin), end);
  Value to =
      emit.max(emit.min(emit.roundDown(band.end(row), kLanes), end), from);
  auto sweep = [&](Value first, Value last, bool hidden) {
    emit.forLoop(first, last, kLanes,
                 [&](Value column) { emitVector(rowCoord, column, hidden); });
  };
  if (parts.band.getLower())
    sweep(begin, from, /*hidden=*/true);
  sweep(from, to, /*hidden=*/false);
  sweep(to, end, /*hidden=*/true);
}

/// Zeros where the tile of the row has computed nothing: outside of [begin,
/// end), or everywhere if that is empty.
void AttentionBackwardEmitter::clearHidden(Value row, Value begin, Value end) {
  Type f32 = emit.getF32Type();
  Value limit = emit.roundUp(frame.span(parts.keys.getSpan()).count, kLanes);
  Value first = emit.min(begin, limit);
  Value second = emit.max(emit.roundUp(end, kLanes), first);
  auto clear = [&](Value from, Value to) {
    emit.forLoop(from, to, kLanes, [&](Value column) {
      Value offset = emit.add(emit.mul(row, sizes.scoreStride), column);
      for (Value buffer : {scores, slopes})
        emit.store(emit.zeros(), emit.at(buffer, offset, f32));
    });
  };
  if (parts.band.getLower())
    clear(emit.integer(0), first);
  clear(second, limit);
}
