// The operands, the band and the fragment between the products of attention.
#include "compiler/kernels/AttentionScores.h"

#include <numbers>

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;
using Kind = nn::ElementwiseKind;

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

Value AttentionScores::addTensor(Value operand) {
  const Leaf &leaf = *kernel.views.find(operand);
  return kernel.addInputMemref(
      kernel.group.getInputs()[leaf.operand],
      mlir::cast<RankedTensorType>(operand.getType()).getElementType(),
      leaf.view.dims, leaf.view.offset, leaf.view.strides);
}

int64_t AttentionScores::groups() const {
  return *nn::getDim(query, 1).getConstant() /
         *nn::getDim(key, 1).getConstant();
}

// The heads' axis of a broadcast operand as kv heads and groups.
static Dims splitHeads(const View &view, int64_t groups, bool hasHeads) {
  if (!hasHeads) // key mask [batch, keys]
    return {view.strides[0], view.strides[0] * 0, view.strides[0] * 0,
            view.strides[0] * 0, view.strides[1]};
  return {view.strides[0], view.strides[1] * groups, view.strides[1],
          view.strides[2], view.strides[3]};
}

void AttentionScores::addOperands(bool saved) {
  Dims q = nn::getDims(query), k = nn::getDims(key);
  Dims extents{q[0], k[1], kernel.constant(groups()), q[2], k[2]};
  if (biasValue && !saved) {
    const Leaf &leaf = *kernel.views.find(biasValue);
    View view = broadcastView(leaf.view, {q[0], q[1], q[2], k[2]});
    bias = kernel.addInput(leaf, extents,
                           splitHeads(view, groups(), /*hasHeads=*/true));
  }
  if (maskValue && !saved) {
    const Leaf &leaf = *kernel.views.find(maskValue);
    keyMask =
        kernel.addInput(leaf, extents, splitHeads(leaf.view, groups(), false));
  }
  if (rate > 0)
    for (Value word : random)
      words.push_back(kernel.addInput(*kernel.views.find(word), {}, {}).memref);
}

// j is visible to i if lower <= j - i <= upper. With the diagonal at j = i +
// offset causal hides j - i > offset, a window of w hides |j - i - offset| >=
// w.
void AttentionScores::addBand() {
  DimAttr queries = nn::getDim(query, 2), keys = nn::getDim(key, 2);
  bool bottomRight = causal == nn::CausalKind::BottomRight;
  DimAttr offset = bottomRight ? keys - queries : kernel.constant(0);
  bool isCausal = causal != nn::CausalKind::None;
  if (isCausal)
    upperDim = offset;
  if (window) {
    lowerDim = offset - (int64_t(*window) - 1);
    if (!isCausal)
      upperDim = offset + (int64_t(*window) - 1);
  }
  if (upperDim)
    upper = kernel.extent(upperDim);
  if (lowerDim)
    lower = kernel.extent(lowerDim);
}

void AttentionScores::store(ArrayRef<Value> spans, Value block, Value memref,
                            ArrayRef<Value> positions) {
  Type to = mlir::cast<MemRefType>(memref.getType()).getElementType();
  tile::StoreOp::create(kernel.builder, kernel.loc(), cast(spans, block, to),
                        memref, positions);
}

Value AttentionScores::whole(int64_t size) {
  auto type = tile::SpanType::get(kernel.context(), size);
  return tile::RangeOp::create(kernel.builder, kernel.loc(), type,
                               kernel.index(0), kernel.index(size));
}

Value AttentionScores::headOf(Value kvHead, Value group) {
  if (groups() == 1)
    return kvHead;
  Value first = arith::MulIOp::create(kernel.builder, kernel.loc(), kvHead,
                                      kernel.index(groups()));
  return arith::AddIOp::create(kernel.builder, kernel.loc(), first, group);
}

//===----------------------------------------------------------------------===//
// The fragment
//===----------------------------------------------------------------------===//

// Scores leave in units of log 2, so the factor joins the scale; under a
// softcap scale / cap goes in and cap * log2(e) comes out.
Value AttentionScores::addScale(Value dot) {
  ScalarBuilder on = scalars(spans);
  if (!cap)
    return apply(on, Kind::Mul,
                 {dot, on.splat(element, scale * std::numbers::log2e)});
  Value inner = apply(on, Kind::Mul, {dot, on.splat(element, scale / cap)});
  capped = apply(on, Kind::Tanh, inner);
  return apply(on, Kind::Mul,
               {capped, on.splat(element, cap * std::numbers::log2e)});
}

// A finite mask value stays an ordinary, finite score after the factor log2(e);
// -inf hides the key.
static constexpr double kLeastScore = -1e38;

Value AttentionScores::addBias(Value scores, ArrayRef<Value> positions) {
  ScalarBuilder on = scalars(spans);
  Value block = cast(spans, kernel.loadBlock(*bias, positions), element);
  Value hidden = on.splat(element, -std::numeric_limits<double>::infinity());
  Value isHidden =
      *on.build(Kind::Equal, {block, hidden}, kernel.builder.getI1Type());
  Value finite = apply(on, Kind::Max, {block, on.splat(element, kLeastScore)});
  Value scaled =
      apply(on, Kind::Mul, {finite, on.splat(element, std::numbers::log2e)});
  Value sum = apply(on, Kind::Add, {scores, scaled});
  return apply(on, Kind::Select, {isHidden, hidden, sum});
}

Value AttentionScores::addKeyMask(Value scores, ArrayRef<Value> positions) {
  ScalarBuilder on = scalars(spans);
  Value keep = kernel.loadBlock(*keyMask, positions);
  Value hidden = on.splat(element, -std::numeric_limits<double>::infinity());
  return apply(on, Kind::Select, {keep, scores, hidden});
}

Value AttentionScores::build(Value dot, ArrayRef<Value> positions) {
  spans = {positions[kQuery], positions[kKey]};
  Value result = addScale(dot);
  if (bias)
    result = addBias(result, positions);
  if (keyMask)
    result = addKeyMask(result, positions);
  return addBand(result);
}

Value AttentionScores::addBand(Value scores) {
  return tile::BandOp::create(kernel.builder, kernel.loc(), scores.getType(),
                              scores, spans[0], spans[1], lower, upper);
}

Value AttentionScores::rebuild(Value saved, Value rows, Value keys) {
  spans = {rows, keys};
  ScalarBuilder on = scalars(spans);
  Value block = cast(spans, saved, element);
  return addBand(
      apply(on, Kind::Mul, {block, on.splat(element, std::numbers::log2e)}));
}

Value AttentionScores::toSave(Value block) {
  ScalarBuilder on = scalars(spans);
  return apply(on, Kind::Mul, {block, on.splat(element, std::numbers::ln2)});
}

//===----------------------------------------------------------------------===//
// Dropout
//===----------------------------------------------------------------------===//

// Those of nn.random of shape [B, H, S, T], whose first sample is `first`.
void AttentionScores::addRandom() {
  if (words.empty())
    return;
  OpBuilder &b = kernel.builder;
  SmallVector<Value, 3> values;
  for (Value word : words)
    values.push_back(
        memref::LoadOp::create(b, kernel.loc(), word, ValueRange()));
  DimAttr sample =
      nn::getDim(query, 1) * nn::getDim(query, 2) * nn::getDim(key, 2);
  Value size = arith::IndexCastOp::create(b, kernel.loc(), b.getI64Type(),
                                          kernel.extent(sample));
  seed = values[0];
  step = values[1];
  first = arith::MulIOp::create(b, kernel.loc(), values[2], size);
}

Value AttentionScores::drop(Value block, Value batch, Value head, Value rows,
                            Value keys) {
  if (words.empty())
    return block;
  ScalarBuilder on = scalars({rows, keys});
  if (!kept) {
    DimAttr row = nn::getDim(key, 2), matrix = nn::getDim(query, 2) * row,
            sample = nn::getDim(query, 1) * matrix;
    Value drawn = tile::RandomOp::create(
        kernel.builder, kernel.loc(), kernel.argument(id), seed, step, first,
        ValueRange{batch, head, rows, keys},
        ValueRange{kernel.extent(sample), kernel.extent(matrix),
                   kernel.extent(row), kernel.index(1)});
    Value isDropped = *on.build(Kind::Less, {drawn, on.splat(element, rate)},
                                kernel.builder.getI1Type());
    kept = apply(
        on, Kind::Select,
        {isDropped, on.splat(element, 0), on.splat(element, 1 / (1 - rate))});
  }
  return apply(on, Kind::Mul, {block, kept});
}

// d softcap(x) / dx = 1 - tanh(x / cap)^2.
Value AttentionScores::differentiate(Value gradient) {
  if (!cap)
    return gradient;
  ScalarBuilder on = scalars(spans);
  Value square = apply(on, Kind::Mul, {capped, capped});
  Value slope = apply(on, Kind::Sub, {on.splat(element, 1), square});
  return apply(on, Kind::Mul, {gradient, slope});
}

} // namespace attune::kernels
