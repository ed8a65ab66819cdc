// Normalisations and softmax.
#include "frontends/onnx/Binder.h"

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;

/// scale or bias as a tensor of exactly the normalised dims.
static FailureOr<Value> parameter(Binder &node, size_t i,
                                  ArrayRef<DimAttr> normalised) {
  if (!node.has(i))
    return Value();
  Imported x = node.in(i);
  if (x.element != node.in(0).element)
    return node.fail("expected parameters of the input's type");
  if (!nn::broadcastsTo(x.dims, normalised))
    return node.fail("expected parameters that broadcast to " +
                     text(normalised) + ", found " + text(x.dims));
  x.dims = Dims(normalised);
  return node.ops.full(x);
}

static LogicalResult importNorm(Binder &node, nn::NormKind kind) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto axis = node.axis("axis", x.rank());
  if (failed(axis))
    return failure();
  if (!x.isFloat())
    return node.fail("expected floats");
  ArrayRef<DimAttr> normalised = ArrayRef(x.dims).drop_front(*axis);
  if (!staticExtents(normalised))
    return node.fail("expected static normalised dimensions, found " +
                     text(normalised));
  auto scale = parameter(node, 1, normalised);
  auto bias = parameter(node, 2, normalised);
  if (failed(scale) || failed(bias))
    return failure();
  bool layer = kind == nn::NormKind::Layer;
  Dims leading(x.dims.begin(), x.dims.begin() + *axis);
  Type statistic = nn::tensorType(leading, x.element);
  auto norm = nn::NormOp::create(
      ops.b, ops.loc, nn::tensorType(x.dims, x.element),
      layer && node.wants(1) ? statistic : Type(),
      layer && node.wants(2) ? statistic : Type(), kind, ops.full(x), *axis,
      APFloat(node.real("epsilon", 1e-5)), *scale, *bias);
  if (failed(node.set(0, ops.fromValue(norm.getResult()))))
    return failure();
  // ONNX keeps the normalised dims of the statistics with extent 1.
  leading.resize(x.rank(), ops.dim(1));
  for (auto [i, value] : {std::pair(1, norm.getMean()), {2, norm.getRstd()}})
    if (value &&
        failed(node.set(i, ops.reshape(ops.fromValue(value), leading))))
      return failure();
  return success();
}

static LogicalResult importLayerNorm(Binder &node) {
  return importNorm(node, nn::NormKind::Layer);
}
static LogicalResult importRmsNorm(Binder &node) {
  return importNorm(node, nn::NormKind::Rms);
}

static LogicalResult importSoftmax(Binder &node) {
  auto axis = node.axis("axis", node.in(0).rank());
  if (failed(axis))
    return failure();
  return node.set(0, node.ops.softmax(node.in(0), *axis));
}

/// Before opset 13 all dims from `axis` on form one axis.
static LogicalResult importOldSoftmax(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto axis = node.axis("axis", x.rank());
  if (failed(axis))
    return failure();
  if (*axis == x.rank() - 1)
    return node.set(0, ops.softmax(x, *axis));
  Dims flat(x.dims.begin(), x.dims.begin() + *axis);
  flat.push_back(
      nn::numElements(ArrayRef(x.dims).drop_front(*axis), ops.b.getContext()));
  Result y = ops.reshape(x, flat);
  if (succeeded(y))
    y = ops.softmax(*y, *axis);
  if (succeeded(y))
    y = ops.reshape(*y, x.dims);
  return node.set(0, y);
}

/// x - max - log(sum(exp(x - max))).
static LogicalResult importLogSoftmax(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto axis = node.axis("axis", x.rank());
  if (failed(axis))
    return failure();
  if (!x.isFloat())
    return node.fail("expected floats");
  Result max = ops.reduce(nn::ReduceKind::Max, x, {*axis}, true);
  Result y = failed(max) ? max : ops.elementwise(Kind::Sub, {x, *max});
  Result sum = failed(y) ? y : ops.elementwise(Kind::Exp, {*y});
  if (succeeded(sum))
    sum = ops.reduce(nn::ReduceKind::Sum, *sum, {*axis}, true);
  if (succeeded(sum))
    sum = ops.elementwise(Kind::Log, {*sum});
  if (failed(sum))
    return failure();
  return node.set(0, ops.elementwise(Kind::Sub, {*y, *sum}));
}

/// scale * (x - mean) / sqrt(var + epsilon) + bias with the running statistics.
static LogicalResult importBatchNorm(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  if (node.integer("training_mode") != 0)
    return node.fail("batch normalisation in training mode");
  if (x.rank() < 2)
    return node.fail("expected an input of rank 2 or more");
  Dims channel(x.rank() - 1, ops.dim(1));
  channel[0] = x.dims[1];
  Imported parameters[4];
  for (size_t i = 0; i < 4; ++i) {
    Result shaped = ops.reshape(node.in(i + 1), channel);
    if (failed(shaped))
      return failure();
    parameters[i] = *shaped;
  }
  auto &[scale, bias, mean, variance] = parameters;
  Imported epsilon = ops.scalar(variance.element, node.real("epsilon", 1e-5));
  Result factor = ops.elementwise(Kind::Add, {variance, epsilon});
  if (succeeded(factor))
    factor = ops.elementwise(Kind::Rsqrt, {*factor});
  if (succeeded(factor))
    factor = ops.elementwise(Kind::Mul, {*factor, scale});
  Result y = ops.elementwise(Kind::Sub, {x, mean});
  if (failed(factor) || failed(y))
    return failure();
  y = ops.elementwise(Kind::Mul, {*y, *factor});
  if (succeeded(y))
    y = ops.elementwise(Kind::Add, {*y, bias});
  return node.set(0, y);
}

void registerNorm(ImportTable &table) {
  table.add("LayerNormalization", 17, importLayerNorm);
  table.add("RMSNormalization", 23, importRmsNorm);
  table.add("BatchNormalization", 9, importBatchNorm);
  table.add("Softmax", 1, importOldSoftmax);
  table.add("Softmax", 13, importSoftmax);
  table.add("LogSoftmax", 13, importLogSoftmax);
}

} // namespace attune::onnx
