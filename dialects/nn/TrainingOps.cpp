// Ops that only training needs: verifiers.
#include "dialects/nn/OpHelpers.h"

namespace attune::nn {

using namespace mlir;

LogicalResult RandomOp::verify() {
  constexpr int64_t kIds = int64_t(1) << 32;
  int64_t id = getId();
  if (id < 0 || id >= kIds)
    return emitOpError() << "expects an id in [0, 2^32), found " << id; // C2
  if (!tensorOf(getResult()).getElementType().isF32())
    return emitOpError("expects a result of f32"); // C3
  return success();
}

LogicalResult ScatterOp::verify() {
  Dims result = nn::getDims(getResult()), indices = nn::getDims(getIndices());
  int64_t axis = getAxis();
  if (axis < 0 || axis >= int64_t(result.size()))
    return emitOpError() << "axis " << axis << " is outside rank "
                         << result.size(); // C1
  Dims expected(result.begin(), result.begin() + axis);
  expected.append(indices);
  expected.append(result.begin() + axis + 1, result.end());
  if (failed(verifyDims(*this, "updates", expected, nn::getDims(getUpdates()))))
    return failure(); // C2
  if (tensorOf(getUpdates()).getElementType() !=
      tensorOf(getResult()).getElementType())
    return emitOpError("expects updates of the result's element type"); // C3
  return success();
}

LogicalResult CrossEntropyOp::verify() {
  Dims leading = nn::getDims(getLogits());
  if (leading.empty())
    return emitOpError("expects logits of rank 1 or more"); // C1
  leading.pop_back();
  for (auto [name, value] : {std::pair<StringRef, Value>("labels", getLabels()),
                             {"loss", getLoss()},
                             {"logsumexp", getLogsumexp()}})
    if (failed(verifyDims(*this, name, leading, nn::getDims(value))))
      return failure(); // C1
  double smoothing = getSmoothing().convertToDouble();
  if (!(smoothing >= 0 && smoothing < 1))
    return emitOpError() << "expects a smoothing in [0, 1), found "
                         << smoothing; // C2
  return success();
}

} // namespace attune::nn
