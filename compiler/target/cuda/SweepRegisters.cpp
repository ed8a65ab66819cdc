//===- SweepRegisters.cpp - rows that stay in registers -------------------===//
//
// A thread has few units, so all of them are written out, without a loop, and
// what the evaluator computed for a unit in one sweep it knows in the next: a
// row is read once, and an exponential is computed once. If the length is known
// at run time only, that decides between such code and loops.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cuda/SweepEmitter.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;

SmallVector<SweepEmitter::Unit> SweepEmitter::unitsOfThread(const Walk &walk,
                                                            int64_t count) {
  std::optional<int64_t> total = emit.constant(walk.total);
  Value last = emit.sub(walk.total, emit.integer(1));
  SmallVector<Unit> units;
  for (int64_t turn = 0; turn < count; ++turn) {
    Value unit = emit.add(frame.itemThread(), turn * shape.threads), exists;
    if (!total || (turn + 1) * shape.threads > *total) {
      // Beyond the end: the last one, which counts for nothing.
      exists = emit.less(unit, walk.total);
      unit = emit.min(unit, last);
    }
    units.push_back({placeOf(walk, unit), exists});
  }
  return units;
}

/// The sweep whose spans are those of all.
static const Sweep &sweepOverElements(const SweepPlan &plan) {
  return *llvm::find_if(
      plan.sweeps, [](const Sweep &sweep) { return !sweep.spans.empty(); });
}

void SweepEmitter::emitByLength(bool vectors, ArrayRef<int64_t> kept) {
  int64_t vector = vectors ? shape.vector : 1;
  Walk walk = walkOf(sweepOverElements(plan).spans, vector, {});
  if (emit.constant(walk.total)) {
    if (vector == shape.vector)
      return emitInRegisters(walk, kept.front());
    return emitInLoops(vectors);
  }
  if (kept.empty())
    return emitInLoops(vectors);
  Value most = emit.integer(kept.front() * shape.threads + 1);
  Value fits =
      both(emit.less(emit.integer(0), walk.total), emit.less(walk.total, most));
  if (vectors)
    fits = both(fits, emit.equal(tailOf(walk).counts.back(), emit.integer(0)));
  emit.ifElse(
      fits, {},
      [&] {
        BlockEvaluator::Scope scope(evaluator);
        emitInRegisters(walk, kept.front());
        return Values();
      },
      [&] {
        BlockEvaluator::Scope scope(evaluator);
        emitByLength(vectors, kept.drop_front());
        return Values();
      });
}

void SweepEmitter::emitInRegisters(const Walk &walk, int64_t count) {
  SmallVector<Unit> units = unitsOfThread(walk, count);
  for (const Sweep &sweep : plan.sweeps) {
    if (failed(result))
      return;
    if (sweep.spans.empty()) {
      emitSweep(sweep, /*vectors=*/false);
      continue;
    }
    Values sums = startSums(sweep, shape.unroll, walk.vector);
    emitUnits(sweep, units, sums);
    if (sweep.reduces.empty() || failed(result))
      continue;
    sums = joinTurns(sweep, sums);
    for (auto [reduction, sum] : llvm::zip(sweep.reduces, sums))
      sum = joinVector(reduction.last, sum);
    seedSums(sweep, {}, joinThreads(sweep, sums));
  }
}
