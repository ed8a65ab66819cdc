// Resize and Upsample: interpolation, one axis after the other.
//
// Along an axis each element of the result is a weighted sum of a few elements
// of the input. Up to four, as nearest, linear and cubic read, are gathers at
// constant positions, times constant weights; an antialiased kernel that covers
// more is a product with the matrix of all weights. Repeating each element a
// whole number of times, which needs no numbers, is a view.
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/Interpolation.h"

#include <cmath>

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;

/// Taps that are worth a gather each.
static constexpr size_t maxGathers = 4;
/// Positions of an axis whose taps are written down.
static constexpr int64_t maxResized = 1 << 16;

static FailureOr<Interpolation> interpolationOf(Binder &node) {
  using Method = Interpolation::Method;
  using Rounding = Interpolation::Rounding;
  Interpolation how;
  StringRef mode = node.text("mode"), rounding = node.text("nearest_mode");
  if (mode == "linear" || mode == "bilinear")
    how.method = Method::Linear;
  else if (mode == "cubic")
    how.method = Method::Cubic;
  else if (mode != "nearest")
    return node.fail("mode '" + mode + "'");
  // Before opset 11 coordinates are i / scale, and nearest rounds down.
  bool old = node.since() < 11;
  how.coordinates =
      old ? "asymmetric" : node.text("coordinate_transformation_mode").str();
  if (old || rounding == "floor")
    how.rounding = Rounding::Floor;
  else if (rounding == "ceil")
    how.rounding = Rounding::Ceil;
  else if (rounding == "round_prefer_ceil")
    how.rounding = Rounding::PreferCeil;
  how.cubicCoefficient = node.real("cubic_coeff_a", -0.75);
  how.excludeOutside = node.integer("exclude_outside") != 0;
  how.antialias = node.integer("antialias") != 0;
  double x;
  if (!sourceCoordinate(how, ResizedAxis{1, 1}, 0, x))
    return node.fail("coordinate_transformation_mode '" + how.coordinates +
                     "'");
  return how;
}

// ---- what is resized to what ----

namespace {
struct Request {
  SmallVector<int64_t> axes;
  SmallVector<double> scales; ///< Or:
  Dims sizes;
  SmallVector<double> roi;
};
} // namespace

/// Numbers in an attribute of old opsets or in an input; none if absent or
/// empty, as exporters leave out what stands before other inputs.
static FailureOr<SmallVector<double>> numbersFrom(Binder &node, size_t i,
                                                  StringRef what) {
  if (!node.has(i) || node.in(i).dims.front().getConstant() == 0)
    return SmallVector<double>();
  auto known = node.ops.knownReals(node.in(i));
  if (!known)
    return node.fail(what + " that depend on data");
  return *known;
}

static FailureOr<Request> requestOf(Binder &node) {
  Request request;
  int64_t rank = node.in(0).rank();
  request.axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (node.hasAttribute("axes")) {
    request.axes.clear();
    for (int64_t given : node.integers("axes")) {
      auto axis = node.axis(given, rank);
      if (failed(axis))
        return failure();
      request.axes.push_back(*axis);
    }
  }
  if (auto list =
          dyn_cast_or_null<DenseF32ArrayAttr>(node.attribute("scales"))) {
    request.scales.assign(list.asArrayRef().begin(), list.asArrayRef().end());
  } else {
    bool hasRoi = node.since() >= 11;
    auto scales = numbersFrom(node, hasRoi ? 2 : 1, "scales");
    auto roi = hasRoi ? numbersFrom(node, 1, "regions")
                      : FailureOr<SmallVector<double>>(SmallVector<double>());
    if (failed(scales) || failed(roi))
      return failure();
    request.scales = *scales;
    request.roi = *roi;
  }
  if (request.scales.empty()) {
    auto sizes = node.shapeFrom(3);
    if (failed(sizes))
      return failure();
    request.sizes = *sizes;
  }
  size_t given = std::max(request.scales.size(), request.sizes.size());
  if (given != request.axes.size())
    return node.fail(Twine(given) + " sizes or scales for " +
                     Twine(request.axes.size()) + " axes");
  for (double scale : request.scales)
    if (!(scale > 0) || scale > 1e6)
      return node.fail("a scale of " + std::to_string(scale));
  return request;
}

/// Sizes that keep the aspect ratio follow from one scale for all axes.
static LogicalResult keepAspectRatio(Binder &node, Request &request) {
  StringRef policy = node.text("keep_aspect_ratio_policy");
  if (policy.empty() || policy == "stretch" || request.sizes.empty())
    return success();
  bool larger = policy == "not_smaller";
  if (!larger && policy != "not_larger")
    return node.fail("keep_aspect_ratio_policy '" + policy + "'");
  double scale = larger ? 0 : HUGE_VAL;
  SmallVector<int64_t> inputs;
  for (auto [axis, size] : llvm::zip(request.axes, request.sizes)) {
    auto input = node.in(0).dims[axis].getConstant(),
         wanted = size.getConstant();
    if (!input || !wanted || *input == 0)
      return node.fail("an aspect ratio of dimensions that are not static");
    double ratio = double(*wanted) / double(*input);
    scale = larger ? std::max(scale, ratio) : std::min(scale, ratio);
    inputs.push_back(*input);
  }
  for (auto [input, size] : llvm::zip(inputs, request.sizes))
    size = node.ops.dim(int64_t(std::floor(scale * double(input) + 0.5)));
  request.scales.assign(request.axes.size(), scale);
  return success();
}

// ---- one axis ----

/// Each element `times` times.
static Result repeatAlong(Ops &ops, const Imported &x, int64_t axis,
                          int64_t times) {
  Dims wide = x.dims, dims = x.dims;
  wide.insert(wide.begin() + axis + 1, ops.dim(times));
  dims[axis] = dims[axis] * times;
  Result y = ops.unsqueeze(x, {axis + 1});
  y = failed(y) ? y : ops.broadcast(*y, wide);
  return failed(y) ? y : ops.reshape(*y, dims);
}

/// Whether every position of the result is `times` times one of the input.
/// Coordinates that are the same in every period are so for any extent.
static bool repeats(const Interpolation &how, double scale) {
  if (how.method != Interpolation::Method::Nearest || scale < 1 ||
      scale != std::floor(scale) || scale > 64 ||
      (how.coordinates != "asymmetric" && how.coordinates != "half_pixel" &&
       how.coordinates != "pytorch_half_pixel"))
    return false;
  int64_t times = int64_t(scale), probe = 4;
  auto taps = tapsOf(how, {probe, probe * times, scale});
  for (int64_t i = 0; i < probe * times; ++i)
    if (taps[i].front().first != i / times)
      return false;
  return true;
}

/// The sum over taps of a gather times its weights.
static Result gatherTaps(Ops &ops, const Imported &x, int64_t axis,
                         ArrayRef<Taps> taps, size_t most) {
  int64_t count = taps.size();
  Dims along(x.rank() - axis, ops.dim(1));
  along[0] = ops.dim(count);
  Result sum = failure();
  for (size_t tap = 0; tap < most; ++tap) {
    Dims places;
    Imported weights = ops.scalar(x.element, 0);
    weights.own = weights.dims = along;
    weights.known.reals.clear();
    for (const Taps &all : taps) {
      bool has = tap < all.size();
      places.push_back(ops.dim(has ? all[tap].first : 0));
      weights.known.reals.push_back(has ? all[tap].second : 0);
    }
    Result part = ops.gather(
        x, ops.integers(ops.b.getI64Type(), {ops.dim(count)}, places), axis);
    bool plain = llvm::all_of(weights.known.reals,
                              [](double weight) { return weight == 1; });
    if (!plain)
      part = ops.apply(Kind::Mul, {part, weights});
    sum = tap == 0 ? part : ops.apply(Kind::Add, {sum, part});
  }
  return sum;
}

/// A product with the matrix of weights [output, input].
static Result multiplyTaps(Ops &ops, const Imported &x, int64_t axis,
                           ArrayRef<Taps> taps, int64_t input) {
  Imported matrix = ops.scalar(x.element, 0);
  matrix.own = matrix.dims = {ops.dim(int64_t(taps.size())), ops.dim(input)};
  matrix.known.reals.assign(taps.size() * input, 0);
  for (auto [i, all] : llvm::enumerate(taps))
    for (auto [at, weight] : all)
      matrix.known.reals[i * input + at] = weight;
  Result y = ops.contract(x, matrix, {}, {}, {axis}, {1});
  auto permutation = llvm::to_vector(llvm::seq<int64_t>(0, x.rank() - 1));
  permutation.insert(permutation.begin() + axis, x.rank() - 1);
  return failed(y) ? y : ops.transpose(*y, permutation);
}

/// Which positions along the axis lie outside of what is cropped.
static Imported outsideOf(Ops &ops, int64_t rank, int64_t axis,
                          ArrayRef<Taps> taps) {
  Dims dims(rank - axis, ops.dim(1)), truths;
  dims[0] = ops.dim(int64_t(taps.size()));
  for (const Taps &all : taps)
    truths.push_back(ops.dim(all.empty()));
  return ops.integers(ops.b.getI1Type(), dims, truths);
}

/// The scale of an axis if it is known; its extents may be symbols. Else 0.
static double scaleOf(Binder &node, const Request &request, size_t i) {
  if (!request.scales.empty())
    return request.scales[i];
  DimAttr ratio = request.sizes[i].exactDiv(node.in(0).dims[request.axes[i]]);
  return ratio ? double(ratio.getConstant().value_or(0)) : 0;
}

static FailureOr<ResizedAxis> axisOf(Binder &node, const Request &request,
                                     size_t i) {
  DimAttr extent = node.in(0).dims[request.axes[i]];
  auto input = extent.getConstant();
  std::optional<int64_t> output;
  if (!request.sizes.empty())
    output = request.sizes[i].getConstant();
  else if (input)
    output = int64_t(std::floor(request.scales[i] * double(*input)));
  if (!input || !output || *input < 1 || *output < 0)
    return node.fail("resizes axis " + Twine(request.axes[i]) + " from " +
                     extent.str() +
                     ", which is not static; bind its symbols to numbers, or "
                     "use nearest with a whole scale");
  if (*output > maxResized)
    return node.fail("a size of " + Twine(*output));
  ResizedAxis axis{*input, *output};
  axis.scale = request.scales.empty() ? double(*output) / double(*input)
                                      : request.scales[i];
  size_t count = request.axes.size();
  if (request.roi.size() == 2 * count) {
    axis.roiStart = request.roi[i];
    axis.roiEnd = request.roi[i + count];
  }
  return axis;
}

static LogicalResult importResize(Binder &node) {
  Ops &ops = node.ops;
  auto how = interpolationOf(node);
  auto request = failed(how) ? FailureOr<Request>(failure()) : requestOf(node);
  if (failed(request) || failed(keepAspectRatio(node, *request)))
    return failure();
  if (!node.in(0).isFloat() && how->method != Interpolation::Method::Nearest)
    return node.fail("expected floats");
  Result y = node.in(0), outside = failure();
  for (size_t i = 0; i < request->axes.size() && succeeded(y); ++i) {
    int64_t axis = request->axes[i];
    double scale = scaleOf(node, *request, i);
    bool crops = how->coordinates == "tf_crop_and_resize";
    if (!crops && scale == 1)
      continue;
    if (repeats(*how, scale)) {
      y = repeatAlong(ops, *y, axis, int64_t(scale));
      continue;
    }
    auto resized = axisOf(node, *request, i);
    if (failed(resized))
      return failure();
    auto taps = tapsOf(*how, *resized);
    size_t most = 1;
    bool crosses = false;
    for (const Taps &all : taps) {
      most = std::max(most, all.size());
      crosses |= all.empty();
    }
    if (crosses) {
      Imported here = outsideOf(ops, y->rank(), axis, taps);
      outside = failed(outside) ? Result(here)
                                : ops.elementwise(Kind::Or, {*outside, here});
    }
    y = most <= maxGathers ? gatherTaps(ops, *y, axis, taps, most)
                           : multiplyTaps(ops, *y, axis, taps, resized->input);
  }
  if (succeeded(outside) && succeeded(y))
    y = ops.apply(
        Kind::Select,
        {outside, ops.scalar(y->element, node.real("extrapolation_value")), y});
  return node.set(0, y);
}

void registerResize(ImportTable &table) {
  table.add("Resize", 10, importResize);
  table.add("Upsample", 7, importResize);
}

} // namespace attune::onnx
