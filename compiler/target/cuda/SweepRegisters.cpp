//===- SweepRegisters.cpp - rows that stay in registers -------------------===//
//
// The extents are static and a thread has few units, so all of them are written
// out, without a loop, and what the evaluator computed for a unit in one sweep
// it knows in the next: a row is read once, and an exponential is computed
// once.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cuda/SweepEmitter.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;

SmallVector<SweepEmitter::Unit> SweepEmitter::unitsOfThread(const Walk &walk) {
  int64_t total = *emit.constant(walk.total);
  SmallVector<Unit> units;
  for (int64_t first = 0; first < total; first += shape.threads) {
    Value unit = emit.add(frame.itemThread(), first), exists;
    if (first + shape.threads > total) {
      // Beyond the end: the last one, which counts for nothing.
      exists = emit.less(unit, walk.total);
      unit = emit.min(unit, emit.integer(total - 1));
    }
    units.push_back({placeOf(walk, unit), exists});
  }
  return units;
}

void SweepEmitter::emitInRegisters(bool vectors) {
  SmallVector<Unit> units;
  for (const Sweep &sweep : plan.sweeps) {
    if (failed(result))
      return;
    if (sweep.spans.empty()) {
      emitSweep(sweep, vectors);
      continue;
    }
    Walk walk = walkOf(sweep.spans, vectors ? shape.vector : 1, {});
    if (units.empty())
      units = unitsOfThread(walk);
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
