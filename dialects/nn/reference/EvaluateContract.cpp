// Values of contract and conv.
#include "dialects/nn/reference/EvaluateModels.h"

namespace attune::nn {

using namespace mlir;

static int64_t extentOf(const Array &array, ArrayRef<int64_t> axes) {
  int64_t product = 1;
  for (int64_t axis : axes)
    product *= array.getShape()[axis];
  return product;
}

// The operand as [first..., second..., third...].
static Array arranged(const Array &array, ArrayRef<int64_t> first,
                      ArrayRef<int64_t> second, ArrayRef<int64_t> third) {
  Extents permutation(first);
  permutation.append(second.begin(), second.end());
  permutation.append(third.begin(), third.end());
  return array.transposed(permutation);
}

static Arrays evaluateContract(ContractOp op, Evaluator &evaluator,
                               ArrayRef<Array> operands) {
  auto type = cast<RankedTensorType>(op.getType());
  auto shape = evaluator.extents(type, op);
  if (failed(shape))
    return failure();
  auto lhsFree = op.getLhsFree(), rhsFree = op.getRhsFree();
  Array lhs =
      arranged(operands[0], op.getLhsBatch(), lhsFree, op.getLhsContracting());
  Array rhs =
      arranged(operands[1], op.getRhsBatch(), op.getRhsContracting(), rhsFree);
  int64_t batch = extentOf(operands[0], op.getLhsBatch()),
          m = extentOf(operands[0], lhsFree),
          k = extentOf(operands[0], op.getLhsContracting()),
          n = extentOf(operands[1], rhsFree);
  Array result(type.getElementType(), *shape);
  if (!result.isFloat())
    return op.emitError("integer contractions are not supported");
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t i = 0; i < m; ++i) {
      double *out = result.floats().data() + (b * m + i) * n;
      const double *row = lhs.floats().data() + (b * m + i) * k;
      const double *matrix = rhs.floats().data() + b * k * n;
      for (int64_t p = 0; p < k; ++p)
        for (int64_t j = 0; j < n; ++j)
          out[j] += row[p] * matrix[p * n + j];
    }
  return one(result);
}

// One output element: the window of `input` at `index` times filter `index[1]`.
static double convolveAt(ConvOp op, const Array &input, const Array &filter,
                         ArrayRef<int64_t> index) {
  Extents inputStrides = rowMajorStrides(input.getShape());
  int64_t groups = op.getGroups(), channels = filter.getShape()[1];
  int64_t group = index[1] / (filter.getShape()[0] / groups);
  int64_t filterSize = filter.size() / filter.getShape()[0];
  const double *weights = filter.floats().data() + index[1] * filterSize;
  double sum = 0;
  forEachIndex(filter.getShape().drop_front(1), [&](ArrayRef<int64_t> tap,
                                                    int64_t position) {
    int64_t source = index[0] * inputStrides[0] +
                     (group * channels + tap[0]) * inputStrides[1];
    for (size_t d = 0; d + 1 < tap.size(); ++d) {
      int64_t x = index[2 + d] * op.getStrides()[d] +
                  tap[1 + d] * op.getDilations()[d] - op.getPadLow()[d];
      if (x < 0 || x >= input.getShape()[2 + d])
        return;
      source += x * inputStrides[2 + d];
    }
    sum += weights[position] * input.floats()[source];
  });
  return sum;
}

static Arrays evaluateConv(ConvOp op, Evaluator &evaluator,
                           ArrayRef<Array> operands) {
  auto type = cast<RankedTensorType>(op.getType());
  auto shape = evaluator.extents(type, op);
  if (failed(shape))
    return failure();
  Array result(type.getElementType(), *shape);
  forEachIndex(*shape, [&](ArrayRef<int64_t> index, int64_t position) {
    result.floats()[position] = convolveAt(op, operands[0], operands[1], index);
  });
  return one(result);
}

void attachContractEvaluators(MLIRContext &context) {
  ContractOp::attachInterface<EvaluateModel<ContractOp, evaluateContract>>(
      context);
  ConvOp::attachInterface<EvaluateModel<ConvOp, evaluateConv>>(context);
}

} // namespace attune::nn
