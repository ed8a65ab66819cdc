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

static Result softmax(Ops &ops, const Imported &x, int64_t axis) {
  return ops.softmax(x, axis);
}

/// x - max - log(sum(exp(x - max))).
static Result logSoftmax(Ops &ops, const Imported &x, int64_t axis) {
  if (!x.isFloat())
    return ops.fail("expected floats");
  Result centred = ops.apply(
      Kind::Sub, {x, ops.reduce(nn::ReduceKind::Max, x, {axis}, true)});
  Result terms = ops.apply(Kind::Exp, {centred});
  if (failed(terms))
    return failure();
  Result sum = ops.reduce(nn::ReduceKind::Sum, *terms, {axis}, true);
  return ops.apply(Kind::Sub, {centred, ops.apply(Kind::Log, {sum})});
}

/// 1 for the first greatest element, else 0.
static Result hardmax(Ops &ops, const Imported &x, int64_t axis) {
  Imported places = ops.positions(x.rank(), axis, x.dims[axis]);
  Imported none = ops.integers(places.element, {}, {x.dims[axis]});
  Result greatest = ops.reduce(nn::ReduceKind::Max, x, {axis}, true);
  Result candidates = ops.apply(
      Kind::Select, {ops.apply(Kind::Equal, {x, greatest}), places, none});
  if (failed(candidates))
    return failure();
  Result first = ops.reduce(nn::ReduceKind::Min, *candidates, {axis}, true);
  Result hit = ops.apply(Kind::Equal, {places, first});
  return failed(hit) ? hit : ops.cast(*hit, x.element);
}

using AlongAxis = Result (*)(Ops &, const Imported &, int64_t);

template <AlongAxis function>
static LogicalResult importAlongAxis(Binder &node) {
  auto axis = node.axis("axis", node.in(0).rank());
  if (failed(axis))
    return failure();
  return node.set(0, function(node.ops, node.in(0), *axis));
}

/// Before opset 13 all dims from `axis` on form one axis.
template <AlongAxis function>
static LogicalResult importFlattened(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto axis = node.axis("axis", x.rank());
  if (failed(axis))
    return failure();
  if (*axis == x.rank() - 1)
    return node.set(0, function(ops, x, *axis));
  Dims flat(x.dims.begin(), x.dims.begin() + *axis);
  flat.push_back(
      nn::numElements(ArrayRef(x.dims).drop_front(*axis), ops.b.getContext()));
  Result y = ops.reshape(x, flat);
  y = failed(y) ? y : function(ops, *y, *axis);
  return node.set(0, failed(y) ? y : ops.reshape(*y, x.dims));
}

/// (x - mean) / sqrt(var + epsilon) over the last axis.
static Result normalised(Ops &ops, const Imported &x, double epsilon) {
  int64_t last = x.rank() - 1;
  if (x.dims.back().getConstant()) {
    auto norm = nn::NormOp::create(ops.b, ops.loc, nn::NormKind::Layer,
                                   ops.full(x), last, epsilon);
    return ops.fromValue(norm.getResult());
  }
  Result mean = ops.reduce(nn::ReduceKind::Mean, x, {last}, true);
  Result centred = ops.apply(Kind::Sub, {x, mean});
  Result square = ops.apply(Kind::Mul, {centred, centred});
  if (failed(square))
    return failure();
  Result variance = ops.reduce(nn::ReduceKind::Mean, *square, {last}, true);
  Result shifted =
      ops.apply(Kind::Add, {variance, ops.scalar(x.element, epsilon)});
  return ops.apply(Kind::Mul, {centred, ops.apply(Kind::Rsqrt, {shifted})});
}

/// Normalises each of `groups` groups of channels, then scales groups or
/// channels.
static LogicalResult importGroups(Binder &node, int64_t groups, bool byGroup) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto channels =
      x.rank() < 3 ? std::optional<int64_t>() : x.dims[1].getConstant();
  if (!x.isFloat() || !channels || groups < 1 || *channels % groups != 0)
    return node.fail(
        "expected floats [N, C, X...] whose channels divide into " +
        Twine(groups) + " groups, found " + text(x.dims));
  DimAttr inner =
      nn::numElements(ArrayRef(x.dims).drop_front(2), ops.b.getContext());
  DimAttr width = inner ? inner * (*channels / groups) : DimAttr();
  if (failed(ops.checkDims({width})))
    return failure();
  Result y = ops.reshape(x, {x.dims[0], ops.dim(groups), width});
  y = failed(y) ? y : normalised(ops, *y, node.real("epsilon", 1e-5));
  int64_t scales = byGroup ? groups : *channels;
  Dims split = {x.dims[0], ops.dim(scales)};
  split.push_back(inner * (*channels / scales));
  y = failed(y) ? y : ops.reshape(*y, split);
  Dims parameter = {ops.dim(scales), ops.dim(1)};
  y = ops.apply(Kind::Mul, {y, ops.reshape(node.in(1), parameter)});
  y = ops.apply(Kind::Add, {y, ops.reshape(node.in(2), parameter)});
  return node.set(0, failed(y) ? y : ops.reshape(*y, x.dims));
}

static LogicalResult importGroupNorm(Binder &node) {
  // Opset 18 had a scale for each group, 21 has one for each channel.
  return importGroups(node, node.integer("num_groups"), node.since() < 21);
}

static LogicalResult importInstanceNorm(Binder &node) {
  auto channels = node.in(0).rank() < 3 ? std::optional<int64_t>()
                                        : node.in(0).dims[1].getConstant();
  return importGroups(node, channels.value_or(1), false);
}

/// x / (sum of |x|^p)^(1/p).
static LogicalResult importLpNorm(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto axis = node.axis("axis", x.rank());
  int64_t p = node.integer("p", 2);
  if (failed(axis))
    return failure();
  if (!x.isFloat() || (p != 1 && p != 2))
    return node.fail("expected floats and a p of 1 or 2");
  Result terms =
      p == 1 ? ops.apply(Kind::Abs, {x}) : ops.apply(Kind::Mul, {x, x});
  if (failed(terms))
    return failure();
  Result sum = ops.reduce(nn::ReduceKind::Sum, *terms, {*axis}, true);
  if (p == 2)
    sum = ops.apply(Kind::Sqrt, {sum});
  Result y = ops.apply(Kind::Div, {x, sum});
  // A norm of 0 has zeros alone, which stay.
  Result isZero = ops.apply(Kind::Equal, {sum, ops.scalar(x.element, 0)});
  return node.set(0, ops.apply(Kind::Select, {isZero, x, y}));
}

/// (x - mean) / (sqrt(var) + 1e-9), as ONNX's function body has it.
static LogicalResult importMeanVariance(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  SmallVector<int64_t> axes(node.integers("axes"));
  if (axes.empty())
    axes = {0, 2, 3};
  Result centred = ops.apply(
      Kind::Sub, {x, ops.reduce(nn::ReduceKind::Mean, x, axes, true)});
  Result square = ops.apply(Kind::Mul, {centred, centred});
  if (failed(square))
    return failure();
  Result variance = ops.reduce(nn::ReduceKind::Mean, *square, axes, true);
  Result deviation = ops.apply(Kind::Add, {ops.apply(Kind::Sqrt, {variance}),
                                           ops.scalar(x.element, 1e-9)});
  return node.set(0, ops.apply(Kind::Div, {centred, deviation}));
}

/// scale * (x - mean) / sqrt(var + epsilon) + bias with the running statistics.
static LogicalResult importBatchNorm(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  if (node.integer("training_mode") != 0)
    return node.fail("batch normalisation in training mode; export the model "
                     "for inference (in PyTorch model.eval() and "
                     "TrainingMode.EVAL)");
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
  table.add("GroupNormalization", 18, importGroupNorm);
  table.add("InstanceNormalization", 6, importInstanceNorm);
  table.add("LpNormalization", 1, importLpNorm);
  table.add("MeanVarianceNormalization", 9, importMeanVariance);
  table.add("Softmax", 1, importFlattened<softmax>);
  table.add("Softmax", 13, importAlongAxis<softmax>);
  table.add("LogSoftmax", 1, importFlattened<logSoftmax>);
  table.add("LogSoftmax", 13, importAlongAxis<logSoftmax>);
  table.add("Hardmax", 1, importFlattened<hardmax>);
  table.add("Hardmax", 13, importAlongAxis<hardmax>);
}

} // namespace attune::onnx
