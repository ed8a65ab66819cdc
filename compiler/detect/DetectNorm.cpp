// DetectNorm: layer and RMS normalisation from their parts.
//
//   layer  (x - mean x) / sqrt(mean (x - mean x)^2 + eps) * scale + bias
//   rms    x / sqrt(mean x^2 + eps) * scale
//
// Enters: nn after cleanup. Leaves: nn.norm. The square may be a product or a
// power, the root a sqrt, rsqrt or power, the quotient a division or a product
// with a reciprocal; scale and bias follow in either operand order or are
// absent.
#include "compiler/detect/Matchers.h"
#include "compiler/detect/Passes.h"
#include "compiler/fusion/Ledger.h"
#include "dialects/nn/NodeName.h"

namespace attune::detect {

#define GEN_PASS_DEF_DETECTNORM
#include "compiler/detect/Passes.h.inc"

using namespace mlir;
using nn::Dims;
using nn::ElementwiseKind;
using nn::ElementwiseOp;

namespace {
// numerator / sqrt(variance + epsilon)
struct Quotient {
  Value numerator, variance;
  double epsilon;
};
struct Norm {
  nn::NormKind kind;
  Value input;
  int64_t axis;
  double epsilon;
};
} // namespace

// ---- parts ----

// y where value is 1 / sqrt(y).
static Value underReciprocalRoot(Value value) {
  if (auto rsqrt = asElementwise(value, ElementwiseKind::Rsqrt))
    return rsqrt.getInputs()[0];
  Value root;
  if (auto reciprocal = asElementwise(value, ElementwiseKind::Reciprocal))
    root = reciprocal.getInputs()[0];
  else if (auto div = asElementwise(value, ElementwiseKind::Div);
           div && cleanup::splatValue(div.getInputs()[0]) == 1.0)
    root = div.getInputs()[1];
  if (auto sqrt = root ? asElementwise(root, ElementwiseKind::Sqrt) : nullptr)
    return sqrt.getInputs()[0];
  return {};
}

static std::optional<Quotient> asQuotient(ElementwiseOp op) {
  Value numerator, square;
  if (op.getKind() == ElementwiseKind::Div) {
    auto sqrt = asElementwise(op.getInputs()[1], ElementwiseKind::Sqrt);
    if (!sqrt)
      return std::nullopt;
    numerator = op.getInputs()[0];
    square = sqrt.getInputs()[0];
  } else if (op.getKind() == ElementwiseKind::Mul) {
    for (unsigned side : {0, 1})
      if (Value found = underReciprocalRoot(op.getInputs()[side])) {
        numerator = op.getInputs()[1 - side];
        square = found;
      }
  }
  if (!numerator)
    return std::nullopt;
  auto shifted = asShifted(square);
  if (!shifted || shifted->offset < 0)
    return std::nullopt;
  return Quotient{skipFloatCasts(numerator), shifted->value, shifted->offset};
}

// The mean over trailing axes: a reduce mean, or a sum divided by the count.
// keepdims may be missing if a reshape restores the dims.
static nn::ReduceOp asTrailingMean(Value value) {
  double factor = 1;
  if (auto reshape = value.getDefiningOp<nn::ReshapeOp>())
    value = reshape.getInput();
  if (auto scaled = asScaled(value)) {
    factor = scaled->factor;
    value = scaled->value;
  }
  auto reduce = value.getDefiningOp<nn::ReduceOp>();
  if (!reduce || reduce.getAxes().empty())
    return {};
  Dims dims = nn::getDims(reduce.getInput());
  int64_t rank = dims.size(), first = reduce.getAxes().front();
  if (!llvm::equal(reduce.getAxes(), llvm::seq(first, rank)))
    return {};
  auto count =
      nn::numElements(ArrayRef(dims).drop_front(first), reduce.getContext())
          .getConstant();
  if (!count || *count == 0)
    return {};
  bool isMean = reduce.getKind() == nn::ReduceKind::Mean && factor == 1;
  bool isScaledSum = reduce.getKind() == nn::ReduceKind::Sum &&
                     std::abs(factor * *count - 1) < 1e-6;
  return isMean || isScaledSum ? reduce : nn::ReduceOp();
}

static Value asSquare(Value value) {
  value = skipFloatCasts(value);
  if (auto mul = asElementwise(value, ElementwiseKind::Mul))
    if (mul.getInputs()[0] == mul.getInputs()[1])
      return skipFloatCasts(mul.getInputs()[0]);
  if (auto pow = asElementwise(value, ElementwiseKind::Pow))
    if (cleanup::splatValue(pow.getInputs()[1]) == 2.0)
      return skipFloatCasts(pow.getInputs()[0]);
  return {};
}

// x if value is x - mean x over the trailing axes from `axis`.
static Value asCentred(Value value, int64_t axis) {
  auto sub = asElementwise(value, ElementwiseKind::Sub);
  if (!sub)
    return {};
  auto mean = asTrailingMean(skipFloatCasts(sub.getInputs()[1]));
  Value x = skipFloatCasts(sub.getInputs()[0]);
  if (!mean || mean.getAxes().front() != axis ||
      skipFloatCasts(mean.getInput()) != x)
    return {};
  return x;
}

// ---- the whole ----

static std::optional<Norm> matchNorm(ElementwiseOp op) {
  auto quotient = asQuotient(op);
  if (!quotient)
    return std::nullopt;
  auto mean = asTrailingMean(skipFloatCasts(quotient->variance));
  Value base = mean ? asSquare(mean.getInput()) : Value();
  if (!base || base != quotient->numerator ||
      op.getType() != quotient->numerator.getType())
    return std::nullopt;
  int64_t axis = mean.getAxes().front();
  if (Value x = asCentred(base, axis); x && x.getType() == op.getType())
    return Norm{nn::NormKind::Layer, x, axis, quotient->epsilon};
  return Norm{nn::NormKind::Rms, base, axis, quotient->epsilon};
}

// `parameter` with the normalised dims, or null if it has others.
static Value asParameter(OpBuilder &builder, Value parameter, Value input,
                         int64_t axis) {
  Dims wanted = nn::getDims(input), dims = nn::getDims(parameter);
  wanted.erase(wanted.begin(), wanted.begin() + axis);
  while (dims.size() > wanted.size() && dims.front().getConstant() == 1)
    dims.erase(dims.begin());
  if (dims != wanted)
    return {};
  return cleanup::reshapeTo(builder, parameter.getLoc(), parameter, wanted);
}

// Takes a following `* scale` or `+ bias` into the norm.
static Value takeParameter(PatternRewriter &rewriter, Value &end,
                           ElementwiseKind kind, const Norm &norm) {
  if (!end.hasOneUse())
    return {};
  auto next = dyn_cast<ElementwiseOp>(*end.user_begin());
  if (!next || next.getKind() != kind || next.getType() != end.getType())
    return {};
  Value other = next.getInputs()[next.getInputs()[0] == end ? 1 : 0];
  rewriter.setInsertionPoint(next);
  Value parameter = asParameter(rewriter, other, norm.input, norm.axis);
  if (parameter)
    end = next.getResult();
  return parameter;
}

static LogicalResult detectNorm(ElementwiseOp op, PatternRewriter &rewriter) {
  auto norm = matchNorm(op);
  if (!norm)
    return failure();
  Value end = op.getResult();
  Value scale = takeParameter(rewriter, end, ElementwiseKind::Mul, *norm);
  Value bias = takeParameter(rewriter, end, ElementwiseKind::Add, *norm);
  Operation *last = end.getDefiningOp();
  rewriter.setInsertionPoint(last);
  auto result = nn::NormOp::create(
      rewriter, fuseLocations(last, op.getOperation()), norm->kind, norm->input,
      norm->axis, norm->epsilon, scale, bias);
  fusion::LedgerEntry entry;
  entry.subject = "norm";
  entry.name = nn::nodeName(last);
  entry.fired = true;
  entry.reason = "is a " + stringifyEnum(norm->kind).str() + " norm";
  entry.after = fusion::costOf(result);
  fusion::record(result, entry);
  rewriter.replaceOp(last, result.getResult());
  return success();
}

namespace {
struct DetectNorm : impl::DetectNormBase<DetectNorm> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add(detectNorm);
    // In the model's order, which is that of the ledger.
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal();
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace

} // namespace attune::detect
