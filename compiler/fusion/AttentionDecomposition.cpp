// The parts of attention and of its gradients. What is hidden is -inf before
// the softmax and 0 after it; a row of nothing but hidden scores is 0.
#include "compiler/fusion/AttentionDecomposition.h"

#include "compiler/cleanup/Views.h"

namespace attune::fusion {

using namespace mlir;
using cleanup::reshapeTo;
using cleanup::scalarConstant;
using cleanup::transposeTo;
using nn::DimAttr;
using nn::Dims;
using nn::ElementwiseKind;
using nn::ElementwiseOp;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

Value AttentionDecomposition::apply(ElementwiseKind kind, ValueRange operands) {
  return note(ElementwiseOp::create(builder, loc, kind, operands));
}

Value AttentionDecomposition::number(double value) {
  return scalarConstant(builder, loc, value, element);
}

Value AttentionDecomposition::sum(Value input, nn::ReduceKind kind,
                                  bool keepdims) {
  return note(nn::ReduceOp::create(builder, loc, kind, input,
                                   ArrayRef<int64_t>{3}, keepdims));
}

// Batched over [B, HK]; the queries of a group of heads are rows of one
// product. lhs is [B, H, S, X], rhs [B, HK, ., .]; the result is [B, H, S, Y].
Value AttentionDecomposition::product(Value lhs, Value rhs,
                                      int64_t rhsContracting) {
  Dims left = nn::getDims(lhs);
  DimAttr groups = left[1].exactDiv(k[1]);
  SmallVector<int64_t> batch = {0, 1};
  int64_t contracted = 3;
  if (groups.getConstant() != 1) {
    lhs =
        reshapeTo(builder, loc, lhs, {left[0], k[1], groups, left[2], left[3]});
    contracted = 4;
  }
  Value result = note(nn::ContractOp::create(
      builder, loc, lhs, rhs, builder.getDenseI64ArrayAttr(batch),
      builder.getDenseI64ArrayAttr(batch),
      builder.getDenseI64ArrayAttr({contracted}),
      builder.getDenseI64ArrayAttr({rhsContracting}), TypeAttr(),
      tf32 ? builder.getUnitAttr() : UnitAttr()));
  Dims dims = {left[0], left[1], left[2], nn::getDims(result).back()};
  return reshapeTo(builder, loc, result, dims);
}

// Summed over the queries of a group of heads: lhs [B, H, S, T] and rhs
// [B, H, S, Y] to [B, HK, T, Y].
Value AttentionDecomposition::keyProduct(Value lhs, Value rhs) {
  DimAttr groups = q[1].exactDiv(k[1]);
  SmallVector<int64_t> batch = {0, 1}, contracted = {2};
  if (groups.getConstant() != 1) {
    contracted = {2, 3};
    for (Value *side : {&lhs, &rhs}) {
      Dims dims = nn::getDims(*side);
      *side = reshapeTo(builder, loc, *side,
                        {dims[0], k[1], groups, dims[2], dims[3]});
    }
  }
  return note(nn::ContractOp::create(
      builder, loc, lhs, rhs, builder.getDenseI64ArrayAttr(batch),
      builder.getDenseI64ArrayAttr(batch),
      builder.getDenseI64ArrayAttr(contracted),
      builder.getDenseI64ArrayAttr(contracted), TypeAttr()));
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

Value AttentionDecomposition::positions(ArrayRef<DimAttr> dims) {
  auto type = nn::tensorType(dims, builder.getI64Type());
  return note(
      nn::IotaOp::create(builder, loc, type, builder.getI64IntegerAttr(0)));
}

Value AttentionDecomposition::hide(Value scores, Value visible) {
  return apply(ElementwiseKind::Select, {visible, scores, number(-kInfinity)});
}

// j <= i + offset, and i + offset - j < window.
Value AttentionDecomposition::hideByPosition(Value scores) {
  if (causal == nn::CausalKind::None && !window)
    return scores;
  Value i = positions({q[2], DimAttr::constant(builder.getContext(), 1)});
  Value j = positions({k[2]});
  if (causal == nn::CausalKind::BottomRight && k[2] != q[2]) {
    auto scalar = RankedTensorType::get({}, builder.getI64Type());
    Value offset = note(nn::DimOp::create(builder, loc, scalar, k[2] - q[2]));
    i = apply(ElementwiseKind::Add, {i, offset});
  }
  if (causal != nn::CausalKind::None)
    scores = hide(scores, apply(ElementwiseKind::LessEqual, {j, i}));
  if (!window)
    return scores;
  // |i + offset - j| < window; the side that causal hides is harmless.
  Type i64 = builder.getI64Type();
  Value distance = apply(ElementwiseKind::Sub, {i, j});
  Value near = apply(ElementwiseKind::Less,
                     {apply(ElementwiseKind::Abs, distance),
                      scalarConstant(builder, loc, double(*window), i64)});
  return hide(scores, near);
}

Value AttentionDecomposition::scores() {
  Value scores = product(query, key, 3);
  if (scale != 1)
    scores = apply(ElementwiseKind::Mul, {scores, number(scale)});
  if (cap) {
    scores = apply(ElementwiseKind::Mul, {scores, number(1 / cap)});
    kept.capped = apply(ElementwiseKind::Tanh, scores);
    scores = apply(ElementwiseKind::Mul, {kept.capped, number(cap)});
  }
  if (bias)
    scores = apply(ElementwiseKind::Add, {scores, bias});
  scores = hideByPosition(scores);
  if (keyMask) {
    DimAttr one = DimAttr::constant(builder.getContext(), 1);
    scores =
        hide(scores, reshapeTo(builder, loc, keyMask, {q[0], one, one, k[2]}));
  }
  return scores;
}

//===----------------------------------------------------------------------===//
// Forward
//===----------------------------------------------------------------------===//

// Probabilities times 0 or 1 / (1 - rate), by nn.random's numbers.
Value AttentionDecomposition::withoutDropped(Value probabilities) {
  if (!id || rate == 0)
    return probabilities;
  if (!kept.kept) {
    auto type = nn::tensorType({q[0], q[1], q[2], k[2]}, element);
    Value drawn = note(nn::RandomOp::create(builder, loc, type, int64_t(*id),
                                            random[0], random[1], random[2]));
    Value dropped = apply(ElementwiseKind::Less, {drawn, number(rate)});
    kept.kept = apply(ElementwiseKind::Select,
                      {dropped, number(0), number(1 / (1 - rate))});
  }
  return apply(ElementwiseKind::Mul, {probabilities, kept.kept});
}

// max + log(sum(exp(s - max))); +inf for a row of nothing but hidden scores.
Value AttentionDecomposition::logsumexp(Value scores) {
  Value max = sum(scores, nn::ReduceKind::Max, /*keepdims=*/true);
  // Of such a row the difference must not be NaN.
  Value finite = apply(ElementwiseKind::Max, {max, number(-1e38)});
  Value terms = apply(ElementwiseKind::Exp,
                      apply(ElementwiseKind::Sub, {scores, finite}));
  Value total = sum(terms, nn::ReduceKind::Sum, /*keepdims=*/true);
  Value lse =
      apply(ElementwiseKind::Add, {finite, apply(ElementwiseKind::Log, total)});
  Value isEmpty = apply(ElementwiseKind::Equal, {total, number(0)});
  lse = apply(ElementwiseKind::Select, {isEmpty, number(kInfinity), lse});
  return reshapeTo(builder, loc, lse, {q[0], q[1], q[2]});
}

std::pair<Value, Value> AttentionDecomposition::attention(nn::AttentionOp op) {
  Value hidden = kept.scores = scores();
  kept.probabilities =
      note(nn::SoftmaxOp::create(builder, loc, hidden, uint64_t(3)));
  Value result = product(withoutDropped(kept.probabilities), value, 2);
  Value lse = op.getLogsumexp();
  return {result, lse && !lse.use_empty() ? logsumexp(hidden) : Value()};
}

//===----------------------------------------------------------------------===//
// Backward
//===----------------------------------------------------------------------===//

Value sumOverBroadcast(OpBuilder &builder, Location loc, Value full,
                       ArrayRef<DimAttr> dims) {
  Dims whole = nn::getDims(full);
  size_t missing = whole.size() - dims.size();
  SmallVector<int64_t> order, axes;
  for (size_t axis = 0; axis < whole.size(); ++axis)
    if (axis >= missing && dims[axis - missing] == whole[axis])
      order.push_back(axis);
    else
      axes.push_back(axis);
  if (!axes.empty()) {
    // Over trailing dims, as align-reductions would leave it.
    llvm::append_range(order, axes);
    Value turned = transposeTo(builder, loc, full, order);
    auto trailing = llvm::to_vector(llvm::seq<int64_t>(
        int64_t(whole.size() - axes.size()), int64_t(whole.size())));
    full = nn::ReduceOp::create(builder, loc, nn::ReduceKind::Sum, turned,
                                trailing, /*keepdims=*/false);
  }
  return reshapeTo(builder, loc, full, dims);
}

// A [B, H, S] statistic beside scores.
Value AttentionDecomposition::perRow(Value statistic) {
  DimAttr one = DimAttr::constant(builder.getContext(), 1);
  return reshapeTo(builder, loc, statistic, {q[0], q[1], q[2], one});
}

SmallVector<Value>
AttentionDecomposition::gradients(nn::AttentionBackwardOp op,
                                  const AttentionParts *saved) {
  if (saved) {
    kept = *saved;
  } else {
    // Hidden scores stay hidden under any logsumexp that is not -inf.
    kept.scores = op.getScores() ? op.getScores() : scores();
    Value difference =
        apply(ElementwiseKind::Sub, {kept.scores, perRow(op.getLogsumexp())});
    kept.probabilities = apply(ElementwiseKind::Exp, difference);
  }
  Value gradient = op.getGradient();
  Value mean = sum(apply(ElementwiseKind::Mul, {gradient, op.getOutput()}),
                   nn::ReduceKind::Sum, /*keepdims=*/true);
  Value weights = withoutDropped(kept.probabilities);
  Value slopes = withoutDropped(product(gradient, value, 3));
  slopes = apply(ElementwiseKind::Sub, {slopes, mean});
  slopes = apply(ElementwiseKind::Mul, {slopes, kept.probabilities});
  SmallVector<Value> results(op->getNumResults());
  if (Value of = op.getBiasGradient(); of && !of.use_empty())
    results[3] = sumOverBroadcast(builder, loc, slopes, nn::getDims(of));
  if (cap) {
    Value square = apply(ElementwiseKind::Mul, {kept.capped, kept.capped});
    Value slope = apply(ElementwiseKind::Sub, {number(1), square});
    slopes = apply(ElementwiseKind::Mul, {slopes, slope});
  }
  // The scale where it is least work: on what is not as large as the scores.
  auto scaled = [&](Value product) {
    return scale == 1 ? product
                      : apply(ElementwiseKind::Mul, {product, number(scale)});
  };
  if (!op.getQueryGradient().use_empty())
    results[0] = scaled(product(slopes, key, 2));
  if (!op.getKeyGradient().use_empty())
    results[1] = scaled(keyProduct(slopes, query));
  if (!op.getValueGradient().use_empty())
    results[2] = keyProduct(weights, gradient);
  return results;
}

} // namespace attune::fusion
