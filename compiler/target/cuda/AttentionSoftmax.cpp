//===- AttentionSoftmax.cpp - between and after the dots of attention -----===//
//
// Everything happens on the fragments that the dots leave in registers. A row
// is spread over the four lanes of a group, which alone exchange maxima in the
// loop; sums are combined once, at the end.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/SweepPlan.h"
#include "compiler/target/cuda/AttentionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numbers>

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;
using target::common::BlockEvaluator;

static constexpr int64_t kGroup = 4; ///< lanes that share a row
static constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Whether some score of the block of keys from `key` on is hidden from some
/// row: an i1.
Value AttentionEmitter::hidesSome(Value key) {
  Span rows = frame.span(parts.rows);
  Value last = emit.add(key, shape.keys - 1);
  Value hides = emit.less(
      emit.sub(frame.scalar(parts.loop.getTo()), emit.integer(1)), last);
  auto also = [&](Value condition) {
    hides = arith::OrIOp::create(emit, hides, condition);
  };
  if (parts.band.getUpper())
    also(emit.less(emit.add(rows.start, frame.scalar(parts.band.getUpper())),
                   last));
  if (parts.band.getLower()) {
    Value lastRow = emit.add(rows.start, rows.count);
    also(emit.less(key, emit.add(emit.sub(lastRow, emit.integer(1)),
                                 frame.scalar(parts.band.getLower()))));
  }
  return hides;
}

/// What the softmax takes, from the dots. Where the scores are the dot times a
/// constant, that is left to the exponent.
AttentionEmitter::Scores AttentionEmitter::evaluateScores(const Scores &dots,
                                                          bool masked) {
  if (parts.scale && !masked)
    return dots;
  Value from = parts.scale ? parts.band.getScores() : parts.scores.getResult();
  Value to = parts.scale ? parts.band.getResult() : parts.step.getScores();
  Scores scores = dots;
  evaluator.ignoreBands = !masked;
  BlockEvaluator::Scope scope(evaluator);
  // What is loaded beside the scores must not be read beyond its end.
  SmallVector<Coord> columns = keyAt;
  Value count = frame.span(parts.loop.getSpan()).count;
  if (masked && !parts.scale)
    for (Coord &column : columns)
      column.mask = emit.lanesBelow(emit.sub(count, column.index));
  for (int64_t tile = 0; tile < shape.tiles; ++tile)
    for (int64_t half = 0; half < 2; ++half) {
      const Coord &row = validRowAt[tile][half];
      for (int64_t eight = 0; eight < shape.keys / 8; ++eight) {
        Values &sums = scores[tile][eight];
        const Coord &column = columns[eight];
        evaluator.seed(from, {row, column},
                       vector::FromElementsOp::create(
                           emit, emit.vector(emit.getF32Type()),
                           ValueRange(ArrayRef(sums).slice(2 * half, 2))));
        Value pair = evaluator.get(to, {row, column});
        if (!pair) {
          result = failure();
          return scores;
        }
        for (int64_t i = 0; i < 2; ++i)
          sums[2 * half + i] = vector::ExtractOp::create(emit, pair, i);
      }
    }
  evaluator.ignoreBands = false;
  return scores;
}

/// With masks only if the block of keys from `key` on needs them.
AttentionEmitter::Scores AttentionEmitter::maskWhereNeeded(Value key,
                                                           const Scores &dots) {
  auto flat = [&](bool masked) {
    Values all;
    for (const auto &tile : evaluateScores(dots, masked))
      for (const Values &sums : tile)
        all.append(sums);
    return all;
  };
  SmallVector<Type> types(shape.tiles * (shape.keys / 8) * 4,
                          emit.getF32Type());
  Values values = emit.ifElse(
      hidesSome(key), types, [&] { return flat(true); },
      [&] { return flat(false); });
  Scores scores = dots;
  auto next = values.begin();
  for (auto &tile : scores)
    for (Values &sums : tile)
      for (Value &sum : sums)
        sum = *next++;
  return scores;
}

/// Scores become weights; maxima, sums and results move to the new maximum.
void AttentionEmitter::softmaxStep(State &state, Scores &scores) {
  Values alphas;
  Value moved;
  auto greater = [&](Value a, Value b) -> Value {
    return arith::MaxNumFOp::create(emit, a, b);
  };
  for (int64_t tile = 0; tile < shape.tiles; ++tile) {
    Rows &rows = state[tile];
    for (int64_t half = 0; half < 2; ++half) {
      Value max = rows.max[half];
      for (Values &sums : scores[tile])
        for (int64_t i = 0; i < 2; ++i)
          max = greater(max, sums[2 * half + i]);
      max = emit.combineLanes(max, kGroup, greater);
      // A row that has seen nothing: -inf - -inf would be NaN.
      Value none = arith::CmpFOp::create(emit, arith::CmpFPredicate::OEQ, max,
                                         emit.real(-kInfinity));
      Value base = arith::SelectOp::create(emit, none, emit.real(0), max);
      Value factor = emit.real(parts.scale.value_or(1));
      Value minusBase = emit.mulf(arith::NegFOp::create(emit, base), factor);
      auto power = [&](Value score) {
        return emit.exp2Approx(parts.scale ? emit.fma(score, factor, minusBase)
                                           : emit.addf(score, minusBase));
      };
      Value alpha = power(rows.max[half]);
      Value higher = arith::CmpFOp::create(emit, arith::CmpFPredicate::OLT,
                                           rows.max[half], max);
      moved = moved ? arith::OrIOp::create(emit, moved, higher).getResult()
                    : higher;
      alphas.push_back(alpha);
      Value sum = emit.mulf(rows.sum[half], alpha);
      for (Values &sums : scores[tile])
        for (int64_t i = 0; i < 2; ++i) {
          Value &score = sums[2 * half + i];
          score = power(score);
          sum = emit.addf(sum, score);
        }
      rows.max[half] = max;
      rows.sum[half] = sum;
    }
  }
  rescale(state, alphas, emit.anyLane(moved));
}

/// Results times alpha, which is exactly 1 where no maximum has moved: after a
/// few blocks of keys that is most often so, and a warp goes past it.
void AttentionEmitter::rescale(State &state, ValueRange alphas, Value moved) {
  Values results;
  for (Rows &rows : state)
    for (Values &out : rows.out)
      results.append(out);
  auto scaled = [&] {
    Values products;
    for (auto [number, result] : llvm::enumerate(results)) {
      size_t tile = number / (4 * state.front().out.size());
      products.push_back(emit.mulf(result, alphas[2 * tile + number % 4 / 2]));
    }
    return products;
  };
  SmallVector<Type> types(results.size(), emit.getF32Type());
  Values products = emit.ifElse(moved, types, scaled, [&] { return results; });
  auto next = products.begin();
  for (Rows &rows : state)
    for (Values &out : rows.out)
      for (Value &sum : out)
        sum = *next++;
}

//===----------------------------------------------------------------------===//
// After the loop
//===----------------------------------------------------------------------===//

/// Whether pairs of neighbouring columns lie at multiples of their size in all
/// operands that the stores of the result reach: an i1.
Value AttentionEmitter::pairsAreAligned() {
  Value aligned = arith::ConstantOp::create(emit, emit.getBoolAttr(true));
  auto also = [&](Value condition) {
    aligned = arith::AndIOp::create(emit, aligned, condition);
  };
  auto isEven = [&](Value number, int64_t of) {
    return emit.equal(emit.rem(number, emit.integer(of)), emit.integer(0));
  };
  auto look = [&](Value memref, ValueRange positions) {
    if (!llvm::is_contained(positions, parts.valueColumns))
      return;
    const Operand &operand = frame.operand(memref);
    Type type = operand.type.getElementType();
    int64_t bytes = std::max<int64_t>(1, type.getIntOrFloatBitWidth() / 8);
    also(isEven(
        LLVM::PtrToIntOp::create(emit, emit.getI64Type(), operand.pointer),
        2 * bytes));
    for (auto [position, stride] : llvm::zip(positions, operand.strides))
      if (position != parts.valueColumns)
        also(isEven(stride, 2));
  };
  for (tile::StoreOp store : parts.stores) {
    look(store.getDest(), store.getPositions());
    for (Value block : target::common::partsOf(store.getBlock()))
      if (auto load = block.getDefiningOp<tile::LoadOp>())
        look(load.getSource(), load.getPositions());
  }
  return aligned;
}

void AttentionEmitter::finish(State state) {
  // All lanes take part in the exchange, also those of idle rows.
  for (Rows &rows : state)
    for (Value &sum : rows.sum)
      sum = emit.combineLanes(
          sum, kGroup, [&](Value a, Value b) { return emit.addf(a, b); });
  auto storeRows = [&] {
    for (int64_t tile = 0; tile < shape.tiles; ++tile)
      for (int64_t half = 0; half < 2; ++half)
        emit.ifThen(
            emit.less(rowAt[tile][half].index, frame.span(parts.rows).count),
            [&] { storeRow(state[tile], tile, half); });
    return Values();
  };
  emit.ifElse(
      pairsAreAligned(), TypeRange(),
      [&] {
        emit.alignedVectors = true;
        storeRows();
        emit.alignedVectors = false;
        return Values();
      },
      storeRows);
}

void AttentionEmitter::storeRow(const Rows &rows, int64_t tile, int64_t half) {
  BlockEvaluator::Scope scope(evaluator);
  const Coord &row = rowAt[tile][half];
  Value sum = rows.sum[half];
  Value max = emit.mulf(rows.max[half], emit.real(parts.scale.value_or(1)));
  evaluator.seed(parts.loop.getResult(parts.maxIndex), row, max);
  evaluator.seed(parts.loop.getResult(parts.sumIndex), row, sum);
  if (parts.finish) {
    Value empty = arith::CmpFOp::create(emit, arith::CmpFPredicate::OEQ, sum,
                                        emit.real(0));
    Value inverse = arith::DivFOp::create(emit, emit.real(1), sum);
    inverse = arith::SelectOp::create(emit, empty, emit.real(0), inverse);
    Value lse = emit.addf(max, math::Log2Op::create(emit, sum));
    lse = emit.mulf(lse, emit.real(std::numbers::ln2));
    lse = arith::SelectOp::create(emit, empty, emit.real(kInfinity), lse);
    evaluator.seed(parts.finish.getInverse(), row, inverse);
    evaluator.seed(parts.finish.getLse(), row, lse);
  }
  for (int64_t eight = 0; eight < shape.columns / 8; ++eight)
    evaluator.seed(
        parts.loop.getResult(parts.outIndex), {row, valueAt[eight]},
        vector::FromElementsOp::create(
            emit, emit.vector(emit.getF32Type()),
            ValueRange(ArrayRef(rows.out[eight]).slice(2 * half, 2))));
  auto store = [&](tile::StoreOp op, ArrayRef<Coord> at) {
    if (failed(evaluator.store(op, at)))
      result = failure();
  };
  for (tile::StoreOp op : parts.stores) {
    auto spans = tile::spansAmong(op.getPositions());
    if (spans.size() == 1) {
      // One value for a row: one lane of the group has it.
      emit.ifThen(emit.equal(fragments->sumColumn(), emit.integer(0)), [&] {
        BlockEvaluator::Scope inner(evaluator);
        store(op, row);
      });
      continue;
    }
    for (int64_t eight = 0; eight < shape.columns / 8; ++eight) {
      SmallVector<Coord> at;
      for (Value span : spans)
        at.push_back(span == parts.rows ? row : valueAt[eight]);
      store(op, at);
    }
  }
}
