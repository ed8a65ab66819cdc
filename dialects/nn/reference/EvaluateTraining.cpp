// Values of the ops that only training needs: random numbers, the dual of
// gather, cross entropy, barriers.
#include "dialects/nn/Philox.h"
#include "dialects/nn/reference/EvaluateModels.h"
#include <cmath>

namespace attune::nn {

using namespace mlir;

static FailureOr<Extents> extentsOf(Value value, Operation *op,
                                    Evaluator &evaluator) {
  return evaluator.extents(cast<RankedTensorType>(value.getType()), op);
}

static Arrays evaluateRandom(RandomOp op, Evaluator &evaluator,
                             ArrayRef<Array> operands) {
  auto shape = extentsOf(op.getResult(), op, evaluator);
  if (failed(shape))
    return failure();
  uint64_t seed = operands[0].ints()[0], step = operands[1].ints()[0],
           first = operands[2].ints()[0];
  Array result(
      cast<RankedTensorType>(op.getResult().getType()).getElementType(),
      *shape);
  // Row-major order, so sample i0 begins at (first + i0) * (elements of one).
  uint64_t sample = 1;
  for (size_t axis = 1; axis < shape->size(); ++axis)
    sample *= uint64_t((*shape)[axis]);
  for (int64_t i = 0, n = result.size(); i < n; ++i)
    result.floats()[i] =
        uniform(seed, step, op.getId(), first * sample + uint64_t(i));
  return one(result);
}

static Arrays evaluateScatter(ScatterOp op, Evaluator &evaluator,
                              ArrayRef<Array> operands) {
  auto shape = extentsOf(op.getResult(), op, evaluator);
  if (failed(shape))
    return failure();
  const Array &updates = operands[0], &indices = operands[1];
  int64_t axis = op.getAxis(), extent = (*shape)[axis], outer = 1, inner = 1;
  for (int64_t i = 0; i < int64_t(shape->size()); ++i)
    (i < axis ? outer : inner) *= i == axis ? 1 : (*shape)[i];
  Array result(updates.getElementType(), *shape);
  int64_t from = 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t index : indices.ints()) {
      if (index < 0)
        index += extent;
      if (index >= 0 && index < extent)
        for (int64_t j = 0; j < inner; ++j)
          result.floats()[(o * extent + index) * inner + j] +=
              updates.floats()[from + j];
      from += inner;
    }
  return one(result);
}

static double logSumExp(ArrayRef<double> row) {
  double max = -INFINITY, sum = 0;
  for (double value : row)
    max = std::fmax(max, value);
  if (max == -INFINITY)
    return max; // of nothing, or of nothing but impossible classes
  for (double value : row)
    sum += std::exp(value - max);
  return max + std::log(sum);
}

static Arrays evaluateCrossEntropy(CrossEntropyOp op, Evaluator &,
                                   ArrayRef<Array> operands) {
  const Array &logits = operands[0], &labels = operands[1];
  auto elementOf = [](Value value) {
    return cast<RankedTensorType>(value.getType()).getElementType();
  };
  Array loss(elementOf(op.getLoss()), labels.getShape());
  Array logsumexp(elementOf(op.getLogsumexp()), labels.getShape());
  int64_t classes = logits.getShape().back();
  double smoothing = op.getSmoothing().convertToDouble();
  for (int64_t i = 0, n = labels.size(); i < n; ++i) {
    auto row = logits.floats().slice(i * classes, classes);
    double lse = logSumExp(row);
    logsumexp.floats()[i] = lse;
    int64_t label = labels.ints()[i];
    if (label == int64_t(op.getIgnoreIndex()) || label < 0 || label >= classes)
      continue;
    loss.floats()[i] = (1 - smoothing) * (lse - row[label]);
    if (smoothing > 0) // an impossible class costs nothing without smoothing
      for (double value : row)
        loss.floats()[i] += smoothing / double(classes) * (lse - value);
  }
  return SmallVector<Array>{loss, logsumexp};
}

static Arrays evaluateBarrier(BarrierOp, Evaluator &,
                              ArrayRef<Array> operands) {
  return one(operands[0]);
}

void attachTrainingEvaluators(MLIRContext &context) {
  RandomOp::attachInterface<EvaluateModel<RandomOp, evaluateRandom>>(context);
  ScatterOp::attachInterface<EvaluateModel<ScatterOp, evaluateScatter>>(
      context);
  CrossEntropyOp::attachInterface<
      EvaluateModel<CrossEntropyOp, evaluateCrossEntropy>>(context);
  BarrierOp::attachInterface<EvaluateModel<BarrierOp, evaluateBarrier>>(
      context);
}

} // namespace attune::nn
