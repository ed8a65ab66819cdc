//===- SweepPrefetch.cpp - lines that are asked for ahead of their use ----===//
//
// A row kernel reads memory in its first pass and writes it in its last. In
// between it computes on what is in the cache, and memory would rest. So the
// last pass that reduces asks for the lines of the results, and for those that
// the next item reads. A transposing map asks, tile by tile, for the lines of
// the next item's tile on both sides. A gather of single elements asks for the
// lines of its indices and results, which the machine foresees too late while
// it waits for elements from all over.
//
// Walks across rows, a few lines of each, are nothing that the machine foresees
// by itself. They are asked into the second level: in the first the rows of
// large strides of two push each other out. Asking costs no fault, so the last
// item may ask for whatever lies beyond.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/SweepEmitter.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

static constexpr int kFirstLevel = 3, kSecondLevel = 2; // as LLVM has them
static constexpr int64_t kLine = 64;                    // bytes
/// Beside a gather; 128 are as good.
static constexpr int64_t kLanesAhead = 256;

/// Translates the scalars of the item after `item` of this call, if any code
/// is to use them.
LogicalResult SweepEmitter::bindNext(Value item) {
  here = next = frame.bindings();
  bool asks = llvm::any_of(plan.sweeps, [&](const Sweep &sweep) {
    return asksForLines(sweep) || !turnedLoads(plan, sweep).empty();
  });
  if (!asks)
    return success();
  if (failed(frame.bindItem(frame.itemAfter(item))))
    return failure();
  next = frame.bindings();
  frame.use(here);
  return success();
}

bool SweepEmitter::asksForLines(const Sweep &sweep) {
  if (sweep.reduces.empty() || sweep.level < 2)
    return false;
  return llvm::none_of(plan.sweeps, [&](const Sweep &other) {
    return !other.reduces.empty() && other.level > sweep.level;
  });
}

/// The line where an access has its first lane.
void SweepEmitter::prefetch(Value memref, ValueRange positions, Value block,
                            const Place &place) {
  emit.prefetch(evaluator.address(memref, positions, coordsOf(block, place)),
                plan.lanes ? kSecondLevel : kFirstLevel);
}

/// Whether the operand at these positions moves with every step of the loops,
/// and is not what all items share.
bool SweepEmitter::moves(const Sweep &sweep, ValueRange positions) {
  auto isAmong = [&](Value span) {
    return llvm::is_contained(positions, span);
  };
  return llvm::all_of(sweep.spans, isAmong) &&
         (!plan.lanes || isAmong(plan.lanes)) &&
         llvm::any_of(positions, [&](Value position) {
           return frame.axesOf(position) != 0;
         });
}

void SweepEmitter::askForLines(Sweep &sweep, const Place &place) {
  SmallVector<Value> blocks;
  for (const Sweep &other : plan.sweeps) {
    llvm::append_range(blocks, sinksOf(other));
    for (Operation *op : other.stores)
      if (auto store = dyn_cast<tile::StoreOp>(op);
          store && moves(sweep, store.getPositions()))
        prefetch(store.getDest(), store.getPositions(), store.getBlock(),
                 place);
  }
  frame.use(next);
  for (Value part : partsOf(blocks))
    if (auto load = part.getDefiningOp<tile::LoadOp>();
        load && moves(sweep, load.getPositions()))
      prefetch(load.getSource(), load.getPositions(), part, place);
  frame.use(here);
}

/// Beside a gather: what lies side by side along the lanes, some turns ahead.
/// `place` is a whole vector.
void SweepEmitter::askAhead(const Sweep &sweep, const Place &place) {
  SmallVector<Value> parts = partsOf(sinksOf(sweep));
  if (!llvm::any_of(parts, [](Value part) {
        return isa<tile::GatherOp>(part.getDefiningOp());
      }))
    return;
  auto ask = [&](Value memref, ValueRange positions, Value block) {
    auto type = cast<MemRefType>(memref.getType());
    auto strides = type.getStridesAndOffset().first;
    bool isUnit = llvm::any_of(llvm::zip(positions, strides), [&](auto pair) {
      return std::get<0>(pair) == place.back().first && std::get<1>(pair) == 1;
    });
    int64_t bytes = std::max(8u, type.getElementTypeBitWidth()) / 8;
    for (int64_t lane = 0; isUnit && lane < kLanes; lane += kLine / bytes) {
      Place at = place;
      Coord &coord = at.back().second;
      coord.index = emit.add(coord.index, kLanesAhead + lane);
      prefetch(memref, positions, block, at);
    }
  };
  for (Value part : parts)
    if (auto load = part.getDefiningOp<tile::LoadOp>())
      ask(load.getSource(), load.getPositions(), part);
  for (Operation *op : sweep.stores)
    if (auto store = dyn_cast<tile::StoreOp>(op))
      ask(store.getDest(), store.getPositions(), store.getBlock());
}

/// What this sweep is the first to read.
SmallVector<tile::LoadOp> SweepEmitter::firstLoads(const Sweep &sweep) {
  SmallVector<Value> before;
  for (const Sweep &other : plan.sweeps) {
    if (&other == &sweep)
      break;
    llvm::append_range(before, sinksOf(other));
  }
  SmallVector<Value> read = partsOf(before);
  SmallVector<tile::LoadOp> loads;
  for (Value part : partsOf(sinksOf(sweep)))
    if (auto load = part.getDefiningOp<tile::LoadOp>();
        load && moves(sweep, load.getPositions()) &&
        !llvm::is_contained(read, part))
      loads.push_back(load);
  return loads;
}

void SweepEmitter::prefetchTurned(Sweep &sweep, const Place &place,
                                  ArrayRef<tile::LoadOp> loads, Value row,
                                  Value lane) {
  Value rowSpan = sweep.spans[sweep.spans.size() - 2],
        laneSpan = sweep.spans.back();
  auto ask = [&](Value memref, ValueRange positions, Value block, Value atRow,
                 Value atLane) {
    Place at = place;
    at.push_back({rowSpan, {atRow, false, {}}});
    at.push_back({laneSpan, {atLane, false, {}}});
    emit.prefetch(evaluator.address(memref, positions, coordsOf(block, at)),
                  kSecondLevel);
  };
  frame.use(next);
  for (int64_t i = 0; i < kLanes; ++i) {
    for (tile::LoadOp load : loads)
      ask(load.getSource(), load.getPositions(), load.getResult(), row,
          emit.add(lane, i));
    for (Operation *op : sweep.stores)
      if (auto store = dyn_cast<tile::StoreOp>(op))
        ask(store.getDest(), store.getPositions(), store.getBlock(),
            emit.add(row, i), lane);
  }
  frame.use(here);
}
