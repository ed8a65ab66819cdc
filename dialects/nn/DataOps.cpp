// Type inference, verifiers and identity folds of the data-movement ops.
#include "dialects/nn/OpHelpers.h"

namespace attune::nn {

using namespace mlir;

bool isView(Operation *op) {
  return isa_and_nonnull<TransposeOp, ReshapeOp, SliceOp, BroadcastOp,
                         BarrierOp>(op);
}

// ---- reshape, broadcast ----

LogicalResult ReshapeOp::verify() {
  MLIRContext *context = getContext();
  Dims from = nn::getDims(getInput()), to = nn::getDims(getResult());
  if (numElements(from, context) != numElements(to, context))
    return emitOpError() << "changes the number of elements: " << text(from)
                         << " to " << text(to); // C1
  if (tensorOf(getInput()).getElementType() !=
      tensorOf(getResult()).getElementType())
    return emitOpError("changes the element type");
  return success();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType())
    return getInput();
  // Only the last of a chain of reshapes matters.
  if (auto producer = getInput().getDefiningOp<ReshapeOp>()) {
    getInputMutable().assign(producer.getInput());
    return getResult();
  }
  return {};
}

LogicalResult BroadcastOp::verify() {
  if (!broadcastsTo(nn::getDims(getInput()), nn::getDims(getResult())))
    return emitOpError() << text(nn::getDims(getInput()))
                         << " does not broadcast to "
                         << text(nn::getDims(getResult())); // C1
  if (tensorOf(getInput()).getElementType() !=
      tensorOf(getResult()).getElementType())
    return emitOpError("changes the element type");
  return success();
}

OpFoldResult BroadcastOp::fold(FoldAdaptor) {
  return getInput().getType() == getType() ? OpFoldResult(getInput())
                                           : OpFoldResult();
}

// ---- transpose ----

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location>,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  Dims input = nn::getDims(adaptor.getInput()), dims;
  if (adaptor.getPermutation().size() != input.size() ||
      failed(checkAxes(adaptor.getPermutation(), input.size())))
    return failure();
  for (int64_t axis : adaptor.getPermutation())
    dims.push_back(input[axis]);
  types.push_back(
      tensorType(dims, tensorOf(adaptor.getInput()).getElementType()));
  return success();
}

LogicalResult TransposeOp::verify() {
  int64_t rank = tensorOf(getInput()).getRank();
  if (int64_t(getPermutation().size()) != rank ||
      failed(checkAxes(getPermutation(), rank)))
    return emitOpError() << "expects a permutation of " << rank
                         << " dims"; // C1
  return success();
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  if (llvm::equal(getPermutation(),
                  llvm::seq<int64_t>(0, getPermutation().size())))
    return getInput();
  if (auto producer = getInput().getDefiningOp<TransposeOp>()) {
    SmallVector<int64_t> composed;
    for (int64_t axis : getPermutation())
      composed.push_back(producer.getPermutation()[axis]);
    setPermutation(composed);
    getInputMutable().assign(producer.getInput());
    return getResult();
  }
  return {};
}

// ---- slice ----

LogicalResult SliceOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                        Adaptor adaptor,
                                        SmallVectorImpl<Type> &types) {
  auto input = tensorOf(adaptor.getInput());
  if (int64_t(adaptor.getSizes().size()) != input.getRank())
    return failure();
  types.push_back(
      tensorType(adaptor.getSizes().getDims(), input.getElementType()));
  return success();
}

LogicalResult SliceOp::verify() {
  Dims input = nn::getDims(getInput());
  if (getStarts().size() != input.size() || getSteps().size() != input.size())
    return emitOpError() << "expects one start, size and step for each of "
                         << input.size() << " dims"; // C1
  for (size_t i = 0; i < input.size(); ++i) {
    if (getSteps()[i] == 0)
      return emitOpError() << "step of dim " << i << " is 0"; // C1
    auto start = getStarts()[i].getConstant(),
         size = getSizes()[i].getConstant();
    auto extent = input[i].getConstant();
    if (size && *size < 0)
      return emitOpError() << "size of dim " << i << " is negative";
    if (!start || !size || !extent || *size == 0)
      continue;
    int64_t last = *start + (*size - 1) * getSteps()[i];
    if (std::min(*start, last) < 0 || std::max(*start, last) >= *extent)
      return emitOpError() << "window of dim " << i << " reads positions "
                           << *start << " to " << last << " of "
                           << *extent; // C2
  }
  return success();
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  bool whole =
      getType() == getInput().getType() &&
      llvm::all_of(getStarts().getDims(),
                   [](DimAttr start) { return start.getConstant() == 0; }) &&
      llvm::all_of(getSteps(), [](int64_t step) { return step == 1; });
  return whole ? OpFoldResult(getInput()) : OpFoldResult();
}

// ---- concat ----

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  if (adaptor.getInputs().empty())
    return failure();
  Dims dims = nn::getDims(adaptor.getInputs().front());
  int64_t axis = adaptor.getAxis();
  if (axis < 0 || axis >= int64_t(dims.size()))
    return failure();
  for (Value input : adaptor.getInputs().drop_front()) {
    Dims other = nn::getDims(input);
    if (other.size() != dims.size())
      return failure();
    dims[axis] = dims[axis] + other[axis];
  }
  types.push_back(
      tensorType(dims, tensorOf(adaptor.getInputs().front()).getElementType()));
  return success();
}

LogicalResult ConcatOp::verify() {
  if (getInputs().empty())
    return emitOpError("expects an operand"); // C1
  auto first = tensorOf(getInputs().front());
  for (Value input : getInputs()) {
    if (tensorOf(input).getElementType() != first.getElementType())
      return emitOpError("expects operands of one element type"); // C1
    Dims expected = nn::getDims(first), found = nn::getDims(input);
    expected[getAxis()] = found[getAxis()];
    if (failed(verifyDims(*this, "operands", expected, found)))
      return failure(); // C2
  }
  return success();
}

// ---- pad ----

LogicalResult PadOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                      Adaptor adaptor,
                                      SmallVectorImpl<Type> &types) {
  Dims dims = nn::getDims(adaptor.getInput());
  if (adaptor.getLow().size() != dims.size() ||
      adaptor.getHigh().size() != dims.size())
    return failure();
  for (size_t i = 0; i < dims.size(); ++i)
    dims[i] = dims[i] + adaptor.getLow()[i] + adaptor.getHigh()[i];
  types.push_back(
      tensorType(dims, tensorOf(adaptor.getInput()).getElementType()));
  return success();
}

LogicalResult PadOp::verify() {
  auto negative = [](DimAttr dim) { return dim.getConstant().value_or(0) < 0; };
  if (llvm::any_of(getLow().getDims(), negative) ||
      llvm::any_of(getHigh().getDims(), negative))
    return emitOpError("expects amounts that are not negative"); // C1
  auto value = tensorOf(getValue());
  if (value.getRank() != 0 ||
      value.getElementType() != tensorOf(getInput()).getElementType())
    return emitOpError(
        "expects a scalar value of the input's element type"); // C2
  return success();
}

// ---- gather ----

LogicalResult GatherOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  Dims data = nn::getDims(adaptor.getData()),
       indices = nn::getDims(adaptor.getIndices());
  int64_t axis = adaptor.getAxis();
  if (axis < 0 || axis >= int64_t(data.size()))
    return failure();
  Dims dims(data.begin(), data.begin() + axis);
  dims.append(indices);
  dims.append(data.begin() + axis + 1, data.end());
  types.push_back(
      tensorType(dims, tensorOf(adaptor.getData()).getElementType()));
  return success();
}

LogicalResult GatherOp::verify() {
  int64_t rank = tensorOf(getData()).getRank();
  if (int64_t(getAxis()) < 0 || int64_t(getAxis()) >= rank)
    return emitOpError() << "axis " << int64_t(getAxis()) << " is outside rank "
                         << rank; // C1
  return success();
}

// ---- iota, dim ----

LogicalResult IotaOp::verify() {
  int64_t rank = tensorOf(getResult()).getRank();
  if (int64_t(getAxis()) < 0 || int64_t(getAxis()) >= rank)
    return emitOpError() << "axis " << int64_t(getAxis()) << " is outside rank "
                         << rank; // C1
  return success();
}

LogicalResult DimOp::verify() {
  return tensorOf(getResult()).getRank() == 0
             ? success()
             : emitOpError("expects a rank-0 result");
}

} // namespace attune::nn
