// The gradients of attention, without a matrix of scores: they are computed
// once more, block by block, from the log-sum-exp of the forward pass.
//
//   parallel (batch, kv head)
//     dQ = 0
//     for keys by C                          dK, dV of the block = 0
//       for heads of the group
//         for queries by R, where the band shows any
//           p  = exp(scores - lse)           dP = dO . V^T    dropout of both
//           dS = p (dP - rowsum(dO * O))
//           dV += p^T . dO    dK += dS^T . Q    dQ += dS . K
//       store scale dK, dV
//
// One work item owns all three sums, so nothing is added by two of them: the
// bits do not depend on how the work is divided, and what an item keeps does
// not grow with the length. What is given for the bias is dS itself. Where the
// forward pass saved its scores, they are read, and not computed.
//
// Form and meaning of the ops: dialects/tile/test/attention-backward.mlir.
#include "compiler/kernels/Builders.h"

#include "compiler/kernels/AttentionProblem.h"
#include <numbers>

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;
using Kind = nn::ElementwiseKind;

namespace {

class AttentionBackwardBuilder : AttentionProblem<nn::AttentionBackwardOp> {
public:
  using AttentionProblem::AttentionProblem;

  LogicalResult run();

private:
  void addOperands();
  void addGrid();
  void clearQueryGradient();
  void addKeyBlock(Value keys);
  SmallVector<Value> addGroup(Value group, ValueRange carried);
  SmallVector<Value> addQueryBlock(Value rows, ValueRange carried);
  void addQueryGradient(Value slopes);
  Value scoresOf(Value queryBlock, Value rows);
  Value meanGradient(Value gradientBlock, Value outputBlock);
  /// A loop whose body yields what `body` returns.
  tile::ForOp
  forEach(DimAttr extent, int64_t step, ValueRange inits,
          function_ref<SmallVector<Value>(Value span, ValueRange carried)> body,
          Value seenBy = {});
  Value dot(Value lhs, Value rhs, Value acc, bool transLhs, bool transRhs) {
    return tile::DotOp::create(kernel.builder, kernel.loc(), acc.getType(), lhs,
                               rhs, acc, transLhs, transRhs);
  }
  Value zeros(ArrayRef<Value> spans) {
    return scores->scalars(spans).splat(element, 0);
  }
  Value scaled(ArrayRef<Value> spans, Value block) {
    ScalarBuilder on = scores->scalars(spans);
    double scale = op.getScale().convertToDouble();
    return scores->apply(on, Kind::Mul, {block, on.splat(element, scale)});
  }
  Value groupIndex(Value group) {
    return tile::BoundsOp::create(kernel.builder, kernel.loc(), group)
        .getStart();
  }

  AttentionBlocks blocks;
  // Memrefs [batch, head, position, feature]; results that nobody reads: null.
  Value q, k, v, output, lse, gradient, saved, dq, dk, dv, db;
  // Of a work item, a block of keys, a head, a block of queries.
  Value b, kvHead, features, values, keyBlock, valueBlock, keySpan, group, head,
      querySpan;
};

} // namespace

void AttentionBackwardBuilder::addOperands() {
  q = scores->addTensor(op.getQuery());
  k = scores->addTensor(op.getKey());
  v = scores->addTensor(op.getValue());
  output = scores->addTensor(op.getOutput());
  lse = scores->addTensor(op.getLogsumexp());
  gradient = scores->addTensor(op.getGradient());
  if (op.getScores())
    saved = scores->addTensor(op.getScores());
  scores->addOperands(bool(saved));
  for (const Sink &sink : kernel.views.sinks()) {
    Value &place = sink.value == op.getQueryGradient()   ? dq
                   : sink.value == op.getKeyGradient()   ? dk
                   : sink.value == op.getValueGradient() ? dv
                                                         : db;
    place = addResult(sink);
  }
}

void AttentionBackwardBuilder::addGrid() {
  tile::ParallelOp grid = kernel.addGrid({{batch}, {kernel.constant(kvHeads)}});
  auto at = grid.getPositions();
  b = at[0];
  kvHead = at[1];
  scores->addRandom();
  features = scores->whole(headSize);
  values = scores->whole(valueSize);
}

// Queries at which the band ends are those at which it begins, seen from the
// keys: lower <= j - i <= upper.
tile::ForOp AttentionBackwardBuilder::forEach(
    DimAttr extent, int64_t step, ValueRange inits,
    function_ref<SmallVector<Value>(Value, ValueRange)> body, Value seenBy) {
  OpBuilder &builder = kernel.builder;
  auto negated = [&](DimAttr bound) {
    return bound ? kernel.extent(kernel.constant(0) - bound) : Value();
  };
  Value lower, upper;
  if (seenBy) {
    lower = negated(scores->upperDim);
    upper = negated(scores->lowerDim);
  }
  auto loop = tile::ForOp::create(builder, kernel.loc(), kernel.index(0),
                                  kernel.extent(extent), step, inits, seenBy,
                                  lower, upper);
  OpBuilder::InsertionGuard guard(builder);
  if (inits.empty())
    builder.setInsertionPoint(loop.getBody()->getTerminator());
  else
    builder.setInsertionPointToEnd(loop.getBody());
  SmallVector<Value> next = body(loop.getSpan(), ValueRange(loop.getCarried()));
  if (!inits.empty())
    tile::YieldOp::create(builder, kernel.loc(), next);
  return loop;
}

void AttentionBackwardBuilder::clearQueryGradient() {
  DimAttr groups = kernel.constant(scores->groups());
  forEach(groups, 1, {}, [&](Value groupSpan, ValueRange) {
    Value at = scores->headOf(kvHead, groupIndex(groupSpan));
    forEach(queries, blocks.queries, {}, [&](Value rows, ValueRange) {
      scores->store({rows, features}, zeros({rows, features}), dq,
                    {b, at, rows, features});
      return SmallVector<Value>();
    });
    return SmallVector<Value>();
  });
}

// rowsum(dO * O) is rowsum(P * dP), also under dropout.
Value AttentionBackwardBuilder::meanGradient(Value gradientBlock,
                                             Value outputBlock) {
  SmallVector<Value> spans{querySpan, values};
  ScalarBuilder on = scores->scalars(spans);
  Value product = scores->apply(on, Kind::Mul,
                                {scores->cast(spans, gradientBlock, element),
                                 scores->cast(spans, outputBlock, element)});
  return tile::ReduceOp::create(kernel.builder, kernel.loc(),
                                tile::ReduceKind::sum, product, /*axis=*/1);
}

void AttentionBackwardBuilder::addQueryGradient(Value slopes) {
  Value sum = dot(slopes, keyBlock, zeros({querySpan, features}), false, false);
  Type to = cast<MemRefType>(dq.getType()).getElementType();
  Value block = scores->cast({querySpan, features},
                             scaled({querySpan, features}, sum), to);
  tile::AccumulateOp::create(kernel.builder, kernel.loc(), block, dq,
                             ValueRange{b, head, querySpan, features});
}

// In units of log 2.
Value AttentionBackwardBuilder::scoresOf(Value queryBlock, Value rows) {
  if (saved)
    return scores->rebuild(scores->load(saved, {b, head, rows, keySpan}), rows,
                           keySpan);
  Value products =
      dot(queryBlock, keyBlock, zeros({rows, keySpan}), false, true);
  return scores->build(products, {b, kvHead, group, rows, keySpan});
}

// From the (dK, dV) of a block of keys to those with one more block of queries.
SmallVector<Value> AttentionBackwardBuilder::addQueryBlock(Value rows,
                                                           ValueRange carried) {
  querySpan = rows;
  SmallVector<Value> spans{rows, keySpan};
  Value queryBlock = scores->load(q, {b, head, rows, features});
  Value gradientBlock = scores->load(gradient, {b, head, rows, values});
  Value outputBlock = scores->load(output, {b, head, rows, values});
  Value lseBlock =
      scores->cast({rows}, scores->load(lse, {b, head, rows}), element);
  Value s = scoresOf(queryBlock, rows);
  ScalarBuilder on = scores->scalars(spans), perRow = scores->scalars({rows});
  Value offset =
      scores->apply(perRow, Kind::Mul,
                    {lseBlock, perRow.splat(element, std::numbers::log2e)});
  Value exponent = scores->apply(
      on, Kind::Sub, {s, kernel.broadcastBlock(offset, {0}, spans)});
  // No exponent is positive but by rounding, which `afn` lets a target use.
  Value p = math::Exp2Op::create(kernel.builder, kernel.loc(), exponent,
                                 arith::FastMathFlags::afn);
  auto drop = [&](Value block) {
    return scores->drop(block, b, head, rows, keySpan);
  };
  Value dp = drop(dot(gradientBlock, valueBlock, zeros(spans), false, true));
  Value mean = meanGradient(gradientBlock, outputBlock);
  Value centred = scores->apply(on, Kind::Sub,
                                {dp, kernel.broadcastBlock(mean, {0}, spans)});
  Value slope = scores->apply(on, Kind::Mul, {p, centred});
  if (db)
    scores->store(spans, slope, db, {b, head, rows, keySpan});
  Value inner = scores->cast(spans, scores->differentiate(slope), stored);
  if (dq)
    addQueryGradient(inner);
  SmallVector<Value> next;
  if (dk)
    next.push_back(dot(inner, queryBlock, carried[0], true, false));
  if (dv)
    next.push_back(dot(scores->cast(spans, drop(p), stored), gradientBlock,
                       carried[dk ? 1 : 0], true, false));
  return next;
}

SmallVector<Value> AttentionBackwardBuilder::addGroup(Value groupSpan,
                                                      ValueRange carried) {
  group = groupIndex(groupSpan);
  head = scores->headOf(kvHead, group);
  bool banded = scores->lower || scores->upper;
  // What the band hides has a gradient of zero, which is to be stored.
  tile::ForOp loop = forEach(
      queries, blocks.queries, carried,
      [&](Value rows, ValueRange inner) { return addQueryBlock(rows, inner); },
      banded && !db ? keySpan : Value());
  return SmallVector<Value>(loop.getResults());
}

void AttentionBackwardBuilder::addKeyBlock(Value span) {
  keySpan = span;
  keyBlock = scores->load(k, {b, kvHead, span, features});
  valueBlock = scores->load(v, {b, kvHead, span, values});
  SmallVector<Value> inits;
  if (dk)
    inits.push_back(zeros({span, features}));
  if (dv)
    inits.push_back(zeros({span, values}));
  DimAttr groups = kernel.constant(scores->groups());
  tile::ForOp loop =
      forEach(groups, 1, inits, [&](Value groupSpan, ValueRange carried) {
        return addGroup(groupSpan, carried);
      });
  if (dk)
    scores->store({span, features}, scaled({span, features}, loop.getResult(0)),
                  dk, {b, kvHead, span, features});
  if (dv)
    scores->store({span, values}, loop.getResult(dk ? 1 : 0), dv,
                  {b, kvHead, span, values});
}

LogicalResult AttentionBackwardBuilder::run() {
  if (failed(analyze("the backward op of an attention")))
    return failure();
  blocks = chooseAttentionBackwardBlocks(kernel.machine, shape());
  addOperands();
  Dims whole{batch, nn::getDim(op.getQuery(), 1), queries, keys};
  if (db && nn::getDims(op.getBiasGradient()) != whole)
    return op.emitError("expected a bias that is not broadcast where its "
                        "gradient is asked for");
  kernel.extent(queries);
  kernel.extent(keys);
  scores->addBand();
  addGrid();
  if (dq)
    clearQueryGradient();
  forEach(keys, blocks.keys, {}, [&](Value span, ValueRange) {
    addKeyBlock(span);
    return SmallVector<Value>();
  });
  return success();
}

LogicalResult buildAttentionBackwardKernel(KernelBuilder &builder) {
  return AttentionBackwardBuilder(builder).run();
}

} // namespace attune::kernels
