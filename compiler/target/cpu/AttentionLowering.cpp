//===- AttentionLowering.cpp - an attention kernel into loops -------------===//
//
// A work item is a block of queries of one head:
//
//   pack K^T and V of the kv head, unless the item before has left them packed
//   queries into scratch; maximum = -inf, sum = 0, result = 0
//   for each block of keys that some query may see    (K and V stay in L2)
//     for each tile of rows
//       scores = Q K^T          over the panels that the tile may see
//       one row pass, in place: fragment, maximum, 2^(s - max), sum, alpha
//       result = result * alpha + P V
//   for each row: normalise, what follows the loop, store
//
// Where the band hides nothing, it costs nothing: columns that all rows of a
// tile see take a loop without masks, columns that none sees are left out of
// both dots.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/AttentionEmitter.h"
#include "compiler/target/cpu/MicroKernel.h"
#include "compiler/target/cpu/Pack.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

//===----------------------------------------------------------------------===//
// Keys and values
//===----------------------------------------------------------------------===//

void AttentionEmitter::locateScratch() {
  auto at = [&](unsigned section) {
    return scratch.layout.pointer(frame, section);
  };
  keys = at(scratch.keys);
  values = at(scratch.values);
  queries = at(scratch.queries);
  scores = at(scratch.scores);
  alpha = at(scratch.alpha);
  maxima = at(scratch.max);
  sums = at(scratch.sum);
  out = at(scratch.out);
  keyPanel = emit.integer(depth * kPanelWidth);
  const Operand &source = frame.operand(parts.keyLoad.getSource());
  for (auto [position, size] :
       llvm::zip(parts.keyLoad.getPositions(), source.sizes))
    if (position == parts.loop.getSpan())
      valuePanel = emit.mul(emit.roundUp(size, kLanes), kPanelWidth);
}

/// All of K^T and V of a kv head.
void AttentionEmitter::packHead() {
  Value span = parts.loop.getSpan();
  auto matrix = [&](tile::LoadOp load, Value depthSpan, Value columnSpan) {
    Value from = frame.scalar(parts.loop.getFrom());
    Value count = emit.max(emit.sub(frame.scalar(parts.loop.getTo()), from),
                           emit.integer(0));
    auto size = [&](Value s) {
      return s == span ? count : frame.span(s).count;
    };
    Value pointer =
        frame.pointerTo(load.getSource(), load.getPositions(), span);
    pointer = emit.at(pointer, emit.mul(from, frame.strideAlong(load, span)),
                      emit.getF32Type());
    return Matrix{pointer, size(depthSpan), size(columnSpan),
                  frame.strideAlong(load, depthSpan),
                  frame.strideAlong(load, columnSpan)};
  };
  Matrix k = matrix(parts.keyLoad, parts.keyDepth, span);
  // Tiles read whole groups of panels.
  int64_t spare = emit.machine.attention.panels - 1;
  emitPack(
      emit, k,
      {keys, keyPanel, emit.add(emit.ceilDiv(k.columns, kPanelWidth), spare)});
  Matrix v = matrix(parts.valueLoad, span, parts.valueColumns);
  emitPack(emit, v, {values, valuePanel, emit.integer(columns / kPanelWidth)});
}

//===----------------------------------------------------------------------===//
// Work item
//===----------------------------------------------------------------------===//

void AttentionEmitter::emitStart() {
  Type f32 = emit.getF32Type();
  Span rows = frame.span(parts.rows);
  int64_t tile = emit.machine.attention.rows;
  // Rows up to the next whole tile are zero: computed with, never looked at.
  Value padded = emit.roundUp(rows.count, tile);
  emit.forLoop(emit.integer(0), padded, 1, [&](Value row) {
    BlockEvaluator::Scope scope(evaluator);
    emit.store(emit.real(-kInfinity), emit.at(maxima, row, f32));
    emit.store(emit.zeros(), emit.at(sums, emit.mul(row, kLanes), f32));
    Value result = emit.at(out, emit.mul(row, columns), f32);
    for (int64_t column = 0; column < columns; column += kLanes)
      emit.store(emit.zeros(), emit.at(result, column, f32));
    Value query = emit.at(queries, emit.mul(row, depth), f32);
    emit.ifElse(
        emit.less(row, rows.count), TypeRange(),
        [&] {
          BlockEvaluator::Scope inner(evaluator);
          for (int64_t d = 0; d < depth; d += kLanes) {
            Value mask = d + kLanes <= parts.depth()
                             ? Value()
                             : emit.lanesBelow(emit.integer(parts.depth() - d));
            Value vector = evaluator.get(
                parts.scores.getLhs(),
                {{row, false, {}}, {emit.integer(d), true, mask}});
            if (!vector)
              this->result = failure();
            else
              emit.store(vector, emit.at(query, d, f32));
          }
          return Values();
        },
        [&] {
          for (int64_t d = 0; d < depth; d += kLanes)
            emit.store(emit.zeros(), emit.at(query, d, f32));
          return Values();
        });
  });
}

void AttentionEmitter::emitKeyBlocks() {
  Span rows = frame.span(parts.rows);
  int64_t step = parts.loop.getStep();
  Value from = frame.scalar(parts.loop.getFrom()),
        to = frame.scalar(parts.loop.getTo());
  auto [begin, end] = band.blocks(from, to, step);
  emit.forLoop(begin, end, step, [&](Value start) {
    BlockEvaluator::Scope scope(evaluator);
    blockStart = start;
    Value first = emit.add(from, start);
    frame.bind(parts.loop.getSpan(),
               Span{first, emit.min(emit.sub(to, first), emit.integer(step))});
    if (failed(frame.translateScalars(*parts.loop.getBody())))
      result = failure();
    else
      emit.forLoop(emit.integer(0), rows.count, emit.machine.attention.rows,
                   [&](Value row) { emitRowTile(row); });
  });
}

void AttentionEmitter::emitRowTile(Value row) {
  const RegisterTile &tile = emit.machine.attention;
  Value left = emit.sub(frame.span(parts.rows).count, row);
  Value rows = emit.min(left, emit.integer(tile.rows));
  Value lastRow = emit.add(row, emit.sub(rows, emit.integer(1)));
  Value begin = emit.roundDown(band.first(row), tile.panels * kPanelWidth);
  Value end = band.end(lastRow);
  emit.ifThen(emit.less(begin, end), [&] {
    BlockEvaluator::Scope scope(evaluator);
    emitScores(row, begin, end);
    Value whole = emit.roundUp(end, kLanes);
    emit.forLoop(emit.integer(0), rows, 1,
                 [&](Value index) { emitRowPass(row, index, begin, whole); });
    emitResult(row, begin, end);
  });
}

//===----------------------------------------------------------------------===//
// Dots
//===----------------------------------------------------------------------===//

void AttentionEmitter::emitScores(Value row, Value begin, Value end) {
  Type f32 = emit.getF32Type();
  const RegisterTile &tile = emit.machine.attention;
  Value query = emit.at(queries, emit.mul(row, depth), f32);
  auto emitGroup = [&](Value column, int64_t panels) {
    MicroKernel kernel;
    for (int64_t i = 0; i < tile.rows; ++i)
      kernel.rows.push_back(emit.at(query, i * depth, f32));
    Value panel =
        emit.div(emit.add(blockStart, column), emit.integer(kPanelWidth));
    Value first = emit.at(keys, emit.mul(panel, keyPanel), f32);
    for (int64_t p = 0; p < panels; ++p)
      kernel.panels.push_back(emit.at(first, p * depth * kPanelWidth, f32));
    kernel.rowStep = emit.integer(1);
    kernel.depth = emit.integer(parts.depth());
    Values start(tile.rows * panels, emit.zeros());
    Value target = emit.at(scores, column, f32);
    for (auto [index, product] :
         llvm::enumerate(emitMicroKernel(emit, kernel, start)))
      emit.store(product, emit.at(target,
                                  int64_t(index) / panels * scoreStride +
                                      int64_t(index) % panels * kPanelWidth,
                                  f32));
  };
  // Panels beyond the last whole group one by one: 197 keys are 13 panels.
  Value count = emit.roundUp(emit.sub(end, begin), kPanelWidth);
  int64_t width = tile.panels * kPanelWidth;
  Value whole = emit.add(begin, emit.roundDown(count, width));
  emit.forLoop(begin, whole, width,
               [&](Value column) { emitGroup(column, tile.panels); });
  if (tile.panels > 1)
    emit.forLoop(whole, end, kPanelWidth,
                 [&](Value column) { emitGroup(column, 1); });
}

void AttentionEmitter::emitResult(Value row, Value begin, Value end) {
  Type f32 = emit.getF32Type();
  const RegisterTile &tile = emit.machine.attention;
  Value first = emit.add(blockStart, begin);
  auto emitGroup = [&](Value panel, int64_t panels) {
    MicroKernel kernel;
    Values start, targets;
    Value source = emit.at(scores, begin, f32);
    Value base = emit.at(
        values,
        emit.add(emit.mul(panel, valuePanel), emit.mul(first, kPanelWidth)),
        f32);
    for (int64_t p = 0; p < panels; ++p)
      kernel.panels.push_back(emit.at(base, emit.mul(valuePanel, p), f32));
    Value target = emit.at(
        out, emit.add(emit.mul(row, columns), emit.mul(panel, kPanelWidth)),
        f32);
    for (int64_t i = 0; i < tile.rows; ++i) {
      kernel.rows.push_back(emit.at(source, i * scoreStride, f32));
      Value factor = emit.splat(emit.load(emit.at(alpha, i, f32), f32));
      for (int64_t p = 0; p < panels; ++p) {
        targets.push_back(emit.at(target, i * columns + p * kPanelWidth, f32));
        start.push_back(
            emit.mulf(emit.loadVector(targets.back(), f32), factor));
      }
    }
    kernel.rowStep = emit.integer(1);
    kernel.depth = emit.sub(end, begin);
    for (auto [sum, to] :
         llvm::zip(emitMicroKernel(emit, kernel, start), targets))
      emit.store(sum, to);
  };
  int64_t panels = columns / kPanelWidth,
          whole = panels / tile.panels * tile.panels;
  emit.forLoop(emit.integer(0), emit.integer(whole), tile.panels,
               [&](Value panel) { emitGroup(panel, tile.panels); });
  if (whole < panels)
    emitGroup(emit.integer(whole), panels - whole);
}

//===----------------------------------------------------------------------===//
// End
//===----------------------------------------------------------------------===//

void AttentionEmitter::emitFinishRow(Value row) {
  Type f32 = emit.getF32Type();
  BlockEvaluator::Scope scope(evaluator);
  Coord at{row, false, {}};
  Value maximum = emit.load(emit.at(maxima, row, f32), f32);
  Value sum = emit.sumLanes(
      emit.loadVector(emit.at(sums, emit.mul(row, kLanes), f32), f32));
  evaluator.seed(parts.loop.getResult(parts.maxIndex), at, maximum);
  evaluator.seed(parts.loop.getResult(parts.sumIndex), at, sum);
  if (parts.finish) {
    Value isEmpty = arith::CmpFOp::create(emit, arith::CmpFPredicate::OEQ, sum,
                                          emit.real(0));
    Value inverse = arith::DivFOp::create(emit, emit.real(1.0), sum);
    evaluator.seed(
        parts.finish.getInverse(), at,
        arith::SelectOp::create(emit, isEmpty, emit.real(0.0), inverse));
    if (!parts.finish.getLse().use_empty()) {
      Value total = emit.addf(maximum, math::Log2Op::create(emit, sum));
      Value lse = emit.mulf(total, emit.real(0.69314718055994530942));
      evaluator.seed(
          parts.finish.getLse(), at,
          arith::SelectOp::create(emit, isEmpty, emit.real(kInfinity), lse));
    }
  }
  for (tile::StoreOp store : parts.stores) {
    if (cast<RankedTensorType>(store.getBlock().getType()).getRank() == 1) {
      if (failed(evaluator.store(store, at)))
        result = failure();
      continue;
    }
    for (int64_t column = 0; column < columns; column += kLanes) {
      Value mask =
          column + kLanes <= parts.columns()
              ? Value()
              : emit.lanesBelow(emit.integer(parts.columns() - column));
      Coord columnCoord{emit.integer(column), true, mask};
      Value offset = emit.add(emit.mul(row, columns), column);
      evaluator.seed(parts.loop.getResult(parts.outIndex), {at, columnCoord},
                     emit.loadVector(emit.at(out, offset, f32), f32));
      if (failed(evaluator.store(store, {at, columnCoord})))
        result = failure();
    }
  }
}

LogicalResult AttentionEmitter::run() {
  frame.balance(parts.rows, emit.machine.attention.rows);
  if (failed(scratch.layout.check()) || failed(frame.start()))
    return failure();
  locateScratch();
  Values start{emit.integer(-1)};
  LogicalResult items = frame.forEachItem(
      start, [&](Value item, ValueRange carried) -> FailureOr<Values> {
        BlockEvaluator::Scope scope(evaluator);
        Value packed = frame.packIfNew(item, {parts.keyLoad, parts.valueLoad},
                                       carried.front(), [&] { packHead(); });
        emitStart();
        emitKeyBlocks();
        emit.forLoop(emit.integer(0), frame.span(parts.rows).count, 1,
                     [&](Value row) { emitFinishRow(row); });
        if (failed(result))
          return failure();
        return Values{packed};
      });
  frame.finish();
  return items;
}

LogicalResult attune::target::cpu::lowerAttention(tile::KernelOp kernel,
                                                  Emitter &emit) {
  FailureOr<Attention> parts = matchAttention(kernel);
  if (failed(parts))
    return failure();
  KernelFrame frame(kernel, emit);
  return AttentionEmitter(frame, *parts).run();
}
