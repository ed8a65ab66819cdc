//===- SweepLanes.cpp - sweeps where reductions leave lanes ---------------===//
//
// A sum over rows, a softmax over another axis than the last. A work item has
// some lanes of all rows. Sums rest in scratch, a float for each lane, between
// the sweeps of the plan; these are of two kinds.
//
// Most sweeps find everything in the second level, where the sweeps of the item
// before have asked for it, and gain from sums that stay in registers:
//
//   for as many lanes as there are, then for half as many, ..., for a rest
//     sums from scratch
//     for the outer spans, one position at a time
//     sums to scratch
//
// A walk across rows that nobody has asked for is nothing that a machine
// foresees: it reads a few lines and jumps. Eight such walks side by side keep
// memory as busy as one long row does, if the next eight rows are asked for
// meanwhile:
//
//   for the outer spans, the last of them 8 rows at a time
//     for 16 lanes at a time, the last under a mask
//       sums from scratch; row by row; sums to scratch
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/Reductions.h"
#include "compiler/target/cpu/SweepEmitter.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;
using attune::target::common::elementOf;

/// Walks side by side.
static constexpr int64_t kGroup = 8;

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

Value SweepEmitter::sumPointer(tile::ReduceOp reduce, const Coord &lanes) {
  return keptPointer(reduce.getResult(), {}, {{plan.lanes, lanes}});
}

Value SweepEmitter::loadSum(tile::ReduceOp reduce, const Coord &lanes) {
  return emit.loadVector(sumPointer(reduce, lanes), elementOf(reduce),
                         emit.integer(1), {}, {});
}

void SweepEmitter::storeSum(tile::ReduceOp reduce, const Coord &lanes,
                            Value sum) {
  emit.storeVector(sum, sumPointer(reduce, lanes), emit.integer(1), {});
}

void SweepEmitter::clearSums(Sweep &sweep) {
  if (sweep.reduces.empty())
    return;
  emit.forLoop(firstLane, endLane, kLanes, [&](Value lane) {
    for (Reduction &reduction : sweep.reduces)
      storeSum(reduction.last, {lane, true, {}}, neutralVector(reduction.last));
  });
}

/// The results of the sweeps before this one.
void SweepEmitter::seedSums(Sweep &sweep, const Coord &lanes) {
  for (Sweep &other : plan.sweeps) {
    if (&other == &sweep)
      return;
    for (Reduction &reduction : other.reduces)
      evaluator.seed(reduction.last.getResult(), lanes,
                     loadSum(reduction.last, lanes));
  }
}

SweepEmitter::Values SweepEmitter::loadSums(Sweep &sweep,
                                            ArrayRef<Coord> lanes) {
  Values sums;
  for (const Coord &coord : lanes)
    for (Reduction &reduction : sweep.reduces)
      sums.push_back(loadSum(reduction.last, coord));
  return sums;
}

void SweepEmitter::storeSums(Sweep &sweep, ArrayRef<Coord> lanes, Values sums) {
  auto next = sums.begin();
  for (const Coord &coord : lanes)
    for (Reduction &reduction : sweep.reduces)
      storeSum(reduction.last, coord, *next++);
}

//===----------------------------------------------------------------------===//
// Columns of lanes
//===----------------------------------------------------------------------===//

SweepEmitter::Values SweepEmitter::emitDown(Sweep &sweep, size_t depth,
                                            const Place &place,
                                            ArrayRef<Coord> lanes,
                                            Values sums) {
  if (depth < sweep.spans.size())
    return emit.forLoop(
        emit.integer(0), frame.span(sweep.spans[depth]).count, 1, sums,
        [&](Value index, ValueRange carried) {
          Place at = place;
          at.push_back({sweep.spans[depth], {index, false, {}}});
          return emitDown(sweep, depth + 1, at, lanes, Values(carried));
        });
  BlockEvaluator::Scope scope(evaluator);
  size_t width = sweep.reduces.size();
  for (auto [number, coord] : llvm::enumerate(lanes)) {
    Place at = place;
    at.push_back({plan.lanes, coord});
    emitAt(sweep, at, MutableArrayRef(sums).slice(number * width, width));
  }
  return sums;
}

void SweepEmitter::emitColumn(Sweep &sweep, ArrayRef<Coord> lanes) {
  BlockEvaluator::Scope scope(evaluator);
  for (const Coord &coord : lanes)
    seedSums(sweep, coord);
  storeSums(sweep, lanes,
            emitDown(sweep, 0, {}, lanes, loadSums(sweep, lanes)));
}

void SweepEmitter::emitColumns(Sweep &sweep) {
  Value count = emit.sub(endLane, firstLane), from = firstLane;
  for (int64_t width = llvm::bit_floor(uint64_t(plan.laneStep));
       width >= kLanes; width /= 2) {
    Value to = emit.add(firstLane, emit.roundDown(count, width));
    emit.forLoop(from, to, width, [&](Value first) {
      SmallVector<Coord> lanes;
      for (int64_t lane = 0; lane < width; lane += kLanes)
        lanes.push_back({emit.add(first, lane), true, {}});
      emitColumn(sweep, lanes);
    });
    from = to;
  }
  emit.ifThen(emit.less(from, endLane), [&] {
    Value mask = emit.lanesBelow(emit.sub(endLane, from));
    emitColumn(sweep, Coord{from, true, mask});
  });
}

//===----------------------------------------------------------------------===//
// Groups of rows
//===----------------------------------------------------------------------===//

/// `rows` rows from `from` on along the last span of the sweep, of whose other
/// spans `place` knows, in 16 lanes.
void SweepEmitter::emitGroupAt(Sweep &sweep, const Place &place, Value from,
                               int64_t rows, const Coord &lanes) {
  BlockEvaluator::Scope scope(evaluator);
  seedSums(sweep, lanes);
  Values sums = loadSums(sweep, lanes);
  auto placeOf = [&](Value row) {
    Place at = place;
    at.push_back({sweep.spans.back(), {row, false, {}}});
    at.push_back({plan.lanes, lanes});
    return at;
  };
  if (rows == 1) {
    emitAt(sweep, placeOf(from), sums);
  } else if (lanes.mask) {
    sums = emit.forLoop(from, emit.add(from, rows), 1, sums,
                        [&](Value row, ValueRange carried) {
                          BlockEvaluator::Scope inner(evaluator);
                          Values next(carried);
                          emitAt(sweep, placeOf(row), next);
                          return next;
                        });
  } else {
    SmallVector<tile::LoadOp> loads = firstLoads(sweep);
    for (int64_t row = 0; row < rows; ++row) {
      emitAt(sweep, placeOf(emit.add(from, row)), sums);
      for (tile::LoadOp load : loads)
        prefetch(load.getSource(), load.getPositions(), load.getResult(),
                 placeOf(emit.add(from, row + rows)));
    }
  }
  storeSums(sweep, lanes, sums);
}

void SweepEmitter::emitGroup(Sweep &sweep, const Place &place, Value from,
                             int64_t rows) {
  Value count = emit.sub(endLane, firstLane);
  Value vectorEnd = emit.add(firstLane, emit.roundDown(count, kLanes));
  emit.forLoop(firstLane, vectorEnd, kLanes, [&](Value lane) {
    emitGroupAt(sweep, place, from, rows, {lane, true, {}});
  });
  emit.ifThen(emit.less(vectorEnd, endLane), [&] {
    Value mask = emit.lanesBelow(emit.sub(endLane, vectorEnd));
    emitGroupAt(sweep, place, from, rows, {vectorEnd, true, mask});
  });
}

void SweepEmitter::emitGroups(Sweep &sweep) {
  Value count = frame.span(sweep.spans.back()).count;
  Value groupsEnd = emit.roundDown(count, kGroup);
  auto emitAlong = [&](const Place &place) {
    emit.forLoop(emit.integer(0), groupsEnd, kGroup,
                 [&](Value row) { emitGroup(sweep, place, row, kGroup); });
    emit.forLoop(groupsEnd, count, 1,
                 [&](Value row) { emitGroup(sweep, place, row, 1); });
  };
  common::forEachPlace(frame, ArrayRef(sweep.spans).drop_back(), {}, emitAlong);
}

/// Whether the sweep reads rows that no sweep of the item before has asked for.
bool SweepEmitter::isUnforeseen(const Sweep &sweep) {
  bool asked = llvm::any_of(
      plan.sweeps, [&](const Sweep &other) { return asksForLines(other); });
  return !asked && !sweep.spans.empty() && !firstLoads(sweep).empty();
}

void SweepEmitter::emitLanesItem() {
  Value count = frame.span(plan.lanes).count;
  emit.forLoop(emit.integer(0), count, plan.laneStep, [&](Value first) {
    firstLane = first;
    Value left = emit.sub(count, first);
    endLane = emit.add(first, emit.min(left, emit.integer(plan.laneStep)));
    for (Sweep &sweep : plan.sweeps) {
      if (failed(result))
        return;
      clearSums(sweep);
      if (isUnforeseen(sweep))
        emitGroups(sweep);
      else
        emitColumns(sweep);
    }
  });
}
