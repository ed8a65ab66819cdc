// Pooling: MaxPool, AveragePool, LpPool and their global forms.
//
// A window's elements are combined one spatial dim after the other: along a
// dim, its taps are slices of the padded input, added or compared element by
// element, which one map kernel does; where windows tile the dim they are a
// reduction.
#include "frontends/onnx/SlidingWindow.h"

#include <limits>

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;
using nn::ReduceKind;

/// What leaves a maximum as it is.
static double leastOf(Type element) {
  return isa<FloatType>(element)
             ? -std::numeric_limits<double>::infinity()
             : -std::ldexp(1.0, int(element.getIntOrFloatBitWidth()) - 1);
}

/// Combines the windows along `axis`, spatial dim i of the window. x is padded.
static Result combineAlong(Ops &ops, ReduceKind kind, const Imported &x,
                           int64_t axis, const SlidingWindow &window, size_t i,
                           DimAttr count) {
  int64_t kernel = window.kernel[i], stride = window.strides[i];
  if (kernel == 1 && stride == 1)
    return x;
  Dims starts(x.rank(), ops.dim(0)), sizes = x.dims;
  SmallVector<int64_t> steps(x.rank(), 1);
  if (kernel == stride && window.dilations[i] == 1 && count.getConstant()) {
    Result tiled = ops.window(x, axis, ops.dim(0), count * kernel);
    sizes[axis] = count;
    sizes.insert(sizes.begin() + axis + 1, ops.dim(kernel));
    tiled = failed(tiled) ? tiled : ops.reshape(*tiled, sizes);
    return failed(tiled) ? tiled : ops.reduce(kind, *tiled, {axis + 1}, false);
  }
  steps[axis] = stride;
  sizes[axis] = count;
  Result all = failure();
  for (int64_t tap = 0; tap < kernel; ++tap) {
    starts[axis] = ops.dim(tap * window.dilations[i]);
    Result part = ops.slice(x, starts, sizes, steps);
    if (failed(part))
      return failure();
    all = tap == 0 ? part
                   : ops.apply(kind == ReduceKind::Max ? Kind::Max : Kind::Add,
                               {all, part});
  }
  return all;
}

/// The windows' maxima or sums; outside the input lies `border`.
static Result pool(Ops &ops, ReduceKind kind, const Imported &x,
                   const SlidingWindow &window, double border) {
  size_t spatial = window.kernel.size();
  Dims low(x.rank(), ops.dim(0)), high = low;
  for (size_t i = 0; i < spatial; ++i) {
    low[2 + i] = ops.dim(window.low[i]);
    high[2 + i] = ops.dim(window.high[i] + window.beyond[i]);
  }
  Result y = ops.pad(x, ops.scalar(x.element, border), low, high);
  // From the last dim on: its results lie side by side.
  for (size_t i = spatial; i-- > 0 && succeeded(y);)
    y = combineAlong(ops, kind, *y, 2 + i, window, i,
                     window.count(x.dims[2 + i], i));
  return y;
}

static FailureOr<SlidingWindow> windowOf(Binder &node) {
  const Imported &x = node.in(0);
  ArrayRef<int64_t> kernel = node.integers("kernel_shape");
  if (x.rank() < 3 || int64_t(kernel.size()) != x.rank() - 2)
    return node.fail("a kernel of " + Twine(kernel.size()) +
                     " dimensions for an input " + text(x.dims));
  return readWindow(node, kernel);
}

static LogicalResult importMaxPool(Binder &node) {
  const Imported &x = node.in(0);
  auto window = windowOf(node);
  if (failed(window))
    return failure();
  if (x.isBool())
    return node.fail("expected numbers");
  return node.set(
      0, pool(node.ops, ReduceKind::Max, x, *window, leastOf(x.element)));
}

/// Along spatial dim i: how many elements of the input, or of the padded input,
/// each window has.
static Result countAlong(Binder &node, const SlidingWindow &window, size_t i,
                         bool padded) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  DimAttr extent = x.dims[2 + i];
  int64_t low = window.low[i], high = window.high[i];
  if (padded) {
    extent = extent + low + high;
    low = high = 0;
  }
  Imported ones = ops.splat(x.element, {extent}, 1);
  Result counts = ops.pad(ones, ops.scalar(x.element, 0), {ops.dim(low)},
                          {ops.dim(high + window.beyond[i])});
  if (succeeded(counts))
    counts = combineAlong(ops, ReduceKind::Sum, *counts, 0, window, i,
                          window.count(x.dims[2 + i], i));
  Dims dims(x.rank(), ops.dim(1));
  dims[2 + i] = window.count(x.dims[2 + i], i);
  return failed(counts) ? counts : ops.reshape(*counts, dims);
}

static LogicalResult importAveragePool(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto window = windowOf(node);
  if (failed(window))
    return failure();
  if (!x.isFloat())
    return node.fail("expected floats");
  Result y = pool(ops, ReduceKind::Sum, x, *window, 0);
  bool padded = node.integer("count_include_pad") != 0;
  double whole = 1;
  for (size_t i = 0; i < window->kernel.size(); ++i) {
    bool full = window->beyond[i] == 0 &&
                (padded || (window->low[i] == 0 && window->high[i] == 0));
    if (full)
      whole *= double(window->kernel[i]);
    else
      y = ops.apply(Kind::Div, {y, countAlong(node, *window, i, padded)});
  }
  return node.set(0, ops.apply(Kind::Div, {y, ops.scalar(x.element, whole)}));
}

/// |x|^p, or its root.
static Result power(Ops &ops, Result x, double p) {
  if (failed(x) || p == 1)
    return x;
  if (p == 2)
    return ops.apply(Kind::Mul, {x, x});
  if (p == 0.5)
    return ops.apply(Kind::Sqrt, {x});
  return ops.apply(Kind::Pow, {x, ops.scalar(x->element, p)});
}

/// (sum of |x|^p)^(1/p); p is a float in opset 1.
static FailureOr<double> normOf(Binder &node) {
  auto real = dyn_cast_or_null<FloatAttr>(node.attribute("p"));
  double p = real ? real.getValueAsDouble() : double(node.integer("p", 2));
  if (!(p > 0) || !node.in(0).isFloat())
    return node.fail("expected floats and a positive p");
  return p;
}

static LogicalResult importLpPool(Binder &node) {
  Ops &ops = node.ops;
  auto window = windowOf(node);
  auto p = normOf(node);
  if (failed(window) || failed(p))
    return failure();
  Result terms = power(ops, ops.apply(Kind::Abs, {node.in(0)}), *p);
  if (failed(terms))
    return failure();
  return node.set(
      0, power(ops, pool(ops, ReduceKind::Sum, *terms, *window, 0), 1 / *p));
}

static Result reduceSpatial(Binder &node, ReduceKind kind, const Imported &x) {
  if (x.rank() < 3)
    return node.fail("expected [N, C, X...], found " + text(x.dims));
  return node.ops.reduce(
      kind, x, llvm::to_vector(llvm::seq<int64_t>(2, x.rank())), true);
}

template <ReduceKind kind>
static LogicalResult importGlobalPool(Binder &node) {
  return node.set(0, reduceSpatial(node, kind, node.in(0)));
}

static LogicalResult importGlobalLpPool(Binder &node) {
  Ops &ops = node.ops;
  auto p = normOf(node);
  if (failed(p))
    return failure();
  Result terms = power(ops, ops.apply(Kind::Abs, {node.in(0)}), *p);
  if (failed(terms))
    return failure();
  return node.set(
      0, power(ops, reduceSpatial(node, ReduceKind::Sum, *terms), 1 / *p));
}

void registerPool(ImportTable &table) {
  table.add("MaxPool", 1, importMaxPool);
  table.add("AveragePool", 1, importAveragePool);
  table.add("LpPool", 1, importLpPool);
  table.add("GlobalAveragePool", 1, importGlobalPool<ReduceKind::Mean>);
  table.add("GlobalMaxPool", 1, importGlobalPool<ReduceKind::Max>);
  table.add("GlobalLpPool", 1, importGlobalLpPool);
}

} // namespace attune::onnx
