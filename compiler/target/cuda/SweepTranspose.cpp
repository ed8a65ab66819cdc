//===- SweepTranspose.cpp - sweeps that read along another span -----------===//
//
// Enters: a sweep that only stores, over spans [..., rows, lanes], with loads
// that lie side by side along the rows. Leaves: tiles of 32 x 32. Warps read
// such a load along the rows into shared memory; then they stand along the
// lanes and go on with what lies there. Lines of the tile are padded by one
// element, so that neither direction meets in a bank.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cuda/SweepEmitter.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;

static constexpr int64_t kTile = kWarp, kLine = kTile + 1;

void SweepEmitter::emitTurnedTile(const Sweep &sweep, const Place &place,
                                  ArrayRef<tile::LoadOp> loads, Value row,
                                  Value lane, bool whole) {
  Value rowSpan = sweep.spans[sweep.spans.size() - 2],
        laneSpan = sweep.spans.back();
  Value x = emit.laneIndex(), y = emit.warpIndex();
  int64_t step = shape.threads / kWarp;
  auto at = [&](Value r, Value l) {
    Place result = place;
    result.push_back({rowSpan, {emit.add(row, r), false, {}}});
    result.push_back({laneSpan, {emit.add(lane, l), false, {}}});
    return result;
  };
  auto inside = [&](Value span, Value from, Value offset) -> Value {
    if (whole)
      return {};
    return emit.less(emit.add(from, offset), frame.span(span).count);
  };
  auto typeIn = [&](tile::LoadOp load) -> Type {
    Type element =
        cast<RankedTensorType>(load.getResult().getType()).getElementType();
    return element.isInteger(1) ? Type(emit.getI8Type()) : element;
  };
  SmallVector<int64_t> sections;
  for (tile::LoadOp load : loads)
    sections.push_back(
        frame.shared.add(kTile * kLine * emit.alignmentOf(typeIn(load))));
  auto tileAt = [&](size_t number, Value line, Value column) {
    Value index = emit.add(emit.mul(line, kLine), column);
    return emit.at(emit.shared(sections[number]), index, typeIn(loads[number]));
  };

  // Threads along the rows; warps take a lane each.
  SmallVector<Values> read;
  {
    BlockEvaluator::Scope scope(evaluator);
    for (auto [number, load] : llvm::enumerate(loads)) {
      tile::LoadOp op = load;
      for (int64_t turn = 0; turn < kTile; turn += step) {
        Value l = emit.add(y, turn);
        onlyIf(both(inside(rowSpan, row, x), inside(laneSpan, lane, l)), [&] {
          Value value =
              evaluator.get(op.getResult(), coordsOf(op.getResult(), at(x, l)));
          if (!value)
            result = failure();
          else if (whole)
            read.push_back({value, tileAt(number, l, x)});
          else
            emit.storeScalar(value, tileAt(number, l, x));
        });
      }
    }
    // All loads are under way before the first has to be there.
    for (const Values &pair : read)
      emit.storeScalar(pair[0], pair[1]);
  }
  if (failed(result))
    return;
  emit.barrier();
  // Threads along the lanes; warps take a row each.
  BlockEvaluator::Scope scope(evaluator);
  auto elementAt = [&](Value r) {
    Place here = at(r, x);
    for (auto [number, load] : llvm::enumerate(loads)) {
      tile::LoadOp op = load;
      Type element =
          cast<RankedTensorType>(op.getResult().getType()).getElementType();
      evaluator.seed(op.getResult(), coordsOf(op.getResult(), here),
                     emit.loadScalar(tileAt(number, x, r), element));
    }
    return Unit{here, {}};
  };
  SmallVector<Unit> units;
  for (int64_t turn = 0; turn < kTile; turn += step) {
    Value r = emit.add(y, turn);
    if (whole)
      units.push_back(elementAt(r));
    else
      onlyIf(both(inside(rowSpan, row, r), inside(laneSpan, lane, x)),
             [&] { emitUnits(sweep, elementAt(r), {}); });
  }
  emitUnits(sweep, units, {});
}

void SweepEmitter::emitTurned(const Sweep &sweep,
                              ArrayRef<tile::LoadOp> loads) {
  target::common::forEachPlace(
      frame, ArrayRef(sweep.spans).drop_back(2), {},
      [&](const Place &place) { emitTurnedTiles(sweep, place, loads); });
}

void SweepEmitter::emitTurnedTiles(const Sweep &sweep, const Place &place,
                                   ArrayRef<tile::LoadOp> loads) {
  Value rows = frame.span(sweep.spans[place.size()]).count,
        lanes = frame.span(sweep.spans.back()).count;
  emit.forLoop(emit.integer(0), rows, kTile, [&](Value row) {
    emit.forLoop(emit.integer(0), lanes, kTile, [&](Value lane) {
      Value isWhole = both(emit.less(emit.add(row, kTile - 1), rows),
                           emit.less(emit.add(lane, kTile - 1), lanes));
      auto tile = [&](bool whole) {
        emitTurnedTile(sweep, place, loads, row, lane, whole);
        return Values();
      };
      emit.ifElse(
          isWhole, {}, [&] { return tile(true); }, [&] { return tile(false); });
      // The next tile lies where this one was.
      emit.barrier();
    });
  });
}
