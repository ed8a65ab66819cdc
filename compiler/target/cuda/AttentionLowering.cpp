//===- AttentionLowering.cpp - attention in the style of Ampere -----------===//
//
// A block of threads does a block of queries of one head; each warp has its own
// rows, so the softmax stays within groups of four lanes:
//
//   queries, first keys -> shared memory
//   for each block of keys that some query may see
//     values -> shared memory            (while the scores are computed)
//     scores = Q K^T
//     next keys -> shared memory         (while the softmax is computed)
//     softmax step on the fragments
//     result = result * alpha + P V      P goes from sums to operand in
//     registers
//   normalise, what follows the loop, store
//
// The form is that of FlashAttention-2 (Dao 2023). Blocks of keys in which
// nothing is hidden take a path without masks.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cuda/AttentionLowering.h"
#include "compiler/target/cuda/AttentionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;
using target::common::Attention;

/// Rows of one product, and the unit of everything else.
static constexpr int64_t kTile = 16;
static constexpr int64_t kMostWarps = 4;

AttentionShape::AttentionShape(const Attention &parts)
    : rows(parts.blockRows()), keys(parts.blockKeys()),
      depth(llvm::alignTo(parts.depth(), kTile)),
      columns(llvm::alignTo(parts.columns(), kTile)) {
  int64_t all = rows / kTile;
  warps = std::min(all, kMostWarps);
  while (all % warps)
    --warps;
  tiles = all / warps;
}

AttentionEmitter::AttentionEmitter(KernelFrame &frame, const Attention &parts,
                                   Type element)
    : frame(frame), emit(frame.emit), parts(parts), evaluator(frame),
      element(element), shape(parts) {}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// Of the keys the loop runs over, those that some row of the block may see.
void AttentionEmitter::boundKeys() {
  tile::ForOp loop = parts.loop;
  firstKey = frame.scalar(loop.getFrom());
  endKey = frame.scalar(loop.getTo());
  if (!loop.getRows())
    return;
  Span rows = frame.span(loop.getRows());
  if (loop.getUpper()) {
    Value last = emit.add(rows.start, emit.sub(rows.count, emit.integer(1)));
    Value end = emit.add(emit.add(last, frame.scalar(loop.getUpper())), 1);
    endKey = emit.min(endKey, end);
  }
  if (loop.getLower()) {
    Value first = emit.add(rows.start, frame.scalar(loop.getLower()));
    Value skipped = emit.max(emit.sub(first, firstKey), emit.integer(0));
    firstKey = emit.add(firstKey, emit.roundDown(skipped, shape.keys));
  }
}

KeyedOperand AttentionEmitter::locate(tile::LoadOp load, Value other,
                                      int64_t otherSize, bool keysAreDepth) {
  Value span = parts.loop.getSpan();
  Value keyStride = frame.strideAlong(load, span),
        otherStride = frame.strideAlong(load, other);
  // The tile's columns run along what is contiguous in memory.
  bool keysAreRows = Emitter::constant(keyStride) != 1;
  Value pointer = frame.pointerTo(load.getSource(), load.getPositions(), span);
  pointer = emit.at(pointer, emit.mul(firstKey, keyStride), element);
  SharedTile tile =
      keysAreRows
          ? SharedTile(emit, frame.shared, element, shape.keys, otherSize)
          : SharedTile(emit, frame.shared, element, otherSize, shape.keys);
  Value count = frame.span(other).count;
  GlobalTile whole{pointer, keysAreRows ? keyStride : otherStride,
                   keysAreRows ? otherStride : keyStride, count, count};
  return {tile,
          keysAreRows == keysAreDepth ? DepthAlong::Rows : DepthAlong::Columns,
          keysAreRows,
          pointer,
          keyStride,
          otherStride,
          count,
          isAligned(emit, whole, element)};
}

/// The block of keys from `key` on, asynchronously.
void AttentionEmitter::fill(const KeyedOperand &operand, Value key,
                            bool plain) {
  Value offset = emit.mul(emit.sub(key, firstKey), operand.keyStride);
  Value pointer = emit.at(operand.pointer, offset, element);
  Value keys = emit.sub(endKey, key);
  GlobalTile from = operand.keysAreRows
                        ? GlobalTile{pointer, operand.keyStride,
                                     operand.otherStride, keys, operand.others}
                        : GlobalTile{pointer, operand.otherStride,
                                     operand.keyStride, operand.others, keys};
  if (plain)
    operand.tile.fillWhole(from, shape.threads());
  else
    operand.tile.fill(from, operand.aligned, shape.threads(),
                      /*inLoop=*/true);
  emit.commitCopies();
}

LogicalResult AttentionEmitter::fillQueries() {
  auto load = parts.scores.getLhs().getDefiningOp<tile::LoadOp>();
  if (!load) {
    fillFromExpression();
    return result;
  }
  Value depthSpan;
  for (Value position : load.getPositions())
    if (tile::isSpan(position) && position != parts.rows)
      depthSpan = position;
  if (!depthSpan || load.getFillAttr())
    return load.emitOpError("expected queries of rows by head size");
  GlobalTile from{
      frame.pointerTo(load.getSource(), load.getPositions(), Value()),
      frame.strideAlong(load, parts.rows), frame.strideAlong(load, depthSpan),
      frame.span(parts.rows).count, frame.span(depthSpan).count};
  queries->fill(from, isAligned(emit, from, element), shape.threads());
  return success();
}

/// Queries that are computed (rotated, scaled): two elements at a time.
void AttentionEmitter::fillFromExpression() {
  int64_t pairs = queries->columns / 2;
  emit.forLoop(
      emit.threadIndex(), emit.integer(shape.rows * pairs), shape.threads(),
      [&](Value number) {
        common::BlockEvaluator::Scope scope(evaluator);
        Value row = emit.div(number, emit.integer(pairs));
        Value column = emit.mul(emit.rem(number, emit.integer(pairs)), 2);
        Value mask =
            emit.lanesBelow(emit.sub(emit.integer(parts.depth()), column));
        Type type = emit.vector(element);
        Value zero = arith::ConstantOp::create(emit, emit.getZeroAttr(type));
        Value value = emit.ifElse(
            emit.less(row, frame.span(parts.rows).count), type,
            [&] {
              common::BlockEvaluator::Scope inner(evaluator);
              Value query =
                  evaluator.get(parts.scores.getLhs(),
                                {{row, false, {}}, {column, true, mask}});
              if (!query) {
                result = failure();
                return Values{zero};
              }
              return Values{
                  arith::SelectOp::create(emit, mask, query, zero).getResult()};
            },
            [&] { return Values{zero}; })[0];
        emit.store(value, queries->elementAt(row, column));
      });
}

//===----------------------------------------------------------------------===//
// The loop over keys
//===----------------------------------------------------------------------===//

void AttentionEmitter::placeFragments() {
  warpRow = emit.mul(emit.warpIndex(), shape.tiles * kTile);
  Value lastRow = emit.sub(frame.span(parts.rows).count, emit.integer(1));
  for (int64_t tile = 0; tile < shape.tiles; ++tile) {
    Value first = emit.add(warpRow, tile * kTile);
    Value rows[] = {emit.add(first, fragments->sumRow(0)),
                    emit.add(first, fragments->sumRow(1))};
    rowAt.push_back({Coord{rows[0], false, {}}, Coord{rows[1], false, {}}});
    // Where addresses of a bias are made of them they are below 2^32 by their
    // form, so that each takes one register.
    auto valid = [&](Value row) -> Value {
      row = emit.min(row, lastRow);
      if (parts.scale)
        return row;
      Value low = arith::TruncIOp::create(emit, emit.getI32Type(), row);
      return arith::ExtUIOp::create(emit, row.getType(), low);
    };
    validRowAt.push_back(
        {Coord{valid(rows[0]), false, {}}, Coord{valid(rows[1]), false, {}}});
  }
  Value column = fragments->sumColumn();
  for (int64_t first = 0; first < shape.keys; first += 8)
    keyAt.push_back({emit.add(column, first), true, {}});
  for (int64_t first = 0; first < shape.columns; first += 8) {
    Coord at{emit.add(column, first), true, {}};
    if (first + 8 > parts.columns())
      at.mask =
          emit.lanesBelow(emit.sub(emit.integer(parts.columns()), at.index));
    valueAt.push_back(at);
  }
}

AttentionEmitter::State AttentionEmitter::stateOf(ValueRange carried) {
  State state(shape.tiles);
  auto next = carried.begin();
  for (Rows &rows : state) {
    for (int64_t half = 0; half < 2; ++half) {
      rows.max[half] = *next++;
      rows.sum[half] = *next++;
    }
    rows.out.resize(shape.columns / 8);
    for (Values &sums : rows.out)
      for (int64_t i = 0; i < 4; ++i)
        sums.push_back(*next++);
  }
  return state;
}

AttentionEmitter::Values AttentionEmitter::carriedOf(const State &state) {
  Values values;
  for (const Rows &rows : state) {
    for (int64_t half = 0; half < 2; ++half) {
      values.push_back(rows.max[half]);
      values.push_back(rows.sum[half]);
    }
    for (const Values &sums : rows.out)
      values.append(sums);
  }
  return values;
}

AttentionEmitter::Scores AttentionEmitter::emitScores() {
  Value zero = emit.real(0);
  Scores sums(shape.tiles,
              SmallVector<Values>(shape.keys / 8, Values(4, zero)));
  for (int64_t k = 0; k < shape.depth; k += fragments->depth()) {
    SmallVector<Values> lhs;
    for (int64_t tile = 0; tile < shape.tiles; ++tile)
      lhs.push_back(fragments->loadLhs(*queries, DepthAlong::Columns,
                                       emit.add(warpRow, tile * kTile),
                                       emit.integer(k)));
    for (int64_t eight = 0; eight < shape.keys / 8; eight += 2) {
      Values rhs = fragments->loadRhs(keys->tile, keys->along,
                                      emit.integer(eight * 8), emit.integer(k));
      for (int64_t tile = 0; tile < shape.tiles; ++tile)
        for (int64_t i = 0; i < 2; ++i) {
          Values &sum = sums[tile][eight + i];
          sum = fragments->multiply(lhs[tile], ArrayRef(rhs).slice(2 * i, 2),
                                    sum);
        }
    }
  }
  return sums;
}

void AttentionEmitter::addValues(State &state, const Scores &weights) {
  int64_t step = fragments->sumsPerLhs();
  for (int64_t eight = 0; eight < shape.keys / 8; eight += step) {
    SmallVector<Values> lhs;
    for (int64_t tile = 0; tile < shape.tiles; ++tile) {
      Values sums;
      for (int64_t i = 0; i < step; ++i)
        sums.append(weights[tile][eight + i]);
      lhs.push_back(fragments->fromSums(sums));
    }
    for (int64_t column = 0; column < shape.columns / 8; column += 2) {
      Values rhs = fragments->loadRhs(values->tile, values->along,
                                      emit.integer(column * 8),
                                      emit.integer(eight * 8), /*paired=*/true);
      for (int64_t tile = 0; tile < shape.tiles; ++tile)
        for (int64_t i = 0; i < 2; ++i) {
          Values &sum = state[tile].out[column + i];
          sum = fragments->multiply(lhs[tile], ArrayRef(rhs).slice(2 * i, 2),
                                    sum);
        }
    }
  }
}

/// Up to here blocks are plain. Where keys are hidden from both sides, or
/// copied element by element, none is.
Value AttentionEmitter::endOfPlainKeys() {
  int64_t each = keys->tile.chunkElements();
  if (parts.band.getLower() || parts.depth() % each || parts.columns() % each)
    return firstKey;
  Value end = frame.scalar(parts.loop.getTo());
  if (parts.band.getUpper())
    end = emit.min(end, emit.add(emit.add(frame.span(parts.rows).start,
                                          frame.scalar(parts.band.getUpper())),
                                 1));
  Value blocks = emit.div(emit.max(emit.sub(end, firstKey), emit.integer(0)),
                          emit.integer(shape.keys));
  // One less, for a block asks for the keys of the next.
  blocks = emit.max(emit.sub(blocks, emit.integer(1)), emit.integer(0));
  Value aligned = arith::AndIOp::create(emit, keys->aligned, values->aligned);
  blocks = arith::SelectOp::create(emit, aligned, blocks, emit.integer(0));
  return emit.add(firstKey, emit.mul(blocks, shape.keys));
}

AttentionEmitter::State AttentionEmitter::emitLoop(State start, Value from,
                                                   Value to, bool plain) {
  auto body = [&](Value key, State state) {
    Value count = emit.min(emit.sub(frame.scalar(parts.loop.getTo()), key),
                           emit.integer(shape.keys));
    frame.bind(parts.loop.getSpan(), Span{key, count});
    if (failed(frame.translateScalars(*parts.loop.getBody()))) {
      result = failure();
      return state;
    }
    fill(*values, key, plain);
    Scores scores = emitScores();
    waitForTiles();
    Value next = emit.add(key, shape.keys);
    if (plain)
      fill(*keys, next, plain);
    else
      emit.ifThen(emit.less(next, to), [&] { fill(*keys, next, plain); });
    scores = plain ? evaluateScores(scores, /*masked=*/false)
                   : maskWhereNeeded(key, scores);
    softmaxStep(state, scores);
    addValues(state, scores);
    waitForTiles();
    return state;
  };
  Values left = emit.forLoop(from, to, shape.keys, carriedOf(start),
                             [&](Value key, ValueRange carried) {
                               common::BlockEvaluator::Scope scope(evaluator);
                               return carriedOf(body(key, stateOf(carried)));
                             });
  return stateOf(left);
}

AttentionEmitter::State AttentionEmitter::startState() {
  Value zero = emit.real(0),
        none = emit.real(-std::numeric_limits<double>::infinity());
  Rows rows{{none, none}, {zero, zero}, {}};
  rows.out.assign(shape.columns / 8, Values(4, zero));
  return State(shape.tiles, rows);
}

void AttentionEmitter::waitForTiles() {
  emit.waitForCopies(0);
  emit.barrier();
}

/// The heaviest blocks of queries of a causal kernel, the last ones, go first.
Value AttentionEmitter::reverseQueries(Value item) {
  Value count = frame.axisBlocks(frame.axisCount() - 1);
  Value before = emit.div(item, count), block = emit.rem(item, count);
  Value opposite = emit.sub(emit.sub(count, emit.integer(1)), block);
  return emit.add(emit.mul(before, count), opposite);
}

LogicalResult AttentionEmitter::run() {
  bool isCausal = parts.loop.getRows() && parts.loop.getUpper();
  auto itemOf = [&](Value block) {
    return isCausal ? reverseQueries(block) : block;
  };
  // With a bias two blocks fit, or three of small heads; to fit another one,
  // ptxas spills. Of f32 it does so where it is told.
  bool isLarge = std::max(shape.depth, shape.columns) > 64;
  int64_t residentBlocks = parts.scale || element.isF32() ? 0
                           : isLarge                      ? 2
                           : isCausal                     ? 3
                                                          : 0;
  if (failed(frame.start(shape.threads(), residentBlocks, itemOf)))
    return failure();
  fragments.emplace(emit, element, parts.scores.getTf32());
  placeFragments();
  boundKeys();
  queries.emplace(emit, frame.shared, element, shape.rows, shape.depth);
  keys.emplace(locate(parts.keyLoad, parts.keyDepth, shape.depth,
                      /*keysAreDepth=*/false));
  values.emplace(locate(parts.valueLoad, parts.valueColumns, shape.columns,
                        /*keysAreDepth=*/true));
  if (failed(fillQueries()))
    return failure();
  fill(*keys, firstKey, /*plain=*/false);
  waitForTiles();
  Value plainEnd = endOfPlainKeys();
  State state = emitLoop(startState(), firstKey, plainEnd, /*plain=*/true);
  finish(emitLoop(state, plainEnd, endKey, /*plain=*/false));
  frame.finish();
  return result;
}

/// The one type of all operands of the dots, if there is code for it.
static FailureOr<Type> elementOf(const Attention &parts) {
  Type element = getElementTypeOrSelf(parts.keyLoad.getType());
  for (tile::DotOp dot : {parts.scores, parts.values})
    for (Value operand : {dot.getLhs(), dot.getRhs()})
      if (getElementTypeOrSelf(operand.getType()) != element)
        return dot.emitOpError("expected operands of one type, found ")
               << operand.getType() << " beside " << element;
  if (!element.isF16() && !element.isBF16() && !element.isF32())
    return parts.keyLoad.emitOpError(
               "expected f16, bf16 or f32: no attention for CUDA on ")
           << element;
  return element;
}

/// The parts of a kernel that there is code for.
static FailureOr<Attention> matchAttention(tile::KernelOp kernel) {
  FailureOr<Attention> parts = Attention::match(kernel);
  if (failed(parts) || failed(elementOf(*parts)))
    return failure();
  if (parts->scores.getTf32() != parts->values.getTf32())
    return parts->values.emitOpError("expected two dots of tf32 or none");
  if (parts->blockRows() % kTile || parts->blockKeys() % kTile)
    return parts->loop.emitOpError("expected blocks in multiples of ") << kTile;
  if (parts->isDropped)
    return parts->loop.emitOpError("dropout is not supported on CUDA");
  if (!parts->saves.empty())
    return parts->saves.front().emitOpError(
        "saved scores are not supported on CUDA");
  return parts;
}

LogicalResult attune::target::cuda::checkAttention(tile::KernelOp kernel) {
  return failure(failed(matchAttention(kernel)));
}

LogicalResult attune::target::cuda::lowerAttention(tile::KernelOp kernel,
                                                   OpBuilder &builder,
                                                   const Machine &machine) {
  FailureOr<Attention> parts = matchAttention(kernel);
  if (failed(parts))
    return failure();
  // Lanes: the two neighbours in a C fragment.
  Emitter emit(kernel.getLoc(), builder, machine, /*lanes=*/2);
  KernelFrame frame(kernel, emit);
  if (failed(AttentionEmitter(frame, *parts, *elementOf(*parts)).run()))
    return failure();
  if (frame.shared.bytes() > kPortableSharedBytes)
    return kernel.emitOpError("needs ")
           << frame.shared.bytes() << " bytes of shared memory, a block has "
           << kPortableSharedBytes;
  return success();
}
