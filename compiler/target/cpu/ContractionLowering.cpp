//===- ContractionLowering.cpp - a contraction kernel into loops ----------===//
//
// A work item is a block of rows by a block of columns:
//
//   pack the right operand's columns, unless they are weights or still packed,
//   and the left operand's rows where ContractionOperands.cpp says so
//   for each block of k
//     for each tile of rows                    (its rows of A stay in L1)
//       for each group of panels               (the column block stays in L2)
//         accumulators = start value, or the partial sums so far
//         micro-kernel over the block of k
//         last block: the epilogue on the accumulators, store; else: partial
//         sums
//
// Rows that do not fill a tile take the next shorter one; its superfluous rows
// repeat the last row and are not stored.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/ContractionEmitter.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// The tiles for this kernel's column block: those of the machine, unless their
/// width leaves panels over and another does not.
SmallVector<RegisterTile> ContractionEmitter::tiles() const {
  SmallVector<RegisterTile> tiles(emit.machine.tiles);
  int64_t panels = blockPanels(parts);
  if (tiles.front().panels == 1 || panels % tiles.front().panels == 0)
    return tiles;
  int64_t width = panels % 4 == 0 ? 4 : panels % 2 == 0 ? 2 : 1;
  for (RegisterTile &tile : tiles) {
    tile.panels = width;
    if (width == 4)
      tile.rows = std::min<int64_t>(tile.rows, 6);
  }
  return tiles;
}

void ContractionEmitter::emitRowTiles() {
  SmallVector<RegisterTile> choices = tiles();
  Value count = frame.span(parts.rows).count;
  const RegisterTile &tallest = choices.front();
  Value whole = emit.roundDown(count, tallest.rows);
  emit.forLoop(emit.integer(0), whole, tallest.rows,
               [&](Value row) { emitRowTile(tallest, tallest.rows, row); });
  // What is left: the shortest tile that holds it.
  Value left = emit.sub(count, whole);
  std::function<void(size_t)> choose = [&](size_t index) {
    const RegisterTile &tile = choices[index];
    int64_t shorter = index + 1 < choices.size() ? choices[index + 1].rows : 0;
    if (!shorter)
      return emitRowTile(tile, tile.rows, whole);
    emit.ifElse(
        emit.less(emit.integer(shorter), left), TypeRange(),
        [&] {
          emitRowTile(tile, shorter + 1, whole);
          return Values();
        },
        [&] {
          choose(index + 1);
          return Values();
        });
  };
  emit.ifThen(emit.less(emit.integer(0), left), [&] { choose(0); });
}

/// All panels of the column block for one tile of rows, of which at least
/// `fullRows` are valid.
void ContractionEmitter::emitRowTile(const RegisterTile &tile, int64_t fullRows,
                                     Value row) {
  BlockEvaluator::Scope scope(evaluator);
  Value whole = emit.roundDown(panelCount, tile.panels);
  // Packed activations have zero panels to spare, weights do not.
  bool spare = scratch.panels.has_value();
  emit.forLoop(emit.integer(0), spare ? panelCount : whole, tile.panels,
               [&](Value panel) { emitTile(tile, fullRows, row, panel); });
  if (spare || tile.panels == 1)
    return;
  emit.forLoop(whole, panelCount, 1, [&](Value panel) {
    emitTile({tile.rows, 1}, fullRows, row, panel);
  });
}

void ContractionEmitter::emitTile(const RegisterTile &tile, int64_t fullRows,
                                  Value row, Value panel) {
  BlockEvaluator::Scope scope(evaluator);
  Type f32 = emit.getF32Type();
  Span rows = frame.span(parts.rows), columns = frame.span(parts.columns);
  SmallVector<Coord> rowCoords, columnCoords;
  MicroKernel kernel;
  Value lastRow = emit.sub(rows.count, emit.integer(1));
  for (int64_t i = 0; i < tile.rows; ++i) {
    Value index = emit.add(row, i);
    if (i >= fullRows)
      index = emit.min(index, lastRow);
    rowCoords.push_back({index, false, Value()});
  }
  kernel.rows = leftRows(tile, rowCoords);
  for (int64_t p = 0; p < tile.panels; ++p) {
    Value index = emit.add(panel, p);
    Value column = emit.mul(index, kPanelWidth);
    Value mask = columnsMayEndInside()
                     ? emit.lanesBelow(emit.sub(columns.count, column))
                     : Value();
    columnCoords.push_back({column, true, mask});
    Value offset = emit.add(emit.mul(index, panelStride),
                            emit.mul(depthOffset, kPanelWidth));
    kernel.panels.push_back(emit.at(rhs, offset, f32));
  }
  kernel.rowStep = scratch.groups ? emit.integer(RowGroups::kWidth) : lhsDepth;
  kernel.depth = depth;
  // One row reads B once, from far away: bandwidth is all there is.
  kernel.prefetch = emit.machine.prefetch || tile.rows == 1;
  fetchNext(kernel, tile, row, panel);

  Values sums = startValues(tile, rowCoords, columnCoords, row, panel);
  if (failed(result))
    return;
  sums = emitMicroKernel(emit, kernel, sums);
  if (!isLast)
    return emitEpilogue(tile, fullRows, rowCoords, columnCoords, sums);
  emit.ifElse(
      isLast, TypeRange(),
      [&] {
        emitEpilogue(tile, fullRows, rowCoords, columnCoords, sums);
        return Values();
      },
      [&] {
        for (auto [index, sum] : llvm::enumerate(sums))
          emit.store(sum, partialSum(emit.add(row, index / tile.panels),
                                     emit.add(panel, index % tile.panels)));
        return Values();
      });
}

/// Between blocks of k the sums rest in scratch, not in the result: that may be
/// strided, of several operands, or share its buffer with an operand.
Value ContractionEmitter::partialSum(Value row, Value panel) {
  int64_t width = blockPanels(parts) * kPanelWidth;
  Value offset = emit.add(emit.mul(row, width), emit.mul(panel, kPanelWidth));
  return emit.at(scratch.layout.pointer(frame, *scratch.sums), offset,
                 emit.getF32Type());
}

Emitter::Values ContractionEmitter::startValues(const RegisterTile &tile,
                                                ArrayRef<Coord> rows,
                                                ArrayRef<Coord> columns,
                                                Value row, Value panel) {
  auto fromStart = [&] {
    Values values;
    for (const Coord &r : rows)
      for (const Coord &c : columns) {
        Value value = evaluator.get(parts.loop.getInits().front(), {r, c});
        if (!value)
          result = failure();
        values.push_back(value ? value : emit.zeros());
      }
    return values;
  };
  if (!isFirst)
    return fromStart();
  SmallVector<Type> types(tile.rows * tile.panels,
                          emit.vector(emit.getF32Type()));
  BlockEvaluator::Scope scope(evaluator);
  return emit.ifElse(isFirst, types, fromStart, [&] {
    Values values;
    for (int64_t index = 0; index < tile.rows * tile.panels; ++index)
      values.push_back(
          emit.loadVector(partialSum(emit.add(row, index / tile.panels),
                                     emit.add(panel, index % tile.panels)),
                          emit.getF32Type()));
    return values;
  });
}

//===----------------------------------------------------------------------===//
// Epilogue
//===----------------------------------------------------------------------===//

void ContractionEmitter::emitEpilogue(const RegisterTile &tile,
                                      int64_t fullRows, ArrayRef<Coord> rows,
                                      ArrayRef<Coord> columns,
                                      ValueRange sums) {
  BlockEvaluator::Scope scope(evaluator);
  Value count = frame.span(parts.rows).count;
  for (int64_t p = 0; p < tile.panels; ++p) {
    auto emitColumn = [&](const Coord &column) {
      BlockEvaluator::Scope columnScope(evaluator);
      for (int64_t i = 0; i < tile.rows; ++i) {
        Value sum = sums[i * tile.panels + p];
        if (i < fullRows) {
          emitStores(rows[i], column, sum);
          continue;
        }
        // Beyond the valid rows the index repeats the last one: compare
        // unclamped.
        Value unclamped = emit.add(rows.front().index, i);
        emit.ifThen(emit.less(unclamped, count), [&] {
          BlockEvaluator::Scope rowScope(evaluator);
          emitStores(rows[i], column, sum);
        });
      }
      return Values();
    };
    const Coord &column = columns[p];
    if (!column.mask) {
      emitColumn(column);
      continue;
    }
    // Masked stores are slow on AVX2 machines: only where columns end inside.
    Value left = emit.sub(frame.span(parts.columns).count, column.index);
    emit.ifElse(
        emit.less(left, emit.integer(kPanelWidth)), TypeRange(),
        [&] {
          emit.ifThen(emit.less(emit.integer(0), left),
                      [&] { emitColumn(column); });
          return Values();
        },
        [&] { return emitColumn({column.index, true, Value()}); });
  }
}

void ContractionEmitter::emitStores(const Coord &row, const Coord &column,
                                    Value sum) {
  evaluator.seed(parts.loop.getResult(0), {row, column}, sum);
  for (tile::StoreOp store : parts.stores) {
    // A transposed result lists its spans the other way round.
    SmallVector<Coord> at;
    for (Value span : tile::spansAmong(store.getPositions()))
      at.push_back(span == parts.rows ? row : column);
    if (succeeded(result))
      result = evaluator.store(store, at);
  }
}

//===----------------------------------------------------------------------===//
// Work item
//===----------------------------------------------------------------------===//

void ContractionEmitter::emitDepthBlocks() {
  int64_t step = parts.loop.getStep();
  Value all = emit.sub(depthTo, depthFrom);
  if (!parts.splitsDepth()) {
    depthOffset = emit.integer(0);
    depth = all;
    return emitRowTiles();
  }
  // At least one block, so that an empty sum still gives the start value.
  Value blocks = emit.max(emit.ceilDiv(all, step), emit.integer(1));
  emit.forLoop(emit.integer(0), blocks, 1, [&](Value block) {
    depthOffset = emit.mul(block, step);
    depth = emit.min(emit.sub(all, depthOffset), emit.integer(step));
    isFirst = emit.equal(block, emit.integer(0));
    isLast = emit.equal(emit.add(block, 1), blocks);
    emitRowTiles();
  });
}

/// `carried` is what the item before has left packed.
FailureOr<Emitter::Values> ContractionEmitter::emitItem(Value item,
                                                        ValueRange carried) {
  locateOperands();
  Values packed;
  if (scratch.panels)
    packed.push_back(frame.packIfNew(item, parts.rhs, carried.front(),
                                     [&] { packRight(); }));
  if (scratch.groups)
    packed.push_back(
        frame.packIfNew(item, parts.lhs, carried.back(), [&] { packLeft(); }));
  emitDepthBlocks();
  if (failed(result))
    return failure();
  return packed;
}

LogicalResult ContractionEmitter::run() {
  frame.balance(parts.rows, tiles().front().rows);
  if (failed(scratch.layout.check()) || failed(frame.start()))
    return failure();
  int64_t packs = (scratch.panels ? 1 : 0) + (scratch.groups ? 1 : 0);
  LogicalResult items = frame.forEachItem(
      Values(packs, emit.integer(-1)),
      [&](Value item, ValueRange carried) { return emitItem(item, carried); });
  frame.finish();
  return items;
}

LogicalResult attune::target::cpu::lowerContraction(tile::KernelOp kernel,
                                                    Emitter &emit) {
  FailureOr<Contraction> parts = matchContraction(kernel);
  if (failed(parts))
    return failure();
  KernelFrame frame(kernel, emit);
  return ContractionEmitter(frame, *parts).run();
}
