//===- SweepLowering.cpp - a row or map kernel into loops -----------------===//
//
// A work item is a row. For each sweep of its plan:
//
//   for the outer spans, one position at a time
//     for 64 lanes at a time      (four vectors, each with its own
//     accumulators)
//       reductions: accumulate; kept blocks: to scratch; stores: to memory
//     for 16 lanes at a time
//     the last lanes under a mask
//   accumulators -> the reduction's value
//
// Where reductions leave lanes it is another nest: SweepLanes.cpp.
//
// The shape of these loops depends on the extents alone, so the result does not
// depend on how rows are cut among threads. Stores are under masks and never
// repeat a lane: a result may lie where an operand does.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/SweepLowering.h"
#include "compiler/target/common/Reductions.h"
#include "compiler/target/cpu/SweepEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;
using attune::target::common::combine;
using attune::target::common::elementOf;
using attune::target::common::neutralElement;

/// Vectors per turn of the main loop: enough accumulators to hide the latency
/// of an addition.
static constexpr int64_t kUnroll = 4;

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

Value SweepEmitter::neutralVector(tile::ReduceOp reduce) {
  return arith::ConstantOp::create(
      emit, DenseElementsAttr::get(emit.vector(elementOf(reduce)),
                                   Attribute(neutralElement(reduce))));
}

/// Halves the vector until one lane is left: a fixed tree.
Value SweepEmitter::combineLanes(tile::ReduceOp reduce, Value vector) {
  for (int64_t lanes = kLanes / 2; lanes >= 1; lanes /= 2) {
    auto part = [&](int64_t offset) {
      return vector::ExtractStridedSliceOp::create(
                 emit, vector, ArrayRef<int64_t>{offset},
                 ArrayRef<int64_t>{lanes}, ArrayRef<int64_t>{1})
          .getResult();
    };
    vector = combine(emit, reduce, part(0), part(lanes));
  }
  return vector::ExtractOp::create(emit, vector, int64_t(0));
}

//===----------------------------------------------------------------------===//
// One place
//===----------------------------------------------------------------------===//

/// Kept blocks are row-major over the sweep's spans; the last one, or the lanes
/// of the plan, is rounded up to whole vectors.
Value SweepEmitter::keptPointer(Value block, const Spans &spans,
                                const Place &place) {
  Value offset = emit.integer(0);
  SmallVector<Coord> coords = coordsOf(spans, place);
  for (auto [dim, span] : llvm::enumerate(spans)) {
    Value extent = frame.span(span).count;
    if (!plan.lanes && dim + 1 == spans.size())
      extent = emit.roundUp(extent, kLanes);
    offset = emit.add(emit.mul(offset, extent), coords[dim].index);
  }
  if (plan.lanes) {
    Value lane = coordsOf(Spans{plan.lanes}, place).front().index;
    offset =
        emit.add(emit.mul(offset, plan.laneStep), emit.sub(lane, firstLane));
  }
  Value base = plan.layout.pointer(frame, plan.sections.lookup(block));
  return emit.at(base, offset, getElementTypeOrSelf(block.getType()));
}

static Value maskOf(ArrayRef<Coord> coords) {
  for (const Coord &coord : coords)
    if (coord.mask)
      return coord.mask;
  return {};
}

/// Everything that `sweep` does at one place.
void SweepEmitter::emitAt(Sweep &sweep, const Place &place,
                          MutableArrayRef<Value> sums) {
  for (Value block : sweep.reread)
    evaluator.seed(block, coordsOf(block, place),
                   emit.loadVector(keptPointer(block, sweep.spans, place),
                                   emit.getF32Type()));
  for (auto [reduction, sum] : llvm::zip(sweep.reduces, sums)) {
    SmallVector<Coord> coords = coordsOf(reduction.block, place);
    Value value = evaluator.get(reduction.block, coords);
    if (!value) {
      result = failure();
      return;
    }
    if (!isa<VectorType>(value.getType()))
      value = emit.splat(value);
    Value mask = maskOf(coords);
    if (mask && !plan.lanes)
      value = arith::SelectOp::create(emit, mask, value,
                                      neutralVector(reduction.last));
    sum = combine(emit, reduction.last, sum, value);
  }
  for (Value block : sweep.kept)
    if (Value value = evaluator.get(block, coordsOf(block, place)))
      emit.store(value, keptPointer(block, sweep.spans, place));
  emitStores(sweep, place);
  if (asksForLines(sweep))
    askForLines(sweep, place);
}

/// All values before all stores: an output may lie where an input does.
void SweepEmitter::emitStores(Sweep &sweep, const Place &place) {
  auto coordsAt = [&](tile::StoreOp store) {
    return coordsOf(tile::spansAmong(store.getPositions()), place);
  };
  for (Operation *op : sweep.stores)
    if (auto store = dyn_cast<tile::StoreOp>(op))
      if (!evaluator.get(store.getBlock(), coordsAt(store)))
        result = failure();
  if (failed(result))
    return;
  for (Operation *op : sweep.stores) {
    if (auto store = dyn_cast<tile::StoreOp>(op))
      result = evaluator.store(store, coordsAt(store));
    else
      result = evaluator.store(cast<memref::StoreOp>(op));
    if (failed(result))
      return;
  }
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// One vector of `sweep` outside the main loop.
void SweepEmitter::emitAlone(Sweep &sweep, Place place, Value span,
                             const Coord &coord, Values &sums) {
  BlockEvaluator::Scope scope(evaluator);
  place.push_back({span, coord});
  emitAt(sweep, place, MutableArrayRef(sums).take_front(sweep.reduces.size()));
}

/// The innermost loop, if vectors run along the last span of the sweep. The
/// turns of the main loop have accumulators of their own.
SweepEmitter::Values SweepEmitter::emitLanes(Sweep &sweep, const Place &place,
                                             Values sums) {
  Value span = sweep.spans.back(), count = frame.span(span).count;
  size_t width = sweep.reduces.size();
  Value mainEnd = emit.roundDown(count, kUnroll * kLanes),
        vectorEnd = emit.roundDown(count, kLanes);
  sums = emit.forLoop(
      emit.integer(0), mainEnd, kUnroll * kLanes, sums,
      [&](Value index, ValueRange carried) {
        BlockEvaluator::Scope scope(evaluator);
        Values next(carried);
        for (int64_t turn = 0; turn < kUnroll; ++turn) {
          Place at = place;
          at.push_back({span, {emit.add(index, turn * kLanes), true, {}}});
          askAhead(sweep, at);
          emitAt(sweep, at, MutableArrayRef(next).slice(turn * width, width));
        }
        return next;
      });
  sums = emit.forLoop(mainEnd, vectorEnd, kLanes, sums,
                      [&](Value index, ValueRange carried) {
                        Values next(carried);
                        emitAlone(sweep, place, span, {index, true, {}}, next);
                        return next;
                      });
  SmallVector<Type> types(ValueRange(sums).getTypes());
  return emit.ifElse(
      emit.less(vectorEnd, count), types,
      [&] {
        Values last = sums;
        Value mask = emit.lanesBelow(emit.sub(count, vectorEnd));
        emitAlone(sweep, place, span, {vectorEnd, true, mask}, last);
        return last;
      },
      [&] { return sums; });
}

SweepEmitter::Values SweepEmitter::emitLoops(Sweep &sweep, size_t depth,
                                             const Place &place, Values sums) {
  size_t depths = sweep.spans.size();
  if (depth + 1 == depths)
    return emitLanes(sweep, place, sums);
  if (depth < depths)
    return emit.forLoop(
        emit.integer(0), frame.span(sweep.spans[depth]).count, 1, sums,
        [&](Value index, ValueRange carried) {
          Place at = place;
          at.push_back({sweep.spans[depth], {index, false, {}}});
          return emitLoops(sweep, depth + 1, at, Values(carried));
        });
  BlockEvaluator::Scope scope(evaluator);
  emitAt(sweep, place, sums);
  return sums;
}

/// Accumulators become the values of the reductions.
void SweepEmitter::finish(Sweep &sweep, Values sums) {
  size_t width = sweep.reduces.size();
  for (size_t distance = kUnroll / 2; distance >= 1; distance /= 2)
    for (size_t i = 0; i < distance * width; ++i)
      sums[i] = combine(emit, sweep.reduces[i % width].last, sums[i],
                        sums[i + distance * width]);
  for (auto [number, reduction] : llvm::enumerate(sweep.reduces))
    evaluator.seed(reduction.last.getResult(), {},
                   combineLanes(reduction.last, sums[number]));
}

void SweepEmitter::emitSweep(Sweep &sweep) {
  if (SmallVector<tile::LoadOp> loads = turnedLoads(plan, sweep);
      !loads.empty())
    return emitTurned(sweep, loads);
  Values sums;
  for (int64_t turn = 0; turn < kUnroll; ++turn)
    for (const Reduction &reduction : sweep.reduces)
      sums.push_back(neutralVector(reduction.last));
  sums = emitLoops(sweep, 0, {}, sums);
  if (!sums.empty())
    finish(sweep, sums);
}

void SweepEmitter::emitItem() {
  if (plan.lanes)
    return emitLanesItem();
  BlockEvaluator::Scope scope(evaluator);
  for (Sweep &sweep : plan.sweeps)
    if (succeeded(result))
      emitSweep(sweep);
}

LogicalResult SweepEmitter::run() {
  if (failed(plan.layout.check()) || failed(frame.start()))
    return failure();
  auto body = [&](Value number, ValueRange) -> FailureOr<Values> {
    if (failed(bindNext(number)))
      return failure();
    emitItem();
    if (failed(result))
      return failure();
    return Values();
  };
  if (failed(frame.forEachItem({}, body)))
    return failure();
  frame.finish();
  return success();
}

LogicalResult attune::target::cpu::lowerSweeps(tile::KernelOp kernel,
                                               Emitter &emit) {
  FailureOr<SweepPlan> plan = SweepPlan::make(kernel);
  if (failed(plan))
    return failure();
  KernelFrame frame(kernel, emit);
  return SweepEmitter(frame, *plan).run();
}
