//===- AttentionBackwardLowering.cpp - attention's gradients into loops ---===//
//
// A work item is a kv head of a batch entry:
//
//   dQ = 0, in memory
//   for each block of keys                     (what follows stays in L2)
//     pack K^T, V^T and K; dK = dV = 0
//     for each head of the group, for each block of queries that sees any
//       rows of Q and dO into scratch, also in panels; rowsum(dO * O)
//       for each tile of rows
//         S = Q K^T, unless it is saved; dP = dO V^T     over the panels that
//                                                        it may see
//         one row pass, in place: P and dS
//         dQ += dS K, in memory
//       for each tile of keys
//         dV += P^T dO, dK += dS^T Q           over the rows that see it
//     store dK, dV
//
// Scratch does not depend on any length. Where the band hides nothing, it costs
// nothing.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/AttentionBackwardEmitter.h"
#include "compiler/target/cpu/Pack.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

void AttentionBackwardEmitter::locateScratch() {
  auto at = [&](unsigned section) {
    return scratch.layout.pointer(frame, section);
  };
  keys = at(scratch.keys);
  values = at(scratch.values);
  keyRows = at(scratch.keyRows);
  keySums = at(scratch.keySums);
  valueSums = at(scratch.valueSums);
  queries = at(scratch.queries);
  gradients = at(scratch.gradients);
  queryPanels = at(scratch.queryPanels);
  gradientPanels = at(scratch.gradientPanels);
  scores = at(scratch.scores);
  slopes = at(scratch.slopes);
  means = at(scratch.means);
  rowSums = at(scratch.rowSums);
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// The trips of a loop that `visible` leaves, with its span and scalars bound.
void AttentionBackwardEmitter::forEachTrip(tile::ForOp loop,
                                           function_ref<void()> body) {
  int64_t step = loop.getStep();
  Value from = frame.scalar(loop.getFrom()), to = frame.scalar(loop.getTo());
  Band seen(frame, loop.getRows(), loop.getSpan(), loop.getLower(),
            loop.getUpper());
  auto [begin, end] = seen.blocks(from, to, step);
  emit.forLoop(begin, end, step, [&](Value start) {
    BlockEvaluator::Scope scope(evaluator);
    Value first = emit.add(from, start);
    frame.bind(loop.getSpan(),
               Span{first, emit.min(emit.sub(to, first), emit.integer(step))});
    check(frame.translateScalars(*loop.getBody()));
    if (succeeded(result))
      body();
  });
}

void AttentionBackwardEmitter::forEachVector(
    int64_t size, function_ref<void(int64_t, const Coord &)> body) {
  for (int64_t column = 0; column < size; column += kLanes) {
    Value mask = column + kLanes <= size
                     ? Value()
                     : emit.lanesBelow(emit.integer(size - column));
    body(column, Coord{emit.integer(column), true, mask});
  }
}

void AttentionBackwardEmitter::clearQueryGradient() {
  forEachTrip(parts.clearGroups, [&] {
    forEachTrip(parts.clearQueries, [&] {
      Value count = frame.span(parts.clearQueries.getSpan()).count;
      emit.forLoop(emit.integer(0), count, 1, [&](Value row) {
        BlockEvaluator::Scope scope(evaluator);
        forEachVector(parts.depth(), [&](int64_t, const Coord &column) {
          check(evaluator.store(parts.clear, {Coord{row, false, {}}, column}));
        });
      });
    });
  });
}

//===----------------------------------------------------------------------===//
// A block of keys
//===----------------------------------------------------------------------===//

void AttentionBackwardEmitter::packKeys() {
  Value keySpan = parts.keys.getSpan(), count = frame.span(keySpan).count;
  auto strides = [&](tile::LoadOp load, Value features) {
    return std::pair(frame.strideAlong(load, features),
                     frame.strideAlong(load, keySpan));
  };
  auto pointer = [&](tile::LoadOp load) {
    return frame.pointerTo(load.getSource(), load.getPositions(), Value());
  };
  Value panels = emit.integer(sizes.keys / kPanelWidth);
  auto packTransposed = [&](tile::LoadOp load, Value features, int64_t size,
                            int64_t aligned, Value target) {
    auto [feature, row] = strides(load, features);
    emitPack(emit, {pointer(load), emit.integer(size), count, feature, row},
             {target, emit.integer(aligned * kPanelWidth), panels});
  };
  if (parts.scores)
    packTransposed(parts.key, parts.features, parts.depth(), sizes.depth, keys);
  packTransposed(parts.value, parts.columns, parts.valueSize(), sizes.columns,
                 values);
  if (!parts.dq)
    return;
  auto [feature, row] = strides(parts.key, parts.features);
  emitPack(
      emit,
      {pointer(parts.key), count, emit.integer(parts.depth()), row, feature},
      {keyRows, emit.integer(sizes.keys * kPanelWidth),
       emit.integer(sizes.depth / kPanelWidth)});
}

void AttentionBackwardEmitter::clearSums() {
  auto clear = [&](Value sums, int64_t width) {
    Value rows = emit.roundUp(frame.span(parts.keys.getSpan()).count,
                              emit.machine.attention.rows);
    emit.forLoop(emit.integer(0), emit.mul(rows, width), kLanes, [&](Value at) {
      emit.store(emit.zeros(), emit.at(sums, at, emit.getF32Type()));
    });
  };
  if (parts.dk)
    clear(keySums, sizes.depth);
  if (parts.dv)
    clear(valueSums, sizes.columns);
}

void AttentionBackwardEmitter::storeSums() {
  Type f32 = emit.getF32Type();
  Value count = frame.span(parts.keys.getSpan()).count;
  auto seed = [&](unsigned index, Value sums, int64_t width, Value row,
                  int64_t column, ArrayRef<Coord> at) {
    if (column >= width)
      return;
    Value offset = emit.add(emit.mul(row, width), column);
    evaluator.seed(parts.groups.getResult(index), at,
                   emit.loadVector(emit.at(sums, offset, f32), f32));
  };
  for (tile::StoreOp store : parts.keyStores) {
    int64_t size =
        cast<RankedTensorType>(store.getBlock().getType()).getShape().back();
    emit.forLoop(emit.integer(0), count, 1, [&](Value row) {
      BlockEvaluator::Scope scope(evaluator);
      forEachVector(size, [&](int64_t column, const Coord &columnCoord) {
        SmallVector<Coord> at{{row, false, {}}, columnCoord};
        if (parts.dk)
          seed(parts.dkIndex, keySums, sizes.depth, row, column, at);
        if (parts.dv)
          seed(parts.dvIndex, valueSums, sizes.columns, row, column, at);
        check(evaluator.store(store, at));
      });
    });
  }
}

void AttentionBackwardEmitter::emitKeyBlock() {
  packKeys();
  clearSums();
  forEachTrip(parts.groups,
              [&] { forEachTrip(parts.queries, [&] { emitQueryBlock(); }); });
  storeSums();
}

//===----------------------------------------------------------------------===//
// A block of queries
//===----------------------------------------------------------------------===//

/// A row of Q and of dO, each twice: as a row, and as a step of its panels. The
/// row of Q is for scores, which may be saved.
void AttentionBackwardEmitter::loadRow(Value row) {
  Type f32 = emit.getF32Type();
  Coord rowCoord{row, false, {}};
  auto keep = [&](Value vector, int64_t column, Value rows, int64_t width,
                  Value panels) {
    if (rows != queries || parts.scores)
      emit.store(vector,
                 emit.at(rows, emit.add(emit.mul(row, width), column), f32));
    Value step = emit.add(emit.mul(row, kPanelWidth), column * sizes.rows);
    emit.store(vector, emit.at(panels, step, f32));
  };
  auto get = [&](Value block, const Coord &column) {
    Value vector = evaluator.get(block, {rowCoord, column});
    if (!vector)
      result = failure();
    return vector ? vector : emit.zeros();
  };
  int64_t depth = parts.query ? parts.depth() : 0;
  forEachVector(depth, [&](int64_t column, const Coord &at) {
    keep(get(parts.query.getBlock(), at), column, queries, sizes.depth,
         queryPanels);
  });
  Value sum = emit.zeros();
  forEachVector(parts.valueSize(), [&](int64_t column, const Coord &at) {
    keep(get(parts.gradient.getBlock(), at), column, gradients, sizes.columns,
         gradientPanels);
    Value product = get(parts.mean.getBlock(), at);
    if (at.mask)
      product = arith::SelectOp::create(emit, at.mask, product, emit.zeros());
    sum = emit.addf(sum, product);
  });
  emit.store(emit.sumLanes(sum), emit.at(means, row, f32));
}

void AttentionBackwardEmitter::loadRows() {
  Type f32 = emit.getF32Type();
  Value count = frame.span(parts.queries.getSpan()).count;
  emit.forLoop(emit.integer(0), count, 1, [&](Value row) {
    BlockEvaluator::Scope scope(evaluator);
    loadRow(row);
  });
  // Rows up to the next whole tile are zero: computed with, never looked at.
  Value padded = emit.roundUp(count, emit.machine.attention.rows);
  SmallVector<std::pair<Value, int64_t>> padding{{gradients, sizes.columns}};
  if (parts.scores)
    padding.emplace_back(queries, sizes.depth);
  emit.forLoop(count, padded, 1, [&](Value row) {
    for (auto [rows, width] : padding)
      for (int64_t column = 0; column < width; column += kLanes)
        emit.store(emit.zeros(),
                   emit.at(rows, emit.add(emit.mul(row, width), column), f32));
  });
}

void AttentionBackwardEmitter::addQueryGradient(Value row, Value rows,
                                                Value begin, Value end) {
  Type f32 = emit.getF32Type();
  Value first = emit.add(emit.mul(row, sizes.scoreStride), begin);
  emitDot({emit.at(slopes, first, f32), sizes.scoreStride, /*rowStep=*/1,
           emit.at(keyRows, emit.mul(begin, kPanelWidth), f32),
           sizes.keys * kPanelWidth, emit.sub(end, begin), rowSums,
           sizes.depth},
          emit.integer(0), emit.integer(sizes.depth / kPanelWidth));
  emit.forLoop(emit.integer(0), rows, 1, [&](Value index) {
    BlockEvaluator::Scope scope(evaluator);
    Coord rowCoord{emit.add(row, index), false, {}};
    forEachVector(parts.depth(), [&](int64_t column, const Coord &at) {
      Value offset = emit.add(emit.mul(index, sizes.depth), column);
      evaluator.seed(parts.dq.getResult(), {rowCoord, at},
                     emit.loadVector(emit.at(rowSums, offset, f32), f32));
      check(evaluator.accumulate(parts.queryGradient, {rowCoord, at}));
    });
  });
}

void AttentionBackwardEmitter::emitRowTile(Value row) {
  const RegisterTile &tile = emit.machine.attention;
  Value left = emit.sub(frame.span(parts.queries.getSpan()).count, row);
  Value rows = emit.min(left, emit.integer(tile.rows));
  Value lastRow = emit.add(row, emit.sub(rows, emit.integer(1)));
  // What is stored for each score is stored for those as well that are hidden.
  bool whole = !parts.slopeStores.empty();
  Value begin =
      whole ? emit.integer(0)
            : emit.roundDown(band.first(row), tile.panels * kPanelWidth);
  Value end =
      whole ? frame.span(parts.keys.getSpan()).count : band.end(lastRow);
  emit.ifThen(emit.less(begin, end), [&] {
    BlockEvaluator::Scope scope(evaluator);
    emitRowDots(row, begin, end);
    Value vectors = emit.roundUp(end, kLanes);
    emit.forLoop(row, emit.add(row, rows), 1,
                 [&](Value each) { emitRowPass(each, begin, vectors); });
    if (parts.dq)
      addQueryGradient(row, rows, begin, end);
  });
  if (parts.band.getLower() || parts.band.getUpper())
    emit.forLoop(row, emit.add(row, rows), 1,
                 [&](Value each) { clearHidden(each, begin, end); });
}

void AttentionBackwardEmitter::emitQueryBlock() {
  loadRows();
  emit.forLoop(emit.integer(0), frame.span(parts.queries.getSpan()).count,
               emit.machine.attention.rows, [&](Value row) {
                 BlockEvaluator::Scope scope(evaluator);
                 emitRowTile(row);
               });
  emitColumnDots();
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

LogicalResult AttentionBackwardEmitter::run() {
  if (failed(scratch.layout.check()) || failed(frame.start()))
    return failure();
  locateScratch();
  LogicalResult items =
      frame.forEachItem({}, [&](Value, ValueRange) -> FailureOr<Values> {
        BlockEvaluator::Scope scope(evaluator);
        if (parts.clear)
          clearQueryGradient();
        forEachTrip(parts.keys, [&] { emitKeyBlock(); });
        if (failed(result))
          return failure();
        return Values();
      });
  frame.finish();
  return items;
}

LogicalResult attune::target::cpu::lowerAttentionBackward(tile::KernelOp kernel,
                                                          Emitter &emit) {
  FailureOr<AttentionBackward> parts = matchAttentionBackward(kernel);
  if (failed(parts))
    return failure();
  KernelFrame frame(kernel, emit);
  return AttentionBackwardEmitter(frame, *parts).run();
}
