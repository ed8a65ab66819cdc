//===- AttentionRowPass.cpp - between the two dots of attention -----------===//
//
// Enters: a row of raw scores in scratch. Leaves: in their place the weights
// 2^(s - maximum), the row's new maximum and sum, and alpha, by which the
// result so far is to be scaled. Masks, biases and the band are applied on the
// way to the maximum.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/MathLowering.h"
#include "compiler/target/cpu/AttentionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

/// Stands for -inf where a difference is taken; below every finite score that a
/// kernel makes: finite masks are held above -3e38.
static constexpr double kLeast = -3.0e38;

/// Runs over vectors of columns, `unroll` at a time with as many carried
/// values, then one by one; returns all carried values.
Emitter::Values
AttentionEmitter::sweep(Value from, Value to, int64_t unroll, ValueRange inits,
                        function_ref<Value(Value, Value)> body) {
  Value whole = emit.add(
      from, emit.roundDown(emit.max(emit.sub(to, from), emit.integer(0)),
                           unroll * kLanes));
  auto run = [&](Value begin, Value end, int64_t count, ValueRange start) {
    return emit.forLoop(begin, end, count * kLanes, start,
                        [&](Value column, ValueRange carried) {
                          BlockEvaluator::Scope scope(evaluator);
                          Values next;
                          for (int64_t u = 0; u < count; ++u)
                            next.push_back(
                                body(emit.add(column, u * kLanes), carried[u]));
                          return next;
                        });
  };
  Values carried = run(from, whole, unroll, inits);
  carried[0] = run(whole, to, 1, ValueRange(carried[0])).front();
  return carried;
}

/// The scores at `column` as the softmax is to see them. Where they are more
/// than the scaled dot, or hidden, they are written back so; where gradients
/// read them, they are saved.
Value AttentionEmitter::prepareScores(Value row, Value scoreRow, Value column,
                                      bool hidden) {
  Value pointer = emit.at(scoreRow, column, emit.getF32Type());
  Value score = emit.loadVector(pointer, emit.getF32Type());
  if (parts.scale && !hidden)
    return score;
  if (parts.scale) {
    Value keep = emit.lanesBelow(emit.sub(band.end(row), column));
    if (parts.band.getLower()) {
      Value before = emit.lanesBelow(emit.sub(band.first(row), column));
      Value none =
          arith::ConstantOp::create(emit, emit.getZeroAttr(keep.getType()));
      keep = arith::SelectOp::create(emit, before, none, keep);
    }
    score = arith::SelectOp::create(emit, keep, score, emit.splat(-kInfinity));
  } else {
    Value count = frame.span(parts.loop.getSpan()).count;
    Value mask = hidden ? emit.lanesBelow(emit.sub(count, column)) : Value();
    SmallVector<Coord> at{{row, false, {}}, {column, true, mask}};
    evaluator.ignoreBands = !hidden;
    evaluator.seed(parts.scores.getResult(), at, score);
    score = evaluator.get(parts.step.getScores(), at);
    if (!score) {
      result = failure();
      return emit.zeros();
    }
    for (tile::StoreOp save : parts.saves)
      if (failed(evaluator.store(save, at)))
        result = failure();
  }
  emit.store(score, pointer);
  return score;
}

/// The maximum over what the row may see.
Value AttentionEmitter::emitMaximum(Value row, Value scoreRow, Value begin,
                                    Value end) {
  constexpr int64_t kUnroll = 4;
  // Vectors that the row sees whole lie between the first and the last.
  Value from = begin;
  if (parts.band.getLower())
    from =
        emit.min(emit.max(emit.roundUp(band.first(row), kLanes), begin), end);
  Value to =
      emit.max(emit.min(emit.roundDown(band.end(row), kLanes), end), from);
  auto visit = [&](bool hidden) {
    return [&, hidden](Value column, Value maximum) {
      return emit.maxf(prepareScores(row, scoreRow, column, hidden), maximum);
    };
  };
  auto visitHidden = [&](Value first, Value last, Value maximum) {
    return sweep(first, last, 1, maximum, visit(/*hidden=*/true)).front();
  };
  Values maxima(kUnroll, emit.splat(-kInfinity));
  if (parts.band.getLower())
    maxima[0] = visitHidden(begin, from, maxima[0]);
  maxima = sweep(from, to, kUnroll, maxima, visit(/*hidden=*/false));
  maxima[0] = visitHidden(to, end, maxima[0]);
  return emit.maxLanes(emit.maxf(emit.maxf(maxima[0], maxima[1]),
                                 emit.maxf(maxima[2], maxima[3])));
}

/// 2^x for x <= 0.
Value AttentionEmitter::emitExp2(Value x) {
  if (parts.step.getExact())
    return math::Exp2Op::create(emit, x, arith::FastMathFlags::afn);
  return common::emitSoftmaxExp2(emit, x);
}

/// What the second dot takes of a weight: all of it, or what dropout leaves.
Value AttentionEmitter::keepWeight(Value row, Value column, Value weight) {
  if (!parts.isDropped)
    return weight;
  SmallVector<Coord> at{{row, false, {}}, {column, true, {}}};
  evaluator.seed(parts.step.getWeights(), at, weight);
  Value kept = evaluator.get(parts.values.getLhs(), at);
  if (!kept)
    result = failure();
  return kept ? kept : weight;
}

/// Scores become weights 2^(s - guarded), in place; returns their sums per
/// lane, before dropout.
Value AttentionEmitter::emitWeights(Value row, Value scoreRow, Value begin,
                                    Value end, Value guarded) {
  Type f32 = emit.getF32Type();
  constexpr int64_t kUnroll = 4;
  Value offset = emit.splat(arith::NegFOp::create(emit, guarded).getResult());
  Values zeros(kUnroll, emit.zeros());
  Values partial =
      sweep(begin, end, kUnroll, zeros, [&](Value column, Value carried) {
        Value pointer = emit.at(scoreRow, column, f32);
        Value score = emit.loadVector(pointer, f32);
        Value exponent = parts.scale && *parts.scale != 1.0
                             ? emit.fma(score, emit.splat(*parts.scale), offset)
                             : emit.addf(score, offset);
        Value weight = emitExp2(exponent);
        emit.store(keepWeight(row, column, weight), pointer);
        return emit.addf(carried, weight);
      });
  return emit.addf(emit.addf(partial[0], partial[1]),
                   emit.addf(partial[2], partial[3]));
}

void AttentionEmitter::emitRowPass(Value tileRow, Value index, Value begin,
                                   Value end) {
  Type f32 = emit.getF32Type();
  Value row = emit.add(tileRow, index);
  Value scoreRow = emit.at(scores, emit.mul(index, scoreStride), f32);
  Value block = emitMaximum(row, scoreRow, begin, end);
  if (parts.scale && *parts.scale != 1.0)
    block = emit.mulf(block, emit.real(*parts.scale));
  Value maxPointer = emit.at(maxima, row, f32);
  Value before = emit.load(maxPointer, f32);
  Value maximum = emit.maxf(block, before);
  emit.store(maximum, maxPointer);
  // A row that has seen nothing yet has -inf; the difference must not be NaN.
  Value guarded = emit.maxf(maximum, emit.real(kLeast));
  Value drop = arith::SubFOp::create(emit, before, guarded);
  Value factor = emitExp2(emit.splat(drop));
  emit.store(
      vector::ExtractOp::create(emit, factor, ArrayRef<int64_t>{0}).getResult(),
      emit.at(alpha, index, f32));
  Value sum = emitWeights(row, scoreRow, begin, end, guarded);
  Value sumPointer = emit.at(sums, emit.mul(row, kLanes), f32);
  emit.store(emit.fma(emit.loadVector(sumPointer, f32), factor, sum),
             sumPointer);
}
