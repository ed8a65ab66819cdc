// Values of reduce, norm and softmax.
#include "dialects/nn/reference/EvaluateModels.h"
#include <cmath>

namespace attune::nn {

using namespace mlir;

// Brings the reduced axes to the end, so that each output element reduces one
// contiguous run; gives the run's length.
static Array reducedLast(const Array &input, ArrayRef<int64_t> axes,
                         int64_t &length) {
  Extents permutation;
  for (int64_t axis = 0; axis < input.getRank(); ++axis)
    if (!llvm::is_contained(axes, axis))
      permutation.push_back(axis);
  length = 1;
  for (int64_t axis : axes) {
    permutation.push_back(axis);
    length *= input.getShape()[axis];
  }
  return input.transposed(permutation);
}

template <typename T>
static T reduceRun(ReduceKind kind, ArrayRef<T> run) {
  switch (kind) {
  case ReduceKind::Sum:
  case ReduceKind::Mean: {
    T sum = 0;
    for (T value : run)
      sum += value;
    return kind == ReduceKind::Mean ? sum / T(run.size()) : sum;
  }
  case ReduceKind::Prod: {
    T product = 1;
    for (T value : run)
      product *= value;
    return product;
  }
  case ReduceKind::Max:
  case ReduceKind::Min: {
    bool max = kind == ReduceKind::Max;
    using Limits = std::numeric_limits<T>;
    T lowest = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
    T highest = Limits::has_infinity ? Limits::infinity() : Limits::max();
    T best = max ? lowest : highest;
    for (T value : run)
      best =
          value != value || (max ? value > best : value < best) ? value : best;
    return best;
  }
  }
  llvm_unreachable("unknown reduction");
}

static Arrays evaluateReduce(ReduceOp op, Evaluator &evaluator,
                             ArrayRef<Array> operands) {
  auto shape = evaluator.extents(cast<RankedTensorType>(op.getType()), op);
  if (failed(shape))
    return failure();
  int64_t length;
  Array input = reducedLast(operands[0], op.getAxes(), length);
  Array result(input.getElementType(), *shape);
  for (int64_t i = 0, n = result.size(); i < n; ++i) {
    if (result.isFloat())
      result.floats()[i] =
          reduceRun(op.getKind(),
                    ArrayRef<double>(input.floats()).slice(i * length, length));
    else if (length == 0 && input.getElementType().isInteger(1))
      result.ints()[i] = op.getKind() == ReduceKind::Min ||
                         op.getKind() == ReduceKind::Prod; // all of none
    else
      result.ints()[i] =
          reduceRun(op.getKind(),
                    ArrayRef<int64_t>(input.ints()).slice(i * length, length));
  }
  return one(result);
}

static Arrays evaluateSoftmax(SoftmaxOp op, Evaluator &,
                              ArrayRef<Array> operands) {
  int64_t axis = op.getAxis(), rank = operands[0].getRank();
  Extents permutation = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  std::swap(permutation[axis], permutation[rank - 1]);
  Array moved =
      operands[0].transposed(permutation); // a swap is its own inverse
  int64_t length = moved.getShape().back();
  for (int64_t start = 0, n = moved.size(); start < n; start += length) {
    auto run = moved.floats().slice(start, length);
    double max = -INFINITY, sum = 0;
    for (double value : run)
      max = std::fmax(max, value);
    for (double &value : run)
      sum += value = value == -INFINITY ? 0 : std::exp(value - max);
    for (double &value : run)
      value = sum == 0 ? 0 : value / sum;
  }
  return one(moved.transposed(permutation));
}

static Arrays evaluateNorm(NormOp op, Evaluator &, ArrayRef<Array> operands) {
  const Array &input = operands[0];
  bool layer = op.getKind() == NormKind::Layer;
  size_t next = 1;
  const Array *scale = op.getScale() ? &operands[next++] : nullptr;
  const Array *bias = op.getBias() ? &operands[next++] : nullptr;
  ArrayRef<int64_t> lead = input.getShape().take_front(op.getAxis());
  Array result(input.getElementType(), input.getShape());
  Array means(input.getElementType(), lead),
      rstds(input.getElementType(), lead);
  int64_t rows = means.size(), length = rows ? input.size() / rows : 0;
  for (int64_t row = 0; row < rows; ++row) {
    auto x = input.floats().slice(row * length, length);
    double mean = 0, square = 0;
    for (double value : x)
      mean += value / double(length);
    if (!layer)
      mean = 0;
    for (double value : x)
      square += (value - mean) * (value - mean) / double(length);
    double rstd = 1 / std::sqrt(square + op.getEpsilon().convertToDouble());
    for (int64_t i = 0; i < length; ++i)
      result.floats()[row * length + i] =
          (x[i] - mean) * rstd * (scale ? scale->floats()[i] : 1) +
          (bias ? bias->floats()[i] : 0);
    means.floats()[row] = mean;
    rstds.floats()[row] = rstd;
  }
  SmallVector<Array> results{result};
  if (op.getMean())
    results.push_back(means);
  if (op.getRstd())
    results.push_back(rstds);
  return results;
}

void attachReduceEvaluators(MLIRContext &context) {
  ReduceOp::attachInterface<EvaluateModel<ReduceOp, evaluateReduce>>(context);
  SoftmaxOp::attachInterface<EvaluateModel<SoftmaxOp, evaluateSoftmax>>(
      context);
  NormOp::attachInterface<EvaluateModel<NormOp, evaluateNorm>>(context);
}

} // namespace attune::nn
