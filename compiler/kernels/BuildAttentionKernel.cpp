// Attention: softmax(Q K^T) V with an online softmax, never a matrix of scores.
//
//   parallel (batch, kv head, group, queries by R)
//     for keys by C, where the band shows any:
//       scores = q . k^T; scale, softcap, bias, key mask, band    (base 2)
//       weights, alpha = softmax step; out = out * alpha + weights . v
//     out / sum; log-sum-exp
//
// Narrow operands are multiplied as they are; scores, softmax and sums are f32,
// the weights are narrowed for the second dot and the result for the store.
//
// Form and meaning of the ops: dialects/tile/test/attention.mlir.
#include "compiler/kernels/Builders.h"

#include "compiler/kernels/ScalarBuilder.h"
#include "compiler/kernels/Schedule.h"
#include <numbers>

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;
using Kind = nn::ElementwiseKind;

namespace {

// Axes of the iteration space; head = kv head * groups + group.
enum Axis : unsigned { kBatch, kKvHead, kGroup, kQuery, kKey, kAxes };

class AttentionBuilder {
public:
  explicit AttentionBuilder(KernelBuilder &kernel) : kernel(kernel) {}

  LogicalResult run();

private:
  LogicalResult analyze();
  Value addTensor(Value operand);
  void addOperands();
  void addBand();
  void addGrid();
  void addItem();
  Value scores(Value q, Value keys);
  Value addScale(Value dot);
  Value addBias(Value scores);
  Value addKeyMask(Value scores);
  SmallVector<Value> addTrip(Value q, Value keys, ValueRange carried);
  Value load(Value memref, ArrayRef<Value> positions) {
    return tile::LoadOp::create(kernel.builder, kernel.loc(), memref,
                                positions);
  }
  ScalarBuilder scalars(ArrayRef<Value> spans) {
    return ScalarBuilder(kernel.builder, kernel.loc(), spans);
  }
  // Elementwise kinds on floats are total, so they cannot fail.
  Value apply(ScalarBuilder &on, Kind kind, ValueRange inputs) {
    return *on.build(kind, inputs, element);
  }
  Value cast(ArrayRef<Value> spans, Value block, Type to) {
    return *scalars(spans).build(Kind::Cast, block, to);
  }
  void store(ArrayRef<Value> spans, Value block, Value memref,
             ArrayRef<Value> positions) {
    Type to = mlir::cast<MemRefType>(memref.getType()).getElementType();
    tile::StoreOp::create(kernel.builder, kernel.loc(), cast(spans, block, to),
                          memref, positions);
  }

  KernelBuilder &kernel;
  nn::AttentionOp op;
  Type stored, element; // of the operands, and of what is computed
  DimAttr batch, queries, keys;
  int64_t heads, kvHeads, headSize, valueSize;
  AttentionBlocks blocks;
  Value q, k, v, out, lse; // memrefs [batch, head, position, feature]
  std::optional<Operand> bias, keyMask;
  Value lower, upper; // of the band; null: unlimited
  // Of a work item.
  Value b, kvHead, head, rows, features, values;
  SmallVector<Value> positions; // by Axis, for bias and mask
};

} // namespace

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

LogicalResult AttentionBuilder::analyze() {
  ArrayRef<Operation *> ops = kernel.views.ops();
  op = ops.size() == 1 ? dyn_cast<nn::AttentionOp>(ops.front()) : nullptr;
  if (!op)
    return kernel.group.emitError("expected an attention and nothing else");
  for (Value operand : op->getOperands())
    if (!kernel.views.find(operand))
      return op.emitError("expected operands that are read from memory");
  Dims query = nn::getDims(op.getQuery()), value = nn::getDims(op.getValue());
  batch = query[0];
  queries = query[2];
  keys = value[2];
  heads = *query[1].getConstant();
  headSize = *query[3].getConstant();
  kvHeads = *value[1].getConstant();
  valueSize = *value[3].getConstant();
  stored = getElementTypeOrSelf(op.getQuery().getType());
  element = computedIn(stored);
  blocks = chooseAttentionBlocks(
      kernel.machine, {queries, keys, headSize, valueSize, isHalf(stored),
                       op.getCausal() != nn::CausalKind::None,
                       bool(op.getBias()), bool(op.getKeyMask())});
  return success();
}

// [batch, head, position, feature], every dim kept.
Value AttentionBuilder::addTensor(Value operand) {
  const Leaf &leaf = *kernel.views.find(operand);
  return kernel.addInputMemref(kernel.group.getInputs()[leaf.operand], stored,
                               leaf.view.dims, leaf.view.offset,
                               leaf.view.strides);
}

// The heads' axis of a broadcast operand as kv heads and groups.
static Dims splitHeads(const View &view, int64_t groups, bool hasHeads) {
  if (!hasHeads) // key mask [batch, keys]
    return {view.strides[0], view.strides[0] * 0, view.strides[0] * 0,
            view.strides[0] * 0, view.strides[1]};
  return {view.strides[0], view.strides[1] * groups, view.strides[1],
          view.strides[2], view.strides[3]};
}

void AttentionBuilder::addOperands() {
  q = addTensor(op.getQuery());
  k = addTensor(op.getKey());
  v = addTensor(op.getValue());
  int64_t groups = heads / kvHeads;
  Dims extents{batch, kernel.constant(kvHeads), kernel.constant(groups),
               queries, keys};
  if (Value value = op.getBias()) {
    Dims full{batch, kernel.constant(heads), queries, keys};
    const Leaf &leaf = *kernel.views.find(value);
    View view = broadcastView(leaf.view, full);
    bias = kernel.addInput(leaf, extents,
                           splitHeads(view, groups, /*hasHeads=*/true));
  }
  if (Value value = op.getKeyMask()) {
    const Leaf &leaf = *kernel.views.find(value);
    keyMask =
        kernel.addInput(leaf, extents, splitHeads(leaf.view, groups, false));
  }
  for (const Sink &sink : kernel.views.sinks()) {
    SmallVector<unsigned> all(sink.view.rank());
    std::iota(all.begin(), all.end(), 0);
    Operand result =
        kernel.addResult(sink, sink.view.dims, sink.view.strides, all);
    (sink.value == op.getResult() ? out : lse) = result.memref;
  }
}

// j is visible to i if lower <= j - i <= upper. With the diagonal at j = i +
// offset causal hides j - i > offset, a window of w hides |j - i - offset| >=
// w.
void AttentionBuilder::addBand() {
  bool bottomRight = op.getCausal() == nn::CausalKind::BottomRight;
  DimAttr offset = bottomRight ? keys - queries : kernel.constant(0);
  bool causal = op.getCausal() != nn::CausalKind::None;
  if (causal)
    upper = kernel.extent(offset);
  if (std::optional<uint64_t> window = op.getWindow()) {
    lower = kernel.extent(offset - (int64_t(*window) - 1));
    if (!causal)
      upper = kernel.extent(offset + (int64_t(*window) - 1));
  }
}

//===----------------------------------------------------------------------===//
// The body
//===----------------------------------------------------------------------===//

// A task takes several blocks of queries of one kv head, because its worker
// packs that head's keys and values first.
static constexpr int64_t kBlocksPerTask = 8;

void AttentionBuilder::addGrid() {
  int64_t groups = heads / kvHeads;
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
  head = kvHead;
  if (groups > 1) {
    head = arith::MulIOp::create(kernel.builder, kernel.loc(), kvHead,
                                 kernel.index(groups));
    head =
        arith::AddIOp::create(kernel.builder, kernel.loc(), head, at[kGroup]);
  }
  auto whole = [&](int64_t size) -> Value {
    auto type = tile::SpanType::get(kernel.context(), size);
    return tile::RangeOp::create(kernel.builder, kernel.loc(), type,
                                 kernel.index(0), kernel.index(size));
  };
  features = whole(headSize);
  values = whole(valueSize);
}

// Scores leave in units of log 2, so the factor joins the scale; under a
// softcap scale / cap goes in and cap * log2(e) comes out.
Value AttentionBuilder::addScale(Value dot) {
  ScalarBuilder on = scalars({rows, positions[kKey]});
  double scale = op.getScale().convertToDouble();
  if (!op.getSoftcap())
    return apply(on, Kind::Mul,
                 {dot, on.splat(element, scale * std::numbers::log2e)});
  double cap = op.getSoftcap()->convertToDouble();
  Value inner = apply(on, Kind::Mul, {dot, on.splat(element, scale / cap)});
  Value tanh = apply(on, Kind::Tanh, inner);
  return apply(on, Kind::Mul,
               {tanh, on.splat(element, cap * std::numbers::log2e)});
}

// A finite mask value stays an ordinary, finite score after the factor log2(e);
// -inf hides the key.
static constexpr double kLeastScore = -1e38;

Value AttentionBuilder::addBias(Value scores) {
  ScalarBuilder on = scalars({rows, positions[kKey]});
  Value block = cast({rows, positions[kKey]},
                     kernel.loadBlock(*bias, positions), element);
  Value hidden = on.splat(element, -std::numeric_limits<double>::infinity());
  Value isHidden =
      *on.build(Kind::Equal, {block, hidden}, kernel.builder.getI1Type());
  Value finite = apply(on, Kind::Max, {block, on.splat(element, kLeastScore)});
  Value scaled =
      apply(on, Kind::Mul, {finite, on.splat(element, std::numbers::log2e)});
  Value sum = apply(on, Kind::Add, {scores, scaled});
  return apply(on, Kind::Select, {isHidden, hidden, sum});
}

Value AttentionBuilder::addKeyMask(Value scores) {
  ScalarBuilder on = scalars({rows, positions[kKey]});
  Value keep = kernel.loadBlock(*keyMask, positions);
  Value hidden = on.splat(element, -std::numeric_limits<double>::infinity());
  return apply(on, Kind::Select, {keep, scores, hidden});
}

Value AttentionBuilder::scores(Value queryBlock, Value keySpan) {
  Value keyBlock = load(k, {b, kvHead, keySpan, features});
  Value zero = scalars({rows, keySpan}).splat(element, 0);
  Value dot = tile::DotOp::create(kernel.builder, kernel.loc(), zero.getType(),
                                  queryBlock, keyBlock, zero,
                                  /*trans_lhs=*/false, /*trans_rhs=*/true);
  Value result = addScale(dot);
  if (bias)
    result = addBias(result);
  if (keyMask)
    result = addKeyMask(result);
  return tile::BandOp::create(kernel.builder, kernel.loc(), result.getType(),
                              result, rows, keySpan, lower, upper);
}

// One block of keys: from (max, sum, out) to the next.
SmallVector<Value> AttentionBuilder::addTrip(Value queryBlock, Value keySpan,
                                             ValueRange carried) {
  positions[kKey] = keySpan;
  Value s = scores(queryBlock, keySpan);
  Type stats = carried[0].getType();
  auto step = tile::SoftmaxStepOp::create(
      kernel.builder, kernel.loc(), TypeRange{s.getType(), stats, stats, stats},
      ValueRange{s, carried[0], carried[1]});
  Value weights = cast({rows, keySpan}, step.getWeights(), stored);
  Value valueBlock = load(v, {b, kvHead, keySpan, values});
  ScalarBuilder on = scalars({rows, values});
  Value alpha = kernel.broadcastBlock(step.getAlpha(), {0}, {rows, values});
  Value rescaled = apply(on, Kind::Mul, {carried[2], alpha});
  Value sum =
      tile::DotOp::create(kernel.builder, kernel.loc(), rescaled.getType(),
                          weights, valueBlock, rescaled, /*trans_lhs=*/false,
                          /*trans_rhs=*/false);
  return {step.getNewMax(), step.getNewSum(), sum};
}

void AttentionBuilder::addItem() {
  OpBuilder &builder = kernel.builder;
  Value queryBlock = load(q, {b, head, rows, features});
  ScalarBuilder perRow = scalars({rows});
  Value max = perRow.splat(element, -std::numeric_limits<double>::infinity());
  Value sum = perRow.splat(element, 0);
  Value zero = scalars({rows, values}).splat(element, 0);
  bool banded = lower || upper;
  auto loop = tile::ForOp::create(
      builder, kernel.loc(), kernel.index(0), kernel.extent(keys), blocks.keys,
      ValueRange{max, sum, zero}, banded ? rows : Value(), lower, upper);
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
  ScalarBuilder on = scalars({rows, values});
  Value inverse =
      kernel.broadcastBlock(finish.getInverse(), {0}, {rows, values});
  Value result = apply(on, Kind::Mul, {loop.getResult(2), inverse});
  if (out)
    store({rows, values}, result, out, {b, head, rows, values});
  if (lse)
    store({rows}, finish.getLse(), lse, {b, head, rows});
}

LogicalResult AttentionBuilder::run() {
  if (failed(analyze()))
    return failure();
  addOperands();
  kernel.extent(keys);
  addBand();
  addGrid();
  addItem();
  return success();
}

LogicalResult buildAttentionKernel(KernelBuilder &builder) {
  return AttentionBuilder(builder).run();
}

} // namespace attune::kernels
