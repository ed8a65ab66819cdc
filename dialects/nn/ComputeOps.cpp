// Type inference and verifiers of elementwise, reduce, contract, conv, norm and
// softmax. Inference fails silently where an attribute is wrong; the verifier,
// which runs on the built op, says why.
#include "dialects/nn/ElementwiseKinds.h"
#include "dialects/nn/OpHelpers.h"
#include "llvm/ADT/SmallSet.h"

namespace attune::nn {

using namespace mlir;

std::string text(ArrayRef<DimAttr> dims) {
  std::string result;
  llvm::raw_string_ostream os(result);
  os << '[';
  llvm::interleaveComma(dims, os,
                        [&](DimAttr dim) { dim.printExpression(os); });
  os << ']';
  return result;
}

LogicalResult checkAxes(ArrayRef<int64_t> axes, int64_t rank) {
  llvm::SmallSet<int64_t, 8> seen;
  return success(llvm::all_of(axes, [&](int64_t axis) {
    return axis >= 0 && axis < rank && seen.insert(axis).second;
  }));
}

LogicalResult verifyDims(Operation *op, StringRef name,
                         ArrayRef<DimAttr> expected, ArrayRef<DimAttr> found) {
  if (expected == found)
    return success();
  return op->emitOpError() << "expects " << name << " to have dims "
                           << text(expected) << ", found " << text(found);
}

LogicalResult verifyTf32(Operation *op, bool tf32, Value operand) {
  Type element = tensorOf(operand).getElementType();
  if (!tf32 || element.isF32())
    return success();
  return op->emitOpError() << "expects operands of f32 for tf32, found "
                           << element;
}

// ---- elementwise ----

LogicalResult ElementwiseOp::inferReturnTypes(MLIRContext *context,
                                              std::optional<Location>,
                                              Adaptor adaptor,
                                              SmallVectorImpl<Type> &types) {
  SmallVector<Dims> shapes;
  for (Value input : adaptor.getInputs())
    shapes.push_back(nn::getDims(input));
  FailureOr<Dims> dims = broadcastDims(shapes);
  if (failed(dims) || shapes.empty())
    return failure();
  Type element = tensorOf(adaptor.getInputs().back()).getElementType();
  if (givesBool(adaptor.getKind()))
    element = IntegerType::get(context, 1);
  if (adaptor.getKind() == ElementwiseKind::Cast) {
    if (!adaptor.getTo())
      return failure();
    element = *adaptor.getTo();
  }
  types.push_back(tensorType(*dims, element));
  return success();
}

LogicalResult ElementwiseOp::verify() {
  if (getInputs().size() != arity(getKind()))
    return emitOpError() << stringifyEnum(getKind()) << " takes "
                         << arity(getKind()) << " operands, found "
                         << getInputs().size(); // C1
  bool select = getKind() == ElementwiseKind::Select;
  if (select && !tensorOf(getInputs()[0]).getElementType().isInteger(1))
    return emitOpError() << "select expects an i1 condition"; // C3
  Type element = tensorOf(getInputs().back()).getElementType();
  for (Value input : getInputs().drop_front(select ? 1 : 0))
    if (tensorOf(input).getElementType() != element)
      return emitOpError() << "expects operands of one element type, found "
                           << element << " and "
                           << tensorOf(input).getElementType(); // C3
  if (bool(getTo()) != (getKind() == ElementwiseKind::Cast))
    return emitOpError() << "'to' belongs to cast, and cast needs it"; // C4
  return success();
}

// ---- reduce ----

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *context,
                                         std::optional<Location>,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  Dims input = nn::getDims(adaptor.getInput()), dims;
  for (auto [axis, dim] : llvm::enumerate(input)) {
    if (!llvm::is_contained(adaptor.getAxes(), int64_t(axis)))
      dims.push_back(dim);
    else if (adaptor.getKeepdims())
      dims.push_back(DimAttr::constant(context, 1));
  }
  types.push_back(
      tensorType(dims, tensorOf(adaptor.getInput()).getElementType()));
  return success();
}

LogicalResult ReduceOp::verify() {
  int64_t rank = tensorOf(getInput()).getRank();
  if (failed(checkAxes(getAxes(), rank)) || !llvm::is_sorted(getAxes()))
    return emitOpError() << "expects sorted, distinct axes inside rank "
                         << rank; // C1
  if (getKind() == ReduceKind::Mean &&
      !isa<FloatType>(tensorOf(getInput()).getElementType()))
    return emitOpError() << "mean expects a float element type"; // C2
  return success();
}

// ---- contract ----

// What the sum runs in is what it leaves in: a narrower result is a cast.
static Type sumType(std::optional<Type> accumulate, Value operand) {
  return accumulate.value_or(tensorOf(operand).getElementType());
}

static LogicalResult verifySum(Operation *op, std::optional<Type> accumulate,
                               Value operand) {
  auto sum = accumulate ? dyn_cast<FloatType>(*accumulate) : FloatType();
  auto element = dyn_cast<FloatType>(tensorOf(operand).getElementType());
  if (!accumulate || (sum && element &&
                      (sum == element || sum.getWidth() > element.getWidth())))
    return success();
  return op->emitOpError() << "expects to accumulate in the operands' type or "
                              "in a wider float, found "
                           << *accumulate << " for "
                           << tensorOf(operand).getElementType();
}

static SmallVector<int64_t> freeDims(int64_t rank, ArrayRef<int64_t> batch,
                                     ArrayRef<int64_t> contracting) {
  SmallVector<int64_t> free;
  for (int64_t axis = 0; axis < rank; ++axis)
    if (!llvm::is_contained(batch, axis) &&
        !llvm::is_contained(contracting, axis))
      free.push_back(axis);
  return free;
}

SmallVector<int64_t> ContractOp::getLhsFree() {
  return freeDims(tensorOf(getLhs()).getRank(), getLhsBatch(),
                  getLhsContracting());
}
SmallVector<int64_t> ContractOp::getRhsFree() {
  return freeDims(tensorOf(getRhs()).getRank(), getRhsBatch(),
                  getRhsContracting());
}

LogicalResult ContractOp::inferReturnTypes(MLIRContext *,
                                           std::optional<Location>,
                                           Adaptor adaptor,
                                           SmallVectorImpl<Type> &types) {
  Dims lhs = nn::getDims(adaptor.getLhs()), rhs = nn::getDims(adaptor.getRhs()),
       dims;
  if (failed(checkAxes(adaptor.getLhsBatch(), lhs.size())))
    return failure();
  for (int64_t axis : adaptor.getLhsBatch())
    dims.push_back(lhs[axis]);
  for (int64_t axis :
       freeDims(lhs.size(), adaptor.getLhsBatch(), adaptor.getLhsContracting()))
    dims.push_back(lhs[axis]);
  for (int64_t axis :
       freeDims(rhs.size(), adaptor.getRhsBatch(), adaptor.getRhsContracting()))
    dims.push_back(rhs[axis]);
  types.push_back(
      tensorType(dims, sumType(adaptor.getAccumulate(), adaptor.getLhs())));
  return success();
}

static LogicalResult verifyPairs(ContractOp op, StringRef what,
                                 ArrayRef<int64_t> lhsAxes,
                                 ArrayRef<int64_t> rhsAxes) {
  if (lhsAxes.size() != rhsAxes.size())
    return op.emitOpError()
           << "expects as many lhs as rhs " << what << " dims, found "
           << lhsAxes.size() << " and " << rhsAxes.size();
  for (auto [l, r] : llvm::zip(lhsAxes, rhsAxes)) {
    DimAttr lhs = getDim(op.getLhs(), l), rhs = getDim(op.getRhs(), r);
    if (lhs != rhs)
      return op.emitOpError()
             << what << " dims differ: lhs dim " << l << " is " << lhs.str()
             << ", rhs dim " << r << " is " << rhs.str(); // C2
  }
  return success();
}

LogicalResult ContractOp::verify() {
  auto check = [&](Value side, ArrayRef<int64_t> batch,
                   ArrayRef<int64_t> contracting) {
    SmallVector<int64_t> axes(batch);
    axes.append(contracting.begin(), contracting.end());
    return checkAxes(axes, tensorOf(side).getRank());
  };
  if (failed(check(getLhs(), getLhsBatch(), getLhsContracting())) ||
      failed(check(getRhs(), getRhsBatch(), getRhsContracting())))
    return emitOpError(
        "expects distinct batch and contracting dims inside each rank"); // C1
  if (tensorOf(getLhs()).getElementType() !=
      tensorOf(getRhs()).getElementType())
    return emitOpError("expects operands of one element type"); // C3
  if (failed(verifySum(*this, getAccumulate(), getLhs())) ||
      failed(verifyTf32(*this, getTf32(), getLhs())))
    return failure(); // C4, C5
  if (failed(verifyPairs(*this, "batch", getLhsBatch(), getRhsBatch())))
    return failure();
  return verifyPairs(*this, "contracting", getLhsContracting(),
                     getRhsContracting());
}

// ---- conv ----

LogicalResult ConvOp::inferReturnTypes(MLIRContext *context,
                                       std::optional<Location>, Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  Dims input = nn::getDims(adaptor.getInput()),
       filter = nn::getDims(adaptor.getFilter());
  size_t spatial = input.size() - 2;
  if (input.size() < 3 || filter.size() != input.size() ||
      adaptor.getStrides().size() != spatial ||
      adaptor.getDilations().size() != spatial ||
      adaptor.getPadLow().size() != spatial ||
      adaptor.getPadHigh().size() != spatial)
    return failure();
  Dims dims = {input[0], filter[0]};
  for (size_t i = 0; i < spatial; ++i) {
    DimAttr reach = (filter[2 + i] - 1) * adaptor.getDilations()[i];
    DimAttr padded =
        input[2 + i] + adaptor.getPadLow()[i] + adaptor.getPadHigh()[i];
    DimAttr stride = DimAttr::constant(context, adaptor.getStrides()[i]);
    DimAttr last = (padded - reach - 1).floorDiv(stride);
    if (!last)
      return failure();
    dims.push_back(last + 1);
  }
  types.push_back(
      tensorType(dims, sumType(adaptor.getAccumulate(), adaptor.getInput())));
  return success();
}

LogicalResult ConvOp::verify() {
  auto positive = [](int64_t value) { return value > 0; };
  auto notNegative = [](int64_t value) { return value >= 0; };
  if (!llvm::all_of(getStrides(), positive) ||
      !llvm::all_of(getDilations(), positive) ||
      !llvm::all_of(getPadLow(), notNegative) ||
      !llvm::all_of(getPadHigh(), notNegative))
    return emitOpError(
        "expects positive strides and dilations and paddings >= 0"); // C1
  auto filter = tensorOf(getFilter());
  int64_t channels = tensorOf(getInput()).getDimSize(1), groups = getGroups();
  if (!filter.hasStaticShape() || ShapedType::isDynamic(channels))
    return emitOpError("expects static channels and kernel extents"); // C3
  if (groups <= 0 || channels % groups != 0 ||
      filter.getDimSize(0) % groups != 0 ||
      filter.getDimSize(1) != channels / groups)
    return emitOpError() << "expects a filter for " << channels
                         << " channels in " << groups << " groups, found "
                         << filter.getDimSize(0) << " x "
                         << filter.getDimSize(1);       // C2
  return verifySum(*this, getAccumulate(), getInput()); // C4
}

// ---- norm ----

void NormOp::build(OpBuilder &builder, OperationState &state, NormKind kind,
                   Value input, int64_t axis, double epsilon, Value scale,
                   Value bias) {
  build(builder, state, input.getType(), Type(), Type(),
        NormKindAttr::get(builder.getContext(), kind), input,
        builder.getI64IntegerAttr(axis), builder.getF64FloatAttr(epsilon),
        scale, bias);
}

LogicalResult NormOp::verify() {
  Dims dims = nn::getDims(getInput());
  int64_t axis = getAxis();
  if (axis < 0 || axis >= int64_t(dims.size()))
    return emitOpError() << "axis " << axis << " is outside rank "
                         << dims.size(); // C1
  ArrayRef<DimAttr> normalised = ArrayRef(dims).drop_front(axis);
  if (!llvm::all_of(normalised,
                    [](DimAttr dim) { return bool(dim.getConstant()); }))
    return emitOpError() << "expects static normalised dims, found "
                         << text(normalised); // C1
  if (getResult().getType() != getInput().getType())
    return emitOpError("expects a result of the input's type");
  for (Value parameter : {getScale(), getBias()})
    if (parameter && failed(verifyDims(*this, "scale and bias", normalised,
                                       nn::getDims(parameter)))) // C2
      return failure();
  if (getMean() && getKind() == NormKind::Rms)
    return emitOpError("rms gives no mean"); // C3
  for (Value statistic : {getMean(), getRstd()})
    if (statistic &&
        failed(verifyDims(*this, "statistics", ArrayRef(dims).take_front(axis),
                          nn::getDims(statistic))))
      return failure();
  return success();
}

// ---- softmax ----

LogicalResult SoftmaxOp::inferReturnTypes(MLIRContext *,
                                          std::optional<Location>,
                                          Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  types.push_back(adaptor.getInput().getType());
  return success();
}

LogicalResult SoftmaxOp::verify() {
  int64_t rank = tensorOf(getInput()).getRank();
  if (int64_t(getAxis()) < 0 || int64_t(getAxis()) >= rank)
    return emitOpError() << "axis " << int64_t(getAxis()) << " is outside rank "
                         << rank; // C1
  return success();
}

} // namespace attune::nn
