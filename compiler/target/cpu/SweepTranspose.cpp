//===- SweepTranspose.cpp - sweeps that read along another span -----------===//
//
// Enters: a sweep that only stores, over spans [..., rows, lanes], with loads
// that lie side by side along the rows and not along the lanes. Leaves: tiles
// of 16 x 16. Such a load is read by 16 vectors along the rows, transposed in
// registers and given to the evaluator as what the load holds along the lanes;
// everything else is evaluated as ever. So both sides of a transposed copy move
// whole cache lines, and an elementwise chain may mix both directions.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/Pack.h"
#include "compiler/target/cpu/SweepEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

/// What `load` holds at each of 16 rows, as vectors along the lanes.
SweepEmitter::Values SweepEmitter::turn(tile::LoadOp load, const Place &place,
                                        Value rowSpan, const Coord &rows,
                                        Value laneSpan, Value lane,
                                        bool whole) {
  Value last = emit.sub(frame.span(laneSpan).count, emit.integer(1));
  auto along = [&](int64_t i) {
    // Lanes beyond the end repeat the last one; they are not stored.
    Value index = emit.add(lane, i);
    if (!whole)
      index = emit.min(index, last);
    Place at = place;
    at.push_back({rowSpan, rows});
    at.push_back({laneSpan, {index, false, {}}});
    Value vector =
        evaluator.get(load.getResult(), coordsOf(load.getResult(), at));
    // Masks are no good to shuffle: bytes are.
    if (getElementTypeOrSelf(vector.getType()).isInteger(1))
      vector =
          arith::ExtUIOp::create(emit, emit.vector(emit.getI8Type()), vector);
    return vector;
  };
  Values vectors = emitTranspose16(emit, along);
  if (!getElementTypeOrSelf(load.getType()).isInteger(1))
    return vectors;
  for (Value &vector : vectors) {
    Value zero =
        arith::ConstantOp::create(emit, emit.getZeroAttr(vector.getType()));
    vector =
        arith::CmpIOp::create(emit, arith::CmpIPredicate::ne, vector, zero);
  }
  return vectors;
}

void SweepEmitter::emitTurnedTile(Sweep &sweep, const Place &place,
                                  ArrayRef<tile::LoadOp> loads, Value row,
                                  Value lane, bool whole) {
  BlockEvaluator::Scope scope(evaluator);
  Value rowSpan = sweep.spans[sweep.spans.size() - 2],
        laneSpan = sweep.spans.back();
  Value rowsLeft = emit.sub(frame.span(rowSpan).count, row);
  Coord rows{row, true, whole ? Value() : emit.lanesBelow(rowsLeft)};
  Coord lanes{lane, true, {}};
  if (!whole)
    lanes.mask = emit.lanesBelow(emit.sub(frame.span(laneSpan).count, lane));

  if (whole)
    prefetchTurned(sweep, place, loads, row, lane);
  SmallVector<Values> turned;
  for (tile::LoadOp load : loads)
    turned.push_back(turn(load, place, rowSpan, rows, laneSpan, lane, whole));
  for (int64_t i = 0; i < kLanes; ++i) {
    auto emitRow = [&] {
      BlockEvaluator::Scope inner(evaluator);
      Place at = place;
      at.push_back({rowSpan, {emit.add(row, i), false, {}}});
      at.push_back({laneSpan, lanes});
      for (auto [number, vectors] : llvm::enumerate(turned)) {
        Value block = tile::LoadOp(loads[number]).getResult();
        evaluator.seed(block, coordsOf(block, at), vectors[i]);
      }
      emitStores(sweep, at);
    };
    if (whole)
      emitRow();
    else
      emit.ifThen(emit.less(emit.integer(i), rowsLeft), emitRow);
  }
}

void SweepEmitter::emitTurned(Sweep &sweep, ArrayRef<tile::LoadOp> loads) {
  target::common::forEachPlace(
      frame, ArrayRef(sweep.spans).drop_back(2), {},
      [&](const Place &place) { emitTurnedTiles(sweep, place, loads); });
}

void SweepEmitter::emitTurnedTiles(Sweep &sweep, const Place &place,
                                   ArrayRef<tile::LoadOp> loads) {
  Value rows = frame.span(sweep.spans[place.size()]).count,
        lanes = frame.span(sweep.spans.back()).count;
  Value wholeRows = emit.roundDown(rows, kLanes),
        wholeLanes = emit.roundDown(lanes, kLanes);
  emit.forLoop(emit.integer(0), wholeRows, kLanes, [&](Value row) {
    emit.forLoop(emit.integer(0), wholeLanes, kLanes, [&](Value lane) {
      emitTurnedTile(sweep, place, loads, row, lane, /*whole=*/true);
    });
  });
  // What is left: the last lanes of whole rows, and all lanes of the last rows.
  emit.forLoop(emit.integer(0), rows, kLanes, [&](Value row) {
    Value isWhole = emit.less(row, wholeRows);
    Value first =
        arith::SelectOp::create(emit, isWhole, wholeLanes, emit.integer(0));
    emit.forLoop(first, lanes, kLanes, [&](Value lane) {
      emitTurnedTile(sweep, place, loads, row, lane, /*whole=*/false);
    });
  });
}
