//===- SweepLowering.cpp - a row or map kernel for the threads of a block -===//
//
// A work item is a row, or a piece of a map. For each sweep of its plan, a
// thread does its units (SweepShape.h), several at a time:
//
//   while so many units are left: load all, compute all, store all
//   the other units, one at a time
//   elements behind the last vector, one at a time
//   sums of the threads -> the reduction's value
//
// Everything is there twice: with vectors, for operands that are aligned at run
// time, and element by element.
//
// Where reductions leave lanes, threads stand side by side along these and
// share the other spans.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cuda/SweepLowering.h"
#include "compiler/target/cuda/SweepEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;

//===----------------------------------------------------------------------===//
// Units
//===----------------------------------------------------------------------===//

SweepEmitter::Walk SweepEmitter::walkOf(const Spans &spans, int64_t vector,
                                        const Place &fixed) {
  Walk walk{spans, emit.integer(1), {}, vector, emit.integer(0), true, fixed};
  int64_t limit = 1;
  for (auto [dim, span] : llvm::enumerate(spans)) {
    Value count = frame.span(span).count;
    if (dim + 1 == spans.size())
      count = emit.div(count, emit.integer(vector));
    walk.counts.push_back(count);
    walk.total = emit.mul(walk.total, count);
    walk.isSmall &= limitOf(span).has_value();
    limit =
        llvm::SaturatingMultiply<uint64_t>(limit, limitOf(span).value_or(1));
  }
  walk.isSmall &= llvm::isInt<32>(limit);
  return walk;
}

/// What a walk in vectors leaves over.
SweepEmitter::Walk SweepEmitter::tailOf(const Walk &walk) {
  Walk tail = walk;
  Value count = frame.span(walk.spans.back()).count;
  tail.vector = 1;
  tail.first = emit.mul(walk.counts.back(), walk.vector);
  tail.counts.back() = emit.sub(count, tail.first);
  tail.total = emit.integer(1);
  for (Value other : tail.counts)
    tail.total = emit.mul(tail.total, other);
  return tail;
}

SweepEmitter::Place SweepEmitter::placeOf(const Walk &walk, Value unit) {
  Place place = walk.fixed;
  // Divisions of 64 bits are long.
  auto narrow = [&](Value value) -> Value {
    if (!walk.isSmall)
      return value;
    return arith::TruncIOp::create(emit, emit.getI32Type(), value);
  };
  auto wide = [&](Value value) -> Value {
    if (!walk.isSmall)
      return value;
    return arith::ExtUIOp::create(emit, emit.getI64Type(), value);
  };
  for (size_t dim = walk.spans.size(); dim-- > 0;) {
    Value index = unit;
    if (dim) {
      Value by = narrow(walk.counts[dim]), all = narrow(unit);
      index = wide(arith::RemUIOp::create(emit, all, by));
      unit = wide(arith::DivUIOp::create(emit, all, by));
    }
    bool isLast = dim + 1 == walk.spans.size();
    if (isLast)
      index = emit.add(walk.first, emit.mul(index, walk.vector));
    place.push_back({walk.spans[dim], {index, isLast && walk.vector > 1, {}}});
  }
  return place;
}

Value SweepEmitter::both(Value a, Value b) {
  return !a ? b : !b ? a : arith::AndIOp::create(emit, a, b).getResult();
}

void SweepEmitter::onlyIf(Value condition, function_ref<void()> body) {
  if (!condition)
    return body();
  emit.ifThen(condition, [&] {
    BlockEvaluator::Scope scope(evaluator);
    body();
  });
}

//===----------------------------------------------------------------------===//
// Several units
//===----------------------------------------------------------------------===//

void SweepEmitter::accumulate(const Sweep &sweep, const Unit &unit,
                              MutableArrayRef<Value> sums) {
  for (auto [reduction, sum] : llvm::zip(sweep.reduces, sums)) {
    Value value =
        evaluator.get(reduction.block, coordsOf(reduction.block, unit.place));
    if (!value) {
      result = failure();
      return;
    }
    auto type = dyn_cast<VectorType>(sum.getType());
    if (type && !isa<VectorType>(value.getType()))
      value = emit.splat(value);
    if (unit.exists)
      value = arith::SelectOp::create(
          emit, unit.exists, value,
          neutral(reduction.last, type ? type.getNumElements() : 1));
    sum = combine(reduction.last, sum, value);
  }
}

void SweepEmitter::emitStores(const Sweep &sweep, const Place &place) {
  for (Operation *op : sweep.stores) {
    if (failed(result))
      return;
    if (auto store = dyn_cast<tile::StoreOp>(op))
      result = evaluator.store(
          store, coordsOf(tile::spansAmong(store.getPositions()), place));
    else
      result = evaluator.store(cast<memref::StoreOp>(op));
  }
}

/// Whether a block lies along spans of the place; a piece of a concatenation
/// has spans of its own.
bool SweepEmitter::isPlaced(Value block, const Place &place) {
  return llvm::all_of(plan.spans.lookup(block), [&](Value span) {
    return !span || llvm::any_of(place, [&](const auto &known) {
      return known.first == span;
    });
  });
}

/// All values come before all stores: an output may lie where an input does.
/// All loads come first, so that they are under way together.
void SweepEmitter::emitUnits(const Sweep &sweep, ArrayRef<Unit> units,
                             MutableArrayRef<Value> sums) {
  SmallVector<Value> parts = partsOf(sinksOf(sweep));
  for (const Unit &unit : units)
    for (Value part : llvm::reverse(parts))
      if (part.getDefiningOp<tile::LoadOp>() && isPlaced(part, unit.place))
        (void)evaluator.get(part, coordsOf(part, unit.place));
  size_t width = sweep.reduces.size();
  for (auto [turn, unit] : llvm::enumerate(units)) {
    if (width)
      accumulate(sweep, unit, sums.slice(turn * width % sums.size(), width));
    for (Operation *op : sweep.stores)
      if (auto store = dyn_cast<tile::StoreOp>(op))
        if (!evaluator.get(
                store.getBlock(),
                coordsOf(tile::spansAmong(store.getPositions()), unit.place)))
          result = failure();
    if (failed(result))
      return;
  }
  if (sweep.stores.empty())
    return;
  for (const Unit &unit : units)
    onlyIf(both(unit.exists, mayStore), [&] { emitStores(sweep, unit.place); });
}

/// Units first, first + step, ... of a walk. Whole turns have a sum for each of
/// their units; what is left goes to the first.
SweepEmitter::Values SweepEmitter::emitWalk(const Sweep &sweep,
                                            const Walk &walk, Value first,
                                            int64_t step, int64_t unroll,
                                            Values sums) {
  auto loop = [&](int64_t turns, Values carried, Value from) {
    Value to = emit.sub(walk.total, emit.integer((turns - 1) * step));
    carried.push_back(from);
    return emit.forLoop(
        from, to, step * turns, carried, [&](Value unit, ValueRange now) {
          BlockEvaluator::Scope scope(evaluator);
          Values next(now);
          SmallVector<Unit> units;
          for (int64_t turn = 0; turn < turns; ++turn)
            units.push_back({placeOf(walk, emit.add(unit, turn * step)), {}});
          emitUnits(sweep, units, MutableArrayRef(next).drop_back());
          next.back() = emit.add(unit, step * turns);
          return next;
        });
  };
  if (unroll > 1) {
    sums = loop(unroll, sums, first);
    first = sums.pop_back_val();
  }
  sums = loop(1, sums, first);
  sums.pop_back();
  return sums;
}

//===----------------------------------------------------------------------===//
// Sweeps
//===----------------------------------------------------------------------===//

void SweepEmitter::emitSweep(const Sweep &sweep, bool vectors) {
  if (sweep.spans.empty()) {
    Value first = emit.equal(frame.itemThread(), emit.integer(0));
    onlyIf(both(first, mayStore), [&] { emitStores(sweep, {}); });
    return;
  }
  if (SmallVector<tile::LoadOp> loads = turnedLoads(plan, sweep);
      !loads.empty())
    return emitTurned(sweep, loads);
  Walk walk = walkOf(sweep.spans, vectors ? shape.vector : 1, {});
  Values sums = startSums(sweep, shape.unroll, walk.vector);
  sums = emitWalk(sweep, walk, frame.itemThread(), shape.threads, shape.unroll,
                  sums);
  if (!sweep.reduces.empty()) {
    sums = joinTurns(sweep, sums);
    for (auto [reduction, sum] : llvm::zip(sweep.reduces, sums))
      sum = joinVector(reduction.last, sum);
  }
  if (vectors) {
    Walk tail = tailOf(walk);
    if (emit.constant(tail.counts.back()) != 0)
      sums = emitWalk(sweep, tail, frame.itemThread(), shape.threads,
                      /*unroll=*/1, sums);
  }
  if (sweep.reduces.empty())
    return;
  seedSums(sweep, {}, joinThreads(sweep, sums));
}

void SweepEmitter::emitInLoops(bool vectors) {
  for (const Sweep &sweep : plan.sweeps)
    if (succeeded(result))
      emitSweep(sweep, vectors);
}

void SweepEmitter::emitSweeps(bool vectors) {
  BlockEvaluator::Scope scope(evaluator);
  if (plan.lanes)
    return emitLanes(vectors);
  if (!shape.keptUnits.empty())
    return emitByLength(vectors, shape.keptUnits);
  emitInLoops(vectors);
}

//===----------------------------------------------------------------------===//
// Lanes that reductions leave
//===----------------------------------------------------------------------===//

void SweepEmitter::emitAlongLanes(bool vectors, const Coord &lane,
                                  Value exists) {
  BlockEvaluator::Scope scope(evaluator);
  int64_t vector = vectors ? shape.vector : 1;
  Value share = emit.div(frame.itemThread(), emit.integer(shape.across));
  int64_t shares = shape.threads / shape.across;
  Value before = mayStore;
  mayStore = both(mayStore, exists);
  for (const Sweep &sweep : plan.sweeps) {
    if (failed(result))
      break;
    Place place{{plan.lanes, lane}};
    if (sweep.spans.empty()) {
      Value first = emit.equal(share, emit.integer(0));
      onlyIf(both(first, mayStore), [&] { emitStores(sweep, place); });
      continue;
    }
    Walk walk = walkOf(sweep.spans, 1, place);
    Values sums = startSums(sweep, shape.unroll, vector);
    sums = emitWalk(sweep, walk, share, shares, shape.unroll, sums);
    if (sweep.reduces.empty())
      continue;
    sums = joinTurns(sweep, sums);
    if (shares > 1) {
      Values parts;
      for (Value sum : sums)
        for (int64_t i = 0; i < vector; ++i)
          parts.push_back(vector > 1 ? vector::ExtractOp::create(
                                           emit, sum, ArrayRef<int64_t>{i})
                                           .getResult()
                                     : sum);
      parts = joinThreads(sweep, parts);
      for (auto [number, sum] : llvm::enumerate(sums))
        sum = vector > 1 ? vector::FromElementsOp::create(
                               emit, sum.getType(),
                               ArrayRef(parts).slice(number * vector, vector))
                               .getResult()
                         : parts[number];
    }
    seedSums(sweep, lane, sums);
  }
  mayStore = before;
}

void SweepEmitter::emitLanes(bool vectors) {
  int64_t vector = vectors ? shape.vector : 1, width = shape.across * vector;
  Value count = frame.span(plan.lanes).count;
  Value lane = emit.rem(frame.itemThread(), emit.integer(shape.across));
  bool isOne = limitOf(plan.lanes).value_or(width + 1) <= width;
  bool meet = shape.threads > std::max(kWarp, shape.across);
  emit.forLoop(emit.integer(0), count, width, [&](Value base) {
    // The partial sums of the last turn have been read.
    if (!isOne && meet)
      emit.barrier();
    Value index = emit.add(base, emit.mul(lane, vector));
    Value exists = emit.less(index, count);
    Value last = emit.sub(count, emit.integer(vector));
    emitAlongLanes(vectors, {emit.min(index, last), vectors, {}}, exists);
  });
}

//===----------------------------------------------------------------------===//
// Items
//===----------------------------------------------------------------------===//

/// Whether every vector of every access is aligned: pointers and strides, which
/// are the same for all items, and where the item begins. Null if there are no
/// vectors.
Value SweepEmitter::areAligned() {
  if (shape.vector == 1)
    return {};
  Type i64 = emit.getI64Type();
  Value rest = emit.integer(0);
  auto add = [&](Value bytes, int64_t align) {
    Value mask = emit.integer(align - 1);
    if (std::optional<int64_t> known = emit.constant(bytes);
        known && *known % align == 0)
      return;
    bytes = arith::AndIOp::create(emit, bytes, mask);
    rest = arith::OrIOp::create(emit, rest, bytes);
  };
  for (const VectorAccess &access : shape.accesses) {
    const Operand &operand = frame.operand(access.memref);
    Type element = operand.type.getElementType();
    int64_t bytes = emit.alignmentOf(element);
    int64_t align = std::min(kWidestAccess, bytes * shape.vector);
    add(LLVM::PtrToIntOp::create(emit, i64, operand.pointer), align);
    for (auto [position, stride] : llvm::zip(access.positions, operand.strides))
      if (position == access.lanes)
        add(emit.mul(frame.span(position).start, bytes), align);
      else if (!matchPattern(position, m_Zero()))
        add(emit.mul(stride, bytes), align);
  }
  // Lanes of a reduction have no tail.
  if (plan.lanes)
    add(frame.span(plan.lanes).count, shape.vector);
  return emit.equal(rest, emit.integer(0));
}

void SweepEmitter::emitItem() {
  Value aligned = areAligned();
  if (!aligned)
    return emitSweeps(/*vectors=*/false);
  emit.ifElse(
      aligned, {},
      [&] {
        emit.alignedVectors = true;
        emitSweeps(/*vectors=*/true);
        emit.alignedVectors = false;
        return Values();
      },
      [&] {
        emitSweeps(/*vectors=*/false);
        return Values();
      });
}

LogicalResult SweepEmitter::run() {
  frame.shareBlocks(shape.items);
  if (failed(frame.start(shape.threads * shape.items, shape.residentBlocks)))
    return failure();
  // A warp shuffles with all of its threads.
  bool isPartOfWarp = shape.threads < kWarp && shape.exchanges;
  if (isPartOfWarp) {
    mayStore = frame.itemExists();
    emitItem();
  } else {
    onlyIf(frame.itemExists(), [&] { emitItem(); });
  }
  if (failed(result))
    return failure();
  frame.finish();
  return success();
}

LogicalResult attune::target::cuda::lowerSweeps(tile::KernelOp kernel,
                                                OpBuilder &builder,
                                                const Machine &machine) {
  FailureOr<SweepPlan> plan = SweepPlan::make(kernel);
  if (failed(plan))
    return failure();
  SweepShape shape = SweepShape::choose(kernel, *plan);
  Emitter emit(kernel.getLoc(), builder, machine, shape.vector);
  KernelFrame frame(kernel, emit);
  return SweepEmitter(frame, *plan, shape).run();
}

LogicalResult attune::target::cuda::checkSweeps(tile::KernelOp kernel) {
  return failure(failed(SweepPlan::make(kernel)));
}
