// The attention op: builder and verifier.
#include "dialects/nn/OpHelpers.h"

namespace attune::nn {

using namespace mlir;

void AttentionOp::build(OpBuilder &builder, OperationState &state, Value query,
                        Value key, Value value, double scale, CausalKind causal,
                        Value bias, Value keyMask) {
  Dims dims = nn::getDims(query);
  dims.back() = nn::getDims(value).back();
  Type result = tensorType(
      dims, cast<RankedTensorType>(query.getType()).getElementType());
  build(builder, state, result, /*saved=*/TypeRange(), query, key, value, bias,
        keyMask, /*random=*/ValueRange(), builder.getF64FloatAttr(scale),
        CausalKindAttr::get(builder.getContext(), causal), IntegerAttr(),
        FloatAttr(), /*dropout=*/FloatAttr(), /*random_id=*/IntegerAttr());
}

/// A rate comes with what its numbers are drawn from.
template <typename Op>
static LogicalResult verifyDropout(Op op) {
  std::optional<APFloat> dropout = op.getDropout();
  size_t wanted = dropout ? 3 : 0;
  if (op.getRandom().size() != wanted ||
      op.getRandomId().has_value() != dropout.has_value())
    return op.emitOpError(
        "expects an id and seed, step and first beside a dropout, and none "
        "without");
  double rate = dropout ? dropout->convertToDouble() : 0;
  if (!(rate >= 0 && rate < 1))
    return op.emitOpError() << "expects a dropout in [0, 1), found " << rate;
  return success();
}

// f16 and bf16 are for operands and results; what lies between is f32.
static bool isStoredOr32(Value value, Type operand) {
  Type element = tensorOf(value).getElementType();
  return element == operand ||
         (element.isF32() && operand.getIntOrFloatBitWidth() == 16);
}

static LogicalResult verifyTypes(AttentionOp op) {
  Type element = tensorOf(op.getQuery()).getElementType();
  for (Value operand : {op.getKey(), op.getValue()})
    if (tensorOf(operand).getElementType() != element)
      return op.emitOpError()
             << "expects query, key and value of one element type, found "
             << element << " and " << tensorOf(operand).getElementType();
  SmallVector<Value> others{op.getResult(), op.getBias()};
  llvm::append_range(others, op.getSaved());
  for (Value value : others)
    if (value && !isStoredOr32(value, element))
      return op.emitOpError()
             << "expects results and bias of the operands' type " << element
             << ", or f32 beside f16 and bf16, found "
             << tensorOf(value).getElementType();
  return success();
}

/// Shapes of what both ops read.
template <typename Op>
static LogicalResult verifyOperands(Op op) {
  Dims q = nn::getDims(op.getQuery()), k = nn::getDims(op.getKey()),
       v = nn::getDims(op.getValue());
  if (q.size() != 4 || k.size() != 4 || v.size() != 4)
    return op.emitOpError()
           << "expects query, key and value of rank 4, found " << q.size()
           << ", " << k.size() << " and " << v.size(); // C1
  auto heads = q[1].getConstant(), groups = k[1].getConstant();
  if (!heads || !groups || !q[3].getConstant() || !v[3].getConstant())
    return op.emitOpError("expects static head counts and head sizes"); // C2
  if (*groups == 0 || *heads % *groups != 0)
    return op.emitOpError() << "expects key heads to divide query heads, found "
                            << *groups << " and " << *heads; // C2
  if (failed(verifyDims(op, "key", {q[0], k[1], k[2], q[3]}, k)) ||
      failed(verifyDims(op, "value", {q[0], k[1], k[2], v[3]}, v)))
    return failure(); // C1
  Dims scores = {q[0], q[1], q[2], k[2]};
  if (op.getBias() && !broadcastsTo(nn::getDims(op.getBias()), scores))
    return op.emitOpError()
           << "expects a bias that broadcasts to " << text(scores) << ", found "
           << text(nn::getDims(op.getBias())); // C3
  if (op.getKeyMask() && failed(verifyDims(op, "key_mask", {q[0], k[2]},
                                           nn::getDims(op.getKeyMask()))))
    return failure(); // C3
  return verifyDropout(op);
}

/// The scores that one op saves and the other reads.
template <typename Op>
static LogicalResult verifyScores(Op op) {
  if (!op.getScores())
    return success();
  if (op.getCausal() != CausalKind::None || op.getWindow() || op.getSoftcap())
    return op.emitOpError("expects no scores beside causal, window or softcap");
  Dims q = nn::getDims(op.getQuery());
  return verifyDims(op, "scores",
                    {q[0], q[1], q[2], nn::getDim(op.getKey(), 2)},
                    nn::getDims(op.getScores()));
}

LogicalResult AttentionOp::verify() {
  if (getSaved().size() > 2)
    return emitOpError()
           << "expects to save logsumexp and scores at most, found "
           << getSaved().size() << " values";
  if (failed(verifyOperands(*this)) || failed(verifyScores(*this)))
    return failure(); // C1, C2, C3, C5, C6
  Dims q = nn::getDims(getQuery()), v = nn::getDims(getValue());
  if (failed(verifyDims(*this, "result", {q[0], q[1], q[2], v[3]},
                        nn::getDims(getResult()))))
    return failure(); // C1
  if (getLogsumexp() &&
      failed(verifyDims(*this, "logsumexp", {q[0], q[1], q[2]},
                        nn::getDims(getLogsumexp()))))
    return failure();
  if (failed(verifyTypes(*this)))
    return failure();                              // C4
  return verifyTf32(*this, getTf32(), getQuery()); // C7
}

// ---- attention_backward ----

/// Dims of a value, and those it must have.
static LogicalResult
verifyAll(Operation *op,
          ArrayRef<std::tuple<StringRef, Value, Value>> namesValuesLikes) {
  for (auto [name, value, like] : namesValuesLikes) {
    if (failed(verifyDims(op, name, nn::getDims(like), nn::getDims(value))))
      return failure();
    if (tensorOf(value).getElementType() != tensorOf(like).getElementType())
      return op->emitOpError() << "expects " << name << " of element type "
                               << tensorOf(like).getElementType();
  }
  return success();
}

LogicalResult AttentionBackwardOp::verify() {
  if (failed(verifyOperands(*this)) || failed(verifyScores(*this)))
    return failure(); // C1, C4
  Dims q = nn::getDims(getQuery()), v = nn::getDims(getValue());
  if (failed(verifyDims(*this, "output", {q[0], q[1], q[2], v[3]},
                        nn::getDims(getOutput()))) ||
      failed(verifyDims(*this, "logsumexp", {q[0], q[1], q[2]},
                        nn::getDims(getLogsumexp()))))
    return failure(); // C1
  if (failed(verifyAll(*this,
                       {{"gradient", getGradient(), getOutput()},
                        {"query_gradient", getQueryGradient(), getQuery()},
                        {"key_gradient", getKeyGradient(), getKey()},
                        {"value_gradient", getValueGradient(), getValue()}})))
    return failure(); // C2
  if (getBiasGradient() && !getBias())
    return emitOpError("gives the gradient of a bias that it has not"); // C3
  if (getBiasGradient() &&
      failed(
          verifyAll(*this, {{"bias_gradient", getBiasGradient(), getBias()}})))
    return failure(); // C2
  return success();
}

} // namespace attune::nn
