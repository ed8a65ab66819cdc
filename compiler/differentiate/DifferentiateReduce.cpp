// Derivatives of reduce, norm, softmax and cross entropy.
#include "compiler/differentiate/DerivativeModels.h"
#include "compiler/differentiate/Labels.h"

namespace attune::differentiate {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;
using nn::ReduceKind;

static SmallVector<int64_t> axesFrom(int64_t first, int64_t rank) {
  return llvm::to_vector(llvm::seq<int64_t>(first, rank));
}

static DimAttr countOf(Expr x, ArrayRef<int64_t> axes) {
  DimAttr count = DimAttr::constant(x.type().getContext(), 1);
  for (int64_t axis : axes)
    count = count * x.dims()[axis];
  return count;
}

// ---- reduce ----

// The best elements share it evenly.
static Expr bestOf(Expr x, Expr y, Expr dy, ArrayRef<int64_t> axes) {
  Expr isBest = castTo(equal(x, y), x.elementType());
  return isBest * (dy / reduceKeeping(ReduceKind::Sum, isBest, axes));
}

// The product of the others: y / x, but for zeros. One zero has the product of
// the rest and leaves 0 to the rest; of two each leaves 0 to the other.
static Expr productOf(Expr x, Expr dy, ArrayRef<int64_t> axes) {
  Expr isZero = equal(x, x.number(0));
  Expr zeroCount =
      reduceKeeping(ReduceKind::Sum, castTo(isZero, x.elementType()), axes);
  Expr filled = select(isZero, x.number(1), x);
  Expr rest = reduceKeeping(ReduceKind::Prod, filled, axes);
  Expr ifZero = select(equal(zeroCount, x.number(1)), rest, rest.number(0));
  Expr ifNot =
      select(equal(zeroCount, x.number(0)), rest, rest.number(0)) / filled;
  return dy * select(isZero, ifZero, ifNot);
}

static LogicalResult differentiateReduce(nn::ReduceOp op, const Vjp &vjp) {
  Expr x{vjp.site, op.getInput()};
  ArrayRef<int64_t> axes = op.getAxes();
  auto kept = [&](Expr value) {
    return op.getKeepdims() ? value : withOnes(value, axes);
  };
  Expr dy = kept(vjp.cotangent());
  switch (op.getKind()) {
  case ReduceKind::Sum:
    break;
  case ReduceKind::Mean:
    dy = dy * (1 / dimension(dy, countOf(x, axes)));
    break;
  case ReduceKind::Max:
  case ReduceKind::Min:
    dy = bestOf(x, kept(dy.with(op.getResult())), dy, axes);
    break;
  case ReduceKind::Prod:
    dy = productOf(x, dy, axes);
    break;
  }
  vjp.gradients[0] = broadcast(dy, x.dims());
  return success();
}

// ---- norm ----

// The op with its statistics as results, which the forward pass has anyway.
static nn::NormOp withStatistics(nn::NormOp op) {
  bool needsMean = op.getKind() == nn::NormKind::Layer && !op.getMean();
  if (op.getRstd() && !needsMean)
    return op;
  OpBuilder builder(op);
  Dims lead(ArrayRef(nn::getDims(op.getInput())).take_front(op.getAxis()));
  Type type = nn::tensorType(
      lead, cast<RankedTensorType>(op.getInput().getType()).getElementType());
  auto typeOf = [&](Value old) { return old ? old.getType() : type; };
  Type mean;
  if (op.getKind() == nn::NormKind::Layer)
    mean = typeOf(op.getMean());
  auto rebuilt = nn::NormOp::create(
      builder, op.getLoc(), op.getResult().getType(), mean,
      typeOf(op.getRstd()), op.getKindAttr(), op.getInput(), op.getAxisAttr(),
      op.getEpsilonAttr(), op.getScale(), op.getBias());
  op.getResult().replaceAllUsesWith(rebuilt.getResult());
  if (op.getMean())
    op.getMean().replaceAllUsesWith(rebuilt.getMean());
  if (op.getRstd())
    op.getRstd().replaceAllUsesWith(rebuilt.getRstd());
  op.erase();
  return rebuilt;
}

// What the loss reads of a norm: its result, and the statistics.
struct NormCotangents {
  Expr result, mean, rstd;
};

static NormCotangents cotangentsOf(nn::NormOp op, const Vjp &vjp) {
  auto of = [&](Value result) {
    return Expr(vjp.site,
                result
                    ? vjp.cotangents[cast<OpResult>(result).getResultNumber()]
                    : Value());
  };
  return {of(op.getResult()), of(op.getMean()), of(op.getRstd())};
}

// With n = (x - mean) rstd and h = dy scale:
//   layer: dx = rstd (h - mean(h) - n mean(h n));   rms: without mean(h)
// and, where the statistics are read, dmean / N - drstd rstd^2 n / N.
static LogicalResult differentiateNorm(nn::NormOp op, const Vjp &vjp) {
  NormCotangents cotangents = cotangentsOf(op, vjp);
  op = withStatistics(op);
  bool isLayer = op.getKind() == nn::NormKind::Layer;
  Site &site = vjp.site;
  Expr x{site, op.getInput()}, dy = cotangents.result;
  auto normalised = axesFrom(op.getAxis(), x.rank());
  auto kept = [&](Expr statistic) {
    return withOnes(castTo(statistic, x.elementType()), normalised);
  };
  Expr rstd = kept({site, op.getRstd()});
  Expr n = (isLayer ? x - kept({site, op.getMean()}) : x) * rstd;

  Expr dx{site, Value()};
  auto add = [&](Expr part) { dx = dx ? dx + part : part; };
  if (vjp.needed[0] && dy) {
    Expr h = op.getScale() ? dy * dy.with(op.getScale()) : dy;
    Expr rest = n * reduceKeeping(ReduceKind::Mean, h * n, normalised);
    if (isLayer)
      rest = rest + reduceKeeping(ReduceKind::Mean, h, normalised);
    add(rstd * (h - rest));
  }
  Expr count = dimension(x, countOf(x, normalised));
  if (vjp.needed[0] && cotangents.mean)
    add(broadcast(kept(cotangents.mean) / count, x.dims()));
  if (vjp.needed[0] && cotangents.rstd)
    add(-(kept(cotangents.rstd) * rstd * rstd / count * n));
  vjp.gradients[0] = dx;

  auto lead = axesFrom(0, op.getAxis());
  unsigned bias = op.getScale() ? 2 : 1;
  if (dy && op.getScale() && vjp.needed[1])
    vjp.gradients[1] = sumOver(dy * n, lead);
  if (dy && op.getBias() && vjp.needed[bias])
    vjp.gradients[bias] = sumOver(dy, lead);
  return success();
}

// ---- softmax ----

static LogicalResult differentiateSoftmax(nn::SoftmaxOp op, const Vjp &vjp) {
  Expr dy = vjp.cotangent(), y = dy.with(op.getResult());
  int64_t axis = op.getAxis();
  vjp.gradients[0] = y * (dy - reduceKeeping(ReduceKind::Sum, dy * y, axis));
  return success();
}

// ---- cross entropy ----

// dlogits = dloss (p - (1 - e) onehot - e / V) where the label counts, and
// dlogsumexp p, with p = exp(logits - logsumexp).
static LogicalResult differentiateCrossEntropy(nn::CrossEntropyOp op,
                                               const Vjp &vjp) {
  Site &site = vjp.site;
  Expr logits{site, op.getLogits()}, labels{site, op.getLabels()};
  int64_t last = logits.rank() - 1;
  DimAttr classes = logits.dims()[last];
  auto column = [&](Value value) { return withOnes({site, value}, last); };
  Expr p = exp(logits - column(op.getLogsumexp()));
  Expr gradient{site, Value()};
  if (Expr dloss = vjp.cotangent(0)) {
    double smoothing = op.getSmoothing().convertToDouble();
    Expr target = select(oneHot(labels, classes), logits.number(1 - smoothing),
                         logits.number(0));
    if (smoothing != 0)
      target = target + smoothing / dimension(logits, classes);
    Expr counted = areCounted(labels, classes, op.getIgnoreIndex());
    Expr weight = column(select(counted, dloss, dloss.number(0)));
    gradient = (p - target) * weight;
  }
  if (Expr dlogsumexp = vjp.cotangent(1)) {
    Expr part = p * column(dlogsumexp);
    gradient = gradient ? gradient + part : part;
  }
  vjp.gradients[0] = gradient;
  return success();
}

void attachReduceDerivatives(MLIRContext &context) {
  attachDerivative<nn::ReduceOp, differentiateReduce>(context);
  attachDerivative<nn::NormOp, differentiateNorm>(context);
  attachDerivative<nn::SoftmaxOp, differentiateSoftmax>(context);
  attachDerivative<nn::CrossEntropyOp, differentiateCrossEntropy>(context);
}

} // namespace attune::differentiate
