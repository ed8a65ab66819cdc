// DetectGelu: activations from their parts.
//
//   gelu_erf   x * 1/2 (1 + erf(x / sqrt 2))
//   gelu_tanh  x * 1/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
//   sigmoid    1 / (1 + exp(-x))
//   silu       x * sigmoid(x)
//
// Enters: nn after cleanup. Leaves: these kinds. Products are matched as sets
// of factors and the inner functions as polynomials, so every factorization
// that exporters write is one case.
#include "compiler/detect/Matchers.h"
#include "compiler/detect/Passes.h"
#include "compiler/fusion/Ledger.h"
#include "dialects/nn/NodeName.h"

namespace attune::detect {

#define GEN_PASS_DEF_DETECTGELU
#include "compiler/detect/Passes.h.inc"

using namespace mlir;
using cleanup::splatValue;
using nn::ElementwiseKind;
using nn::ElementwiseOp;

// a and s of `a + s * f(u)`, with f of kind `function`.
namespace {
struct AffineCall {
  double offset, slope;
  ElementwiseOp call;
};
} // namespace

static std::optional<AffineCall> asAffineCall(Value value) {
  AffineCall result{0, 1, {}};
  // An affine chain of any length: 0.5 * (1 + f), 0.5 + 0.5 * f.
  while (true) {
    if (auto shifted = asShifted(value)) {
      result.offset += result.slope * shifted->offset;
      value = shifted->value;
    } else if (auto scaled = asScaled(value)) {
      result.slope *= scaled->factor;
      value = scaled->value;
    } else {
      break;
    }
  }
  result.call = value.getDefiningOp<ElementwiseOp>();
  return result.call ? std::optional(result) : std::nullopt;
}

// Whether constant * (offset + slope * f) is 1/2 (1 + f).
static bool isHalfOnePlus(double constant, const AffineCall &affine) {
  return isNear(constant * affine.offset, 0.5) &&
         isNear(constant * affine.slope, 0.5);
}

static bool isTanhArgument(Value argument, Value x, double factor) {
  auto p = polynomialIn(argument, x);
  const double root = 0.7978845608028654; // sqrt(2 / pi)
  return p && isNear((*p)[1], factor * root) &&
         isNear((*p)[3], factor * root * 0.044715) && (*p)[0] == 0 &&
         (*p)[2] == 0 && (*p)[4] == 0;
}

// The kind that x * constant * factor is.
static std::optional<ElementwiseKind> activation(Value x, Value factor,
                                                 double constant) {
  auto sigmoid = asElementwise(factor, ElementwiseKind::Sigmoid);
  if (sigmoid && constant == 1) {
    if (sigmoid.getInputs()[0] == x)
      return ElementwiseKind::Silu;
    // 1/2 (1 + tanh u) is sigmoid(2 u).
    if (isTanhArgument(sigmoid.getInputs()[0], x, 2))
      return ElementwiseKind::GeluTanh;
    return std::nullopt;
  }
  auto affine = asAffineCall(factor);
  if (!affine || !isHalfOnePlus(constant, *affine))
    return std::nullopt;
  Value argument = affine->call.getInputs()[0];
  if (affine->call.getKind() == ElementwiseKind::Erf) {
    auto p = polynomialIn(argument, x);
    bool matches = p && (*p)[0] == 0 && isNear((*p)[1], 0.7071067811865476) &&
                   (*p)[2] == 0 && (*p)[3] == 0 && (*p)[4] == 0;
    return matches ? std::optional(ElementwiseKind::GeluErf) : std::nullopt;
  }
  if (affine->call.getKind() == ElementwiseKind::Tanh &&
      isTanhArgument(argument, x, 1))
    return ElementwiseKind::GeluTanh;
  return std::nullopt;
}

static LogicalResult detectActivation(ElementwiseOp op,
                                      PatternRewriter &rewriter) {
  if (op.getKind() != ElementwiseKind::Mul &&
      op.getKind() != ElementwiseKind::Div)
    return failure();
  Product product = asProduct(op.getResult());
  if (product.factors.size() != 2)
    return failure();
  for (unsigned side : {0, 1}) {
    Value x = product.factors[side], factor = product.factors[1 - side];
    auto kind = activation(x, factor, product.constant);
    if (!kind || x.getType() != op.getType())
      continue;
    fusion::LedgerEntry entry;
    entry.subject = "gelu";
    entry.name = nn::nodeName(op);
    entry.fired = true;
    entry.reason = "is " + stringifyEnum(*kind).str();
    fusion::record(op, entry);
    rewriter.replaceOpWithNewOp<ElementwiseOp>(op, *kind, ValueRange(x));
    return success();
  }
  return failure();
}

// 1 / (1 + exp(-x)), also as a reciprocal.
static LogicalResult detectSigmoid(ElementwiseOp op,
                                   PatternRewriter &rewriter) {
  Value denominator;
  if (op.getKind() == ElementwiseKind::Reciprocal)
    denominator = op.getInputs()[0];
  else if (op.getKind() == ElementwiseKind::Div &&
           splatValue(op.getInputs()[0]) == 1.0)
    denominator = op.getInputs()[1];
  else
    return failure();
  auto shifted = asShifted(denominator);
  if (!shifted || shifted->offset != 1)
    return failure();
  auto exp = asElementwise(shifted->value, ElementwiseKind::Exp);
  auto negated = exp ? asScaled(exp.getInputs()[0]) : std::nullopt;
  if (!negated || negated->factor != -1)
    return failure();
  rewriter.replaceOpWithNewOp<ElementwiseOp>(op, ElementwiseKind::Sigmoid,
                                             ValueRange(negated->value));
  return success();
}

namespace {
struct DetectGelu : impl::DetectGeluBase<DetectGelu> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add(detectActivation);
    patterns.add(detectSigmoid);
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
