//===- SweepEmitter.h - the loops of a thread over a sweep ------*- C++ -*-===//
//
// Private to the Sweep*.cpp files of this folder.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/SweepPlace.h"
#include "compiler/target/cuda/KernelFrame.h"
#include "compiler/target/cuda/SweepShape.h"

namespace attune::target::cuda {

using common::BlockEvaluator;
using common::Coord;

class SweepEmitter {
public:
  SweepEmitter(KernelFrame &frame, const SweepPlan &plan,
               const SweepShape &shape)
      : frame(frame), emit(frame.emit), plan(plan), shape(shape),
        evaluator(frame) {}

  /// The whole function.
  llvm::LogicalResult run();

private:
  using Value = mlir::Value;
  using Values = Emitter::Values;
  /// A coordinate for each span.
  using Place = common::Place;
  /// A place, and whether it exists (null: it does). One that does not is that
  /// of another unit: it may be read, but counts for nothing.
  struct Unit {
    Place place;
    Value exists;
  };
  /// Elements that are counted in units: those of `spans` with the last one cut
  /// into vectors, or what is left behind the last whole vector.
  struct Walk {
    Spans spans;
    Value total;                     ///< units
    llvm::SmallVector<Value> counts; ///< of units along each span
    int64_t vector;                  ///< elements of a unit
    Value first;                     ///< where the last span begins
    bool isSmall;                    ///< units are counted in 32 bits
    Place fixed;                     ///< coordinates of other spans
  };

  // Items (SweepLowering.cpp).
  void emitItem();
  Value areAligned();
  void emitSweeps(bool vectors);
  void emitInLoops(bool vectors);
  void emitSweep(const Sweep &sweep, bool vectors);
  void emitLanes(bool vectors);
  void emitAlongLanes(bool vectors, const Coord &lane, Value exists);

  // One unit.
  Walk walkOf(const Spans &spans, int64_t vector, const Place &fixed);
  Walk tailOf(const Walk &walk);
  Place placeOf(const Walk &walk, Value unit);
  llvm::SmallVector<Coord> coordsOf(const Spans &spans, const Place &place) {
    return common::coordsOf(emit, spans, place);
  }
  llvm::SmallVector<Coord> coordsOf(Value block, const Place &place) {
    return coordsOf(plan.spans.lookup(block), place);
  }

  bool isPlaced(Value block, const Place &place);

  // Several units at once: all loads, then all values, then all stores.
  void emitUnits(const Sweep &sweep, llvm::ArrayRef<Unit> units,
                 llvm::MutableArrayRef<Value> sums);
  void emitStores(const Sweep &sweep, const Place &place);
  void accumulate(const Sweep &sweep, const Unit &unit,
                  llvm::MutableArrayRef<Value> sums);
  Values emitWalk(const Sweep &sweep, const Walk &walk, Value first,
                  int64_t step, int64_t unroll, Values sums);

  // Rows that stay in registers (SweepRegisters.cpp).
  void emitByLength(bool vectors, llvm::ArrayRef<int64_t> kept);
  void emitInRegisters(const Walk &walk, int64_t count);
  llvm::SmallVector<Unit> unitsOfThread(const Walk &walk, int64_t count);

  // Reductions (SweepReduce.cpp).
  Value neutral(tile::ReduceOp reduce, int64_t vector);
  Value combine(tile::ReduceOp reduce, Value a, Value b);
  Values startSums(const Sweep &sweep, int64_t turns, int64_t vector);
  /// One sum for each reduction from those of all turns.
  Values joinTurns(const Sweep &sweep, Values sums);
  Value joinVector(tile::ReduceOp reduce, Value vector);
  /// Combines over the threads of the item that share a lane; all get the
  /// result.
  Values joinThreads(const Sweep &sweep, Values sums);
  Values joinWarps(const Sweep &sweep, Values sums);
  Value exchange(Value value, int64_t mask);
  /// The sums are what the reductions give, at a lane if they leave lanes.
  void seedSums(const Sweep &sweep, llvm::ArrayRef<Coord> lane,
                llvm::ArrayRef<Value> sums);

  // Transposing sweeps (SweepTranspose.cpp).
  void emitTurned(const Sweep &sweep, llvm::ArrayRef<tile::LoadOp> loads);
  void emitTurnedTiles(const Sweep &sweep, const Place &place,
                       llvm::ArrayRef<tile::LoadOp> loads);
  void emitTurnedTile(const Sweep &sweep, const Place &place,
                      llvm::ArrayRef<tile::LoadOp> loads, Value row, Value lane,
                      bool whole);

  Value both(Value a, Value b); ///< of two conditions, either null
  void onlyIf(Value condition, llvm::function_ref<void()> body);

  KernelFrame &frame;
  Emitter &emit;
  const SweepPlan &plan;
  const SweepShape &shape;
  BlockEvaluator evaluator;
  Value mayStore; ///< of this thread; null: all may
  llvm::LogicalResult result = mlir::success();
};

} // namespace attune::target::cuda
