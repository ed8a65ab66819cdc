// Attention: softmax(Q K^T) V with an online softmax, never a matrix of scores.
//
//   parallel (batch, kv head, group, queries by R)
//     for keys by C, where the band shows any:
//       scores = q . k^T; scale, softcap, bias, key mask, band    (base 2)
//       weights, alpha = softmax step; dropout
//       out = out * alpha + weights . v
//     out / sum; log-sum-exp; with them the scores, where gradients read those
//
// Narrow operands are multiplied as they are; scores, softmax and sums are f32,
// the weights are narrowed for the second dot and the result for the store.
//
// Form and meaning of the ops: dialects/tile/test/attention.mlir.
#include "compiler/kernels/Builders.h"

#include "compiler/kernels/AttentionProblem.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;
using Kind = nn::ElementwiseKind;

namespace {

class AttentionBuilder : AttentionProblem<nn::AttentionOp> {
public:
  using AttentionProblem::AttentionProblem;

  LogicalResult run();

private:
  void addOperands();
  void addGrid();
  void addItem();
  SmallVector<Value> addTrip(Value q, Value keys, ValueRange carried);

  AttentionBlocks blocks;
  Value q, k, v, out, lse, saved; // memrefs [batch, head, position, feature]
  // Of a work item.
  Value b, kvHead, head, rows, features, values;
  SmallVector<Value> positions; // by AttentionAxis, for bias and mask
};

} // namespace

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

void AttentionBuilder::addOperands() {
  q = scores->addTensor(op.getQuery());
  k = scores->addTensor(op.getKey());
  v = scores->addTensor(op.getValue());
  scores->addOperands();
  for (const Sink &sink : kernel.views.sinks())
    (sink.value == op.getResult()   ? out
     : sink.value == op.getScores() ? saved
                                    : lse) = addResult(sink);
}

//===----------------------------------------------------------------------===//
// The body
//===----------------------------------------------------------------------===//

// A task takes several blocks of queries of one kv head, because its worker
// packs that head's keys and values first.
static constexpr int64_t kBlocksPerTask = 8;

void AttentionBuilder::addGrid() {
  int64_t groups = scores->groups();
  tile::ParallelOp grid = kernel.addGrid({{batch},
                                          {kernel.constant(kvHeads)},
                                          {kernel.constant(groups)},
                                          {queries, blocks.queries}});
  DimAttr rowBlocks = queries.ceilDiv(kernel.constant(blocks.queries));
  kernel.setGrain((rowBlocks * groups).min(kernel.constant(kBlocksPerTask)));
  auto at = grid.getPositions();
  b = at[kBatch];
  kvHead = at[kKvHead];
  rows = at[kQuery];
  positions = {b, kvHead, at[kGroup], rows, Value()};
  head = scores->headOf(kvHead, at[kGroup]);
  scores->addRandom();
  features = scores->whole(headSize);
  values = scores->whole(valueSize);
}

// One block of keys: from (max, sum, out) to the next.
SmallVector<Value> AttentionBuilder::addTrip(Value queryBlock, Value keySpan,
                                             ValueRange carried) {
  positions[kKey] = keySpan;
  Value keyBlock = scores->load(k, {b, kvHead, keySpan, features});
  Value none = scores->scalars({rows, keySpan}).splat(element, 0);
  Value dot = tile::DotOp::create(
      kernel.builder, kernel.loc(), none.getType(), queryBlock, keyBlock, none,
      /*trans_lhs=*/false, /*trans_rhs=*/true, op.getTf32());
  Value s = scores->build(dot, positions);
  if (saved)
    scores->store({rows, keySpan}, scores->toSave(s), saved,
                  {b, head, rows, keySpan});
  Type stats = carried[0].getType();
  auto step = tile::SoftmaxStepOp::create(
      kernel.builder, kernel.loc(), TypeRange{s.getType(), stats, stats, stats},
      ValueRange{s, carried[0], carried[1]});
  // In training, also where nobody reads the log-sum-exp: a forward pass that
  // is computed again is to give the same numbers both times.
  step.setExact(bool(op.getLogsumexp()));
  // The sum of a row is that of all weights.
  Value kept = scores->drop(step.getWeights(), b, head, rows, keySpan);
  Value weights = scores->cast({rows, keySpan}, kept, stored);
  Value valueBlock = scores->load(v, {b, kvHead, keySpan, values});
  ScalarBuilder on = scores->scalars({rows, values});
  Value alpha = kernel.broadcastBlock(step.getAlpha(), {0}, {rows, values});
  Value rescaled = scores->apply(on, Kind::Mul, {carried[2], alpha});
  Value sum =
      tile::DotOp::create(kernel.builder, kernel.loc(), rescaled.getType(),
                          weights, valueBlock, rescaled, /*trans_lhs=*/false,
                          /*trans_rhs=*/false, op.getTf32());
  return {step.getNewMax(), step.getNewSum(), sum};
}

void AttentionBuilder::addItem() {
  OpBuilder &builder = kernel.builder;
  Value queryBlock = scores->load(q, {b, head, rows, features});
  ScalarBuilder perRow = scores->scalars({rows});
  Value max = perRow.splat(element, -std::numeric_limits<double>::infinity());
  Value sum = perRow.splat(element, 0);
  Value zero = scores->scalars({rows, values}).splat(element, 0);
  bool banded = scores->lower || scores->upper;
  auto loop = tile::ForOp::create(
      builder, kernel.loc(), kernel.index(0), kernel.extent(keys), blocks.keys,
      ValueRange{max, sum, zero}, banded ? rows : Value(), scores->lower,
      scores->upper);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(loop.getBody());
    SmallVector<Value> next =
        addTrip(queryBlock, loop.getSpan(), ValueRange(loop.getCarried()));
    tile::YieldOp::create(builder, kernel.loc(), next);
  }
  auto finish = tile::SoftmaxFinishOp::create(
      builder, kernel.loc(), TypeRange{max.getType(), max.getType()},
      ValueRange{loop.getResult(0), loop.getResult(1)});
  ScalarBuilder on = scores->scalars({rows, values});
  Value inverse =
      kernel.broadcastBlock(finish.getInverse(), {0}, {rows, values});
  Value result = scores->apply(on, Kind::Mul, {loop.getResult(2), inverse});
  if (out)
    scores->store({rows, values}, result, out, {b, head, rows, values});
  if (lse)
    scores->store({rows}, finish.getLse(), lse, {b, head, rows});
}

LogicalResult AttentionBuilder::run() {
  if (failed(analyze("an attention")))
    return failure();
  blocks = chooseAttentionBlocks(kernel.machine, shape());
  addOperands();
  kernel.extent(keys);
  scores->addBand();
  addGrid();
  addItem();
  return success();
}

LogicalResult buildAttentionKernel(KernelBuilder &builder) {
  return AttentionBuilder(builder).run();
}

} // namespace attune::kernels
