// Values of the data-movement ops, weights and groups.
#include "dialects/nn/reference/EvaluateModels.h"

namespace attune::nn {

using namespace mlir;

static FailureOr<Extents> resultExtents(Operation *op, Evaluator &evaluator) {
  return evaluator.extents(cast<RankedTensorType>(op->getResult(0).getType()),
                           op);
}

static Arrays evaluateReshape(ReshapeOp op, Evaluator &evaluator,
                              ArrayRef<Array> operands) {
  auto shape = resultExtents(op, evaluator);
  return failed(shape) ? Arrays(failure()) : one(operands[0].reshaped(*shape));
}

static Arrays evaluateTranspose(TransposeOp op, Evaluator &,
                                ArrayRef<Array> operands) {
  return one(operands[0].transposed(op.getPermutation()));
}

static Arrays evaluateBroadcast(BroadcastOp op, Evaluator &evaluator,
                                ArrayRef<Array> operands) {
  auto shape = resultExtents(op, evaluator);
  return failed(shape) ? Arrays(failure())
                       : one(operands[0].broadcasted(*shape));
}

static Arrays evaluateSlice(SliceOp op, Evaluator &evaluator,
                            ArrayRef<Array> operands) {
  auto starts = evaluator.extents(op.getStarts().getDims(), op);
  auto sizes = evaluator.extents(op.getSizes().getDims(), op);
  if (failed(starts) || failed(sizes))
    return failure();
  const Array &input = operands[0];
  Extents strides = rowMajorStrides(input.getShape());
  int64_t offset = 0;
  for (int64_t axis = 0; axis < input.getRank(); ++axis) {
    int64_t first = (*starts)[axis], size = (*sizes)[axis];
    int64_t last = first + (size - 1) * op.getSteps()[axis];
    if (size > 0 && (std::min(first, last) < 0 ||
                     std::max(first, last) >= input.getShape()[axis]))
      return op.emitError()
             << "reads positions " << first << " to " << last << " of "
             << input.getShape()[axis] << " on axis " << axis;
    offset += first * strides[axis];
    strides[axis] *= op.getSteps()[axis];
  }
  return one(input.gathered(*sizes, offset, strides));
}

// Copies `source` into `target` at `offsets`.
static void place(const Array &source, Array &target,
                  ArrayRef<int64_t> offsets) {
  Extents strides = rowMajorStrides(target.getShape());
  forEachIndex(source.getShape(),
               [&](ArrayRef<int64_t> index, int64_t position) {
                 int64_t to = 0;
                 for (size_t axis = 0; axis < index.size(); ++axis)
                   to += (index[axis] + offsets[axis]) * strides[axis];
                 if (target.isFloat())
                   target.floats()[to] = source.floats()[position];
                 else
                   target.ints()[to] = source.ints()[position];
               });
}

static Arrays evaluateConcat(ConcatOp op, Evaluator &evaluator,
                             ArrayRef<Array> operands) {
  auto shape = resultExtents(op, evaluator);
  if (failed(shape))
    return failure();
  Array result(operands[0].getElementType(), *shape);
  Extents offsets(shape->size(), 0);
  for (const Array &operand : operands) {
    place(operand, result, offsets);
    offsets[op.getAxis()] += operand.getShape()[op.getAxis()];
  }
  return one(result);
}

static Arrays evaluatePad(PadOp op, Evaluator &evaluator,
                          ArrayRef<Array> operands) {
  auto shape = resultExtents(op, evaluator);
  auto low = evaluator.extents(op.getLow().getDims(), op);
  if (failed(shape) || failed(low))
    return failure();
  Array result = operands[1].broadcasted(*shape);
  if (result.size() == operands[1].size())
    result =
        result.gathered(*shape, 0, rowMajorStrides(*shape)); // own elements
  place(operands[0], result, *low);
  return one(result);
}

static Arrays evaluateGather(GatherOp op, Evaluator &evaluator,
                             ArrayRef<Array> operands) {
  auto shape = resultExtents(op, evaluator);
  if (failed(shape))
    return failure();
  const Array &data = operands[0], &indices = operands[1];
  int64_t axis = op.getAxis(), extent = data.getShape()[axis], outer = 1,
          inner = 1;
  for (int64_t i = 0; i < data.getRank(); ++i)
    (i < axis ? outer : inner) *= i == axis ? 1 : data.getShape()[i];
  Array result(data.getElementType(), *shape);
  int64_t to = 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < indices.size(); ++i) {
      int64_t index = indices.ints()[i] < 0 ? indices.ints()[i] + extent
                                            : indices.ints()[i];
      if (index < 0 || index >= extent)
        return op.emitError() << "index " << indices.ints()[i]
                              << " is outside the axis of extent " << extent;
      int64_t from = (o * extent + index) * inner;
      for (int64_t j = 0; j < inner; ++j, ++to)
        if (result.isFloat())
          result.floats()[to] = data.floats()[from + j];
        else
          result.ints()[to] = data.ints()[from + j];
    }
  return one(result);
}

static Arrays evaluateIota(IotaOp op, Evaluator &evaluator, ArrayRef<Array>) {
  auto shape = resultExtents(op, evaluator);
  if (failed(shape))
    return failure();
  Array result(cast<RankedTensorType>(op.getType()).getElementType(), *shape);
  forEachIndex(*shape, [&](ArrayRef<int64_t> index, int64_t position) {
    if (result.isFloat())
      result.floats()[position] = double(index[op.getAxis()]);
    else
      result.ints()[position] = index[op.getAxis()];
  });
  return one(result);
}

static Arrays evaluateDim(DimOp op, Evaluator &evaluator, ArrayRef<Array>) {
  auto value = evaluator.extents({op.getDim()}, op);
  if (failed(value))
    return failure();
  Array result(cast<RankedTensorType>(op.getType()).getElementType(), {});
  result.ints()[0] = value->front();
  return one(result);
}

static Arrays evaluateLoadWeight(LoadWeightOp op, Evaluator &evaluator,
                                 ArrayRef<Array>) {
  auto value = evaluator.weight(op.getWeight(), op);
  return failed(value) ? Arrays(failure()) : one(*value);
}

static Arrays evaluateGroup(GroupOp op, Evaluator &evaluator,
                            ArrayRef<Array> operands) {
  return evaluator.runBlock(op.getBody().front(), operands);
}

void attachDataEvaluators(MLIRContext &context) {
  ReshapeOp::attachInterface<EvaluateModel<ReshapeOp, evaluateReshape>>(
      context);
  TransposeOp::attachInterface<EvaluateModel<TransposeOp, evaluateTranspose>>(
      context);
  BroadcastOp::attachInterface<EvaluateModel<BroadcastOp, evaluateBroadcast>>(
      context);
  SliceOp::attachInterface<EvaluateModel<SliceOp, evaluateSlice>>(context);
  ConcatOp::attachInterface<EvaluateModel<ConcatOp, evaluateConcat>>(context);
  PadOp::attachInterface<EvaluateModel<PadOp, evaluatePad>>(context);
  GatherOp::attachInterface<EvaluateModel<GatherOp, evaluateGather>>(context);
  IotaOp::attachInterface<EvaluateModel<IotaOp, evaluateIota>>(context);
  DimOp::attachInterface<EvaluateModel<DimOp, evaluateDim>>(context);
  LoadWeightOp::attachInterface<
      EvaluateModel<LoadWeightOp, evaluateLoadWeight>>(context);
  GroupOp::attachInterface<EvaluateModel<GroupOp, evaluateGroup>>(context);
}

} // namespace attune::nn
