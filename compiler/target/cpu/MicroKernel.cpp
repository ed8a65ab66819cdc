//===- MicroKernel.cpp ----------------------------------------------------===//
#include "compiler/target/cpu/MicroKernel.h"

using namespace mlir;
using namespace attune::target::cpu;

/// How far ahead B is fetched into L1: so many FMAs before use, for a short
/// tile takes few cycles per step of depth. A is fetched a line at a time.
static constexpr int64_t kAheadB = 192, kAheadA = 16;
/// Degrees of locality.
static constexpr int kIntoL1 = 3, kIntoL2 = 2;

/// One step of depth.
static Emitter::Values emitStep(Emitter &emit, const MicroKernel &kernel,
                                Value k, ValueRange accumulators) {
  Type f32 = emit.getF32Type();
  Value offset = emit.mul(k, kPanelWidth);
  SmallVector<Value> columns;
  for (Value panel : kernel.panels)
    columns.push_back(emit.loadVector(emit.at(panel, offset, f32), f32));
  int64_t ahead = kAheadB / int64_t(kernel.rows.size() * kernel.panels.size());
  if (kernel.prefetch)
    for (Value panel : kernel.panels)
      emit.prefetch(emit.at(panel, emit.add(offset, ahead * kPanelWidth), f32),
                    kIntoL1);
  Value position = emit.mul(k, kernel.rowStep);
  Emitter::Values sums;
  for (auto [row, pointer] : llvm::enumerate(kernel.rows)) {
    Value element = emit.splat(emit.load(emit.at(pointer, position, f32), f32));
    for (auto [panel, column] : llvm::enumerate(columns))
      sums.push_back(emit.fma(element, column,
                              accumulators[row * columns.size() + panel]));
  }
  return sums;
}

/// The lines of `next` that `steps` steps from k on are to fetch.
static void fetchNext(Emitter &emit, const MicroKernel &kernel, Value k,
                      int64_t steps) {
  constexpr int64_t kLine = 16;
  Type f32 = emit.getF32Type();
  Value first = emit.mul(k, MicroKernel::kNextPerStep);
  for (Value next : kernel.next)
    for (int64_t line = 0; line < steps * MicroKernel::kNextPerStep;
         line += kLine)
      emit.prefetch(emit.at(next, emit.add(first, line), f32), kIntoL2);
}

Emitter::Values attune::target::cpu::emitMicroKernel(Emitter &emit,
                                                     const MicroKernel &kernel,
                                                     ValueRange accumulators) {
  bool fetchRows = kernel.prefetch && Emitter::constant(kernel.rowStep) == 1;
  // The loop is unrolled here and not by LLVM, which would go on until it
  // spills.
  auto run = [&](Value from, Value to, int64_t steps, ValueRange inits) {
    return emit.forLoop(
        from, to, steps, inits, [&](Value k, ValueRange carried) {
          if (!fetchRows)
            fetchNext(emit, kernel, k, steps);
          Emitter::Values sums(carried);
          for (int64_t step = 0; step < steps; ++step)
            sums = emitStep(emit, kernel, emit.add(k, step), sums);
          return sums;
        });
  };
  int64_t unroll = emit.machine.unrollK;
  Value zero = emit.integer(0);
  if (fetchRows) {
    Type f32 = emit.getF32Type();
    Value whole = emit.roundDown(kernel.depth, kAheadA);
    Emitter::Values sums = emit.forLoop(
        zero, whole, kAheadA, accumulators, [&](Value k, ValueRange carried) {
          for (Value row : kernel.rows)
            emit.prefetch(emit.at(row, emit.add(k, kAheadA), f32), kIntoL1);
          fetchNext(emit, kernel, k, kAheadA);
          return run(k, emit.add(k, kAheadA), unroll, carried);
        });
    return run(whole, kernel.depth, 1, sums);
  }
  if (unroll == 1)
    return run(zero, kernel.depth, 1, accumulators);
  Value whole = emit.roundDown(kernel.depth, unroll);
  Emitter::Values sums = run(zero, whole, unroll, accumulators);
  if (std::optional<int64_t> depth = Emitter::constant(kernel.depth);
      depth && *depth % unroll == 0)
    return sums;
  return run(whole, kernel.depth, 1, sums);
}
