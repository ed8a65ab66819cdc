//===- SweepEmitter.h - the loops of a sweep --------------------*- C++ -*-===//
//
// Private to Sweep*.cpp.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/SweepPlace.h"
#include "compiler/target/cpu/SweepLowering.h"

namespace attune::target::cpu {

using common::BlockEvaluator;
using common::Coord;

class SweepEmitter {
public:
  SweepEmitter(KernelFrame &frame, SweepPlan &plan)
      : frame(frame), emit(frame.emit), plan(plan), evaluator(frame) {}

  /// The whole function.
  llvm::LogicalResult run();

private:
  using Value = mlir::Value;
  using Values = Emitter::Values;
  /// Where the loops stand: a coordinate for each span.
  using Place = common::Place;

  void emitItem();
  void emitSweep(Sweep &sweep);
  Values emitLoops(Sweep &sweep, size_t depth, const Place &place, Values sums);
  Values emitLanes(Sweep &sweep, const Place &place, Values sums);
  void emitAt(Sweep &sweep, const Place &place,
              llvm::MutableArrayRef<Value> sums);
  void emitAlone(Sweep &sweep, Place place, Value span, const Coord &coord,
                 Values &sums);
  void emitStores(Sweep &sweep, const Place &place);
  void finish(Sweep &sweep, Values sums);

  // Sweeps where reductions leave lanes (SweepLanes.cpp).
  void emitLanesItem();
  bool isUnforeseen(const Sweep &sweep);
  void emitGroups(Sweep &sweep);
  void emitGroup(Sweep &sweep, const Place &place, Value from, int64_t rows);
  void emitGroupAt(Sweep &sweep, const Place &place, Value from, int64_t rows,
                   const Coord &lanes);
  void emitColumns(Sweep &sweep);
  void emitColumn(Sweep &sweep, llvm::ArrayRef<Coord> lanes);
  Values emitDown(Sweep &sweep, size_t depth, const Place &place,
                  llvm::ArrayRef<Coord> lanes, Values sums);
  void clearSums(Sweep &sweep);
  void seedSums(Sweep &sweep, const Coord &lanes);
  Values loadSums(Sweep &sweep, llvm::ArrayRef<Coord> lanes);
  void storeSums(Sweep &sweep, llvm::ArrayRef<Coord> lanes, Values sums);
  Value sumPointer(tile::ReduceOp reduce, const Coord &lanes);
  Value loadSum(tile::ReduceOp reduce, const Coord &lanes);
  void storeSum(tile::ReduceOp reduce, const Coord &lanes, Value sum);

  // Lines that are asked for ahead of their use (SweepPrefetch.cpp).
  llvm::LogicalResult bindNext(Value item);
  bool asksForLines(const Sweep &sweep);
  bool moves(const Sweep &sweep, mlir::ValueRange positions);
  void askForLines(Sweep &sweep, const Place &place);
  void prefetch(Value memref, mlir::ValueRange positions, Value block,
                const Place &place);
  void askAhead(const Sweep &sweep, const Place &place);
  llvm::SmallVector<tile::LoadOp> firstLoads(const Sweep &sweep);
  void prefetchTurned(Sweep &sweep, const Place &place,
                      llvm::ArrayRef<tile::LoadOp> loads, Value row,
                      Value lane);

  // Transposing sweeps.
  void emitTurned(Sweep &sweep, llvm::ArrayRef<tile::LoadOp> loads);
  void emitTurnedTiles(Sweep &sweep, const Place &place,
                       llvm::ArrayRef<tile::LoadOp> loads);
  void emitTurnedTile(Sweep &sweep, const Place &place,
                      llvm::ArrayRef<tile::LoadOp> loads, Value row, Value lane,
                      bool whole);
  Values turn(tile::LoadOp load, const Place &place, Value rowSpan,
              const Coord &rows, Value laneSpan, Value lane, bool whole);

  llvm::SmallVector<Coord> coordsOf(const Spans &spans, const Place &place) {
    return common::coordsOf(emit, spans, place);
  }
  llvm::SmallVector<Coord> coordsOf(Value block, const Place &place) {
    return coordsOf(plan.spans[block], place);
  }
  Value keptPointer(Value block, const Spans &spans, const Place &place);
  Value neutralVector(tile::ReduceOp reduce);
  Value combineLanes(tile::ReduceOp reduce, Value vector);

  KernelFrame &frame;
  Emitter &emit;
  SweepPlan &plan;
  BlockEvaluator evaluator;
  ItemBindings here;        ///< of the item in hand
  ItemBindings next;        ///< of the one that follows
  Value firstLane, endLane; ///< the lanes in hand, if the plan has lanes
  llvm::LogicalResult result = mlir::success();
};

} // namespace attune::target::cpu
