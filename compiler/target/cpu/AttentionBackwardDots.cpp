//===- AttentionBackwardDots.cpp - the five dots of attention's gradients -===//
//
// All five are one register tile with different pointers: rows by panels, along
// the features for S and dP, along keys for dQ, along queries for dV and dK.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/AttentionBackwardEmitter.h"
#include "compiler/target/cpu/MicroKernel.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

void AttentionBackwardEmitter::emitTile(const Dot &dot, Value panel,
                                        int64_t panels) {
  Type f32 = emit.getF32Type();
  MicroKernel kernel;
  Values start, targets;
  Value first = emit.at(dot.panels, emit.mul(panel, dot.panelStride), f32);
  for (int64_t p = 0; p < panels; ++p)
    kernel.panels.push_back(emit.at(first, p * dot.panelStride, f32));
  Value target = emit.at(dot.target, emit.mul(panel, kPanelWidth), f32);
  for (int64_t i = 0; i < emit.machine.attention.rows; ++i) {
    kernel.rows.push_back(emit.at(dot.rows, i * dot.rowStride, f32));
    for (int64_t p = 0; p < panels; ++p) {
      targets.push_back(
          emit.at(target, i * dot.targetStride + p * kPanelWidth, f32));
      start.push_back(dot.accumulates ? emit.loadVector(targets.back(), f32)
                                      : emit.zeros());
    }
  }
  kernel.rowStep = emit.integer(dot.rowStep);
  kernel.depth = dot.depth;
  for (auto [sum, to] :
       llvm::zip(emitMicroKernel(emit, kernel, start), targets))
    emit.store(sum, to);
}

/// Panels beyond the last whole group one by one.
void AttentionBackwardEmitter::emitDot(const Dot &dot, Value fromPanel,
                                       Value toPanel) {
  int64_t group = emit.machine.attention.panels;
  Value count = emit.sub(toPanel, fromPanel);
  Value whole = emit.add(fromPanel, emit.roundDown(count, group));
  emit.forLoop(fromPanel, whole, group,
               [&](Value panel) { emitTile(dot, panel, group); });
  std::optional<int64_t> known = Emitter::constant(count);
  if (group == 1 || (known && *known % group == 0))
    return;
  if (known) {
    emitTile(dot, whole, *known % group);
    return;
  }
  emit.forLoop(whole, toPanel, 1,
               [&](Value panel) { emitTile(dot, panel, 1); });
}

/// S, unless it is saved, and dP of a tile of rows, over the panels of the
/// columns it may see.
void AttentionBackwardEmitter::emitRowDots(Value row, Value begin, Value end) {
  Type f32 = emit.getF32Type();
  Value from = emit.div(begin, emit.integer(kPanelWidth));
  Value to = emit.ceilDiv(end, kPanelWidth);
  auto dot = [&](Value rows, int64_t width, int64_t depth, Value panels,
                 Value target) {
    emitDot({emit.at(rows, emit.mul(row, width), f32), width, /*rowStep=*/1,
             panels, width * kPanelWidth, emit.integer(depth),
             emit.at(target, emit.mul(row, sizes.scoreStride), f32),
             sizes.scoreStride},
            from, to);
  };
  if (parts.scores)
    dot(queries, sizes.depth, parts.depth(), keys, scores);
  dot(gradients, sizes.columns, parts.valueSize(), values, slopes);
}

/// First and end of the rows of the current block that may see a key of the
/// current block of keys: lower <= j - i <= upper.
Value AttentionBackwardEmitter::firstSeeing(Value key) {
  if (!parts.band.getUpper())
    return emit.integer(0);
  Value j = emit.add(frame.span(parts.keys.getSpan()).start, key);
  Value i = emit.sub(j, frame.scalar(parts.band.getUpper()));
  return emit.max(emit.sub(i, frame.span(parts.queries.getSpan()).start),
                  emit.integer(0));
}

Value AttentionBackwardEmitter::endSeeing(Value key) {
  Span rows = frame.span(parts.queries.getSpan());
  if (!parts.band.getLower())
    return rows.count;
  Value j = emit.add(frame.span(parts.keys.getSpan()).start, key);
  Value i = emit.sub(j, frame.scalar(parts.band.getLower()));
  return emit.min(emit.add(emit.sub(i, rows.start), 1), rows.count);
}

/// dV and dK of all keys of the block, over the rows of one block of queries.
void AttentionBackwardEmitter::emitColumnDots() {
  Type f32 = emit.getF32Type();
  int64_t tile = emit.machine.attention.rows;
  Value count = frame.span(parts.keys.getSpan()).count;
  emit.forLoop(emit.integer(0), count, tile, [&](Value key) {
    Value first = firstSeeing(key);
    Value end = endSeeing(emit.add(key, tile - 1));
    emit.ifThen(emit.less(first, end), [&] {
      auto dot = [&](Value from, Value panels, Value sums, int64_t width) {
        Value corner = emit.add(emit.mul(first, sizes.scoreStride), key);
        emitDot({emit.at(from, corner, f32), /*rowStride=*/1, sizes.scoreStride,
                 emit.at(panels, emit.mul(first, kPanelWidth), f32),
                 sizes.rows * kPanelWidth, emit.sub(end, first),
                 emit.at(sums, emit.mul(key, width), f32), width,
                 /*accumulates=*/true},
                emit.integer(0), emit.integer(width / kPanelWidth));
      };
      if (parts.dv)
        dot(scores, gradientPanels, valueSums, sizes.columns);
      if (parts.dk)
        dot(slopes, queryPanels, keySums, sizes.depth);
    });
  });
}
