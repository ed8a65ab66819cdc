// Convolution.
#include "frontends/onnx/SlidingWindow.h"

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;

static LogicalResult checkChannels(Binder &node, int64_t groups) {
  const Imported &x = node.in(0), &w = node.in(1);
  auto filter = staticExtents(w.dims);
  auto channels = x.dims[1].getConstant();
  if (!filter || !channels)
    return node.fail("expected static channels and kernel, found " +
                     text(x.dims) + " and " + text(w.dims));
  if (groups < 1 || *channels % groups != 0 || (*filter)[0] % groups != 0 ||
      (*filter)[1] != *channels / groups)
    return node.fail("a filter " + text(w.dims) + " for an input " +
                     text(x.dims) + " in " + Twine(groups) + " groups");
  if (llvm::is_contained(*filter, 0))
    return node.fail("an empty filter " + text(w.dims));
  if (node.hasAttribute("kernel_shape") &&
      node.integers("kernel_shape") != ArrayRef(*filter).drop_front(2))
    return node.fail("'kernel_shape' differs from that of the filter " +
                     text(w.dims));
  return success();
}

/// Input 2, one number for each channel, added.
static Result withBias(Binder &node, Result y) {
  if (failed(y) || !node.has(2))
    return y;
  Dims channel(y->rank() - 1, node.ops.dim(1));
  channel[0] = y->dims[1];
  return node.ops.apply(Kind::Add, {y, node.ops.reshape(node.in(2), channel)});
}

static LogicalResult importConv(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0), &w = node.in(1);
  if (x.rank() < 3 || w.rank() != x.rank() || !x.isFloat() ||
      x.element != w.element)
    return node.fail("expected floats [N, C, X...] and [O, C, K...], found " +
                     text(x.dims) + " and " + text(w.dims));
  int64_t groups = node.integer("group", 1);
  if (failed(checkChannels(node, groups)))
    return failure();
  auto window =
      readWindow(node, *staticExtents(ArrayRef(w.dims).drop_front(2)));
  if (failed(window))
    return failure();
  OpBuilder &b = ops.b;
  Result y = ops.fromValue(nn::ConvOp::create(
      b, ops.loc, ops.full(x), ops.full(w),
      b.getDenseI64ArrayAttr(window->strides),
      b.getDenseI64ArrayAttr(window->dilations),
      b.getDenseI64ArrayAttr(window->low), b.getDenseI64ArrayAttr(window->high),
      b.getI64IntegerAttr(groups), TypeAttr()));
  return node.set(0, withBias(node, y));
}

/// Pads of a transposed convolution, which cut its full result: given, or such
/// that the result has output_shape or, with auto_pad, stride times the input.
static FailureOr<SmallVector<int64_t>>
transposedPads(Binder &node, const SlidingWindow &window) {
  size_t spatial = window.kernel.size();
  SmallVector<int64_t> pads(window.low);
  pads.append(window.high);
  ArrayRef<int64_t> extra = node.integers("output_padding");
  ArrayRef<int64_t> wanted = node.integers("output_shape");
  StringRef mode = node.text("auto_pad");
  bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (!extra.empty() && extra.size() != spatial)
    return node.fail("attribute 'output_padding' has " + Twine(extra.size()) +
                     " entries for " + Twine(spatial) + " spatial dimensions");
  if (wanted.size() > spatial)
    wanted = wanted.take_back(spatial);
  for (size_t i = 0; i < spatial; ++i) {
    int64_t more = extra.empty() ? 0 : extra[i];
    if (same || !wanted.empty()) {
      auto extent = node.in(0).dims[2 + i].getConstant();
      if (!extent)
        return node.fail("an output shape needs static spatial dimensions, "
                         "found " +
                         text(node.in(0).dims));
      int64_t size = wanted.empty() ? *extent * window.strides[i] : wanted[i];
      int64_t total =
          window.strides[i] * (*extent - 1) + more + window.reach(i) - size;
      // What is missing is added behind.
      int64_t half = total < 0 ? 0 : total / 2;
      pads[i] = mode == "SAME_UPPER" || total < 0 ? half : total - half;
      pads[i + spatial] = total - pads[i];
    }
    pads[i + spatial] -= more;
    if (std::max(pads[i], pads[i + spatial]) >= window.reach(i))
      return node.fail("pads of more than the kernel");
  }
  return pads;
}

/// x with stride - 1 zeros after each element but the last of a dim.
static Result spreadElements(Ops &ops, const Imported &x,
                             ArrayRef<int64_t> strides) {
  Result y = x;
  for (auto [i, stride] : llvm::enumerate(strides)) {
    if (stride == 1)
      continue;
    int64_t axis = 2 + i;
    Dims dims = x.dims, low(x.rank() + 1, ops.dim(0)), high = low;
    y = failed(y) ? y : ops.unsqueeze(*y, {axis + 1});
    high[axis + 1] = ops.dim(stride - 1);
    y = failed(y) ? y : ops.pad(*y, ops.scalar(x.element, 0), low, high);
    if (failed(y))
      return failure();
    dims = y->dims;
    dims.erase(dims.begin() + axis + 1);
    DimAttr extent = dims[axis];
    dims[axis] = extent * stride;
    y = ops.reshape(*y, dims);
    if (succeeded(y))
      y = ops.window(*y, axis, ops.dim(0), extent * stride - (stride - 1));
  }
  return y;
}

/// [C, O / G, K...] -> [O, C / G, K...] with every kernel reversed: the filter
/// of the convolution that a transposed one is.
static Result transposedFilter(Ops &ops, const Imported &w, int64_t groups) {
  DimAttr channels = w.dims[0].exactDiv(ops.dim(groups));
  Dims split = {ops.dim(groups), channels};
  split.append(w.dims.begin() + 1, w.dims.end());
  auto permutation = llvm::to_vector(llvm::seq<int64_t>(0, w.rank() + 1));
  std::swap(permutation[1], permutation[2]);
  Dims joined = {w.dims[1] * groups, channels};
  joined.append(w.dims.begin() + 2, w.dims.end());
  Result y = ops.reshape(w, split);
  y = failed(y) ? y : ops.transpose(*y, permutation);
  y = failed(y) ? y : ops.reshape(*y, joined);
  if (failed(y))
    return failure();
  Dims starts(y->rank(), ops.dim(0));
  SmallVector<int64_t> steps(y->rank(), 1);
  for (int64_t i = 2; i < y->rank(); ++i) {
    starts[i] = y->dims[i] - 1;
    steps[i] = -1;
  }
  return ops.slice(*y, starts, y->dims, steps);
}

/// Windows that do not overlap, as in the decoders of segmentation models: a
/// product and a permutation, of which pads cut the border.
static Result tileTransposed(Ops &ops, const Imported &x, const Imported &w,
                             ArrayRef<int64_t> pads) {
  int64_t spatial = x.rank() - 2;
  Result y = ops.contract(x, w, {}, {}, {1}, {0}); // [N, X..., O, K...]
  SmallVector<int64_t> permutation = {0, 1 + spatial};
  Dims dims = {x.dims[0], w.dims[1]};
  for (int64_t i = 0; i < spatial; ++i) {
    permutation.append({1 + i, 2 + spatial + i});
    dims.push_back(x.dims[2 + i] * w.dims[2 + i]);
  }
  y = failed(y) ? y : ops.transpose(*y, permutation);
  y = failed(y) ? y : ops.reshape(*y, dims);
  for (int64_t i = 0; i < spatial && succeeded(y); ++i)
    y = ops.window(*y, 2 + i, ops.dim(pads[i]),
                   dims[2 + i] - pads[i] - pads[i + spatial]);
  return y;
}

/// The convolution of the spread input with the turned filter.
static Result convolveTransposed(Ops &ops, const Imported &x, const Imported &w,
                                 int64_t groups, const SlidingWindow &window,
                                 ArrayRef<int64_t> pads) {
  Result input = spreadElements(ops, x, window.strides);
  Result turned = transposedFilter(ops, w, groups);
  if (failed(input) || failed(turned))
    return failure();
  size_t spatial = window.kernel.size();
  SmallVector<int64_t> low, high, ones(spatial, 1);
  for (size_t i = 0; i < spatial; ++i) {
    low.push_back(window.reach(i) - 1 - pads[i]);
    high.push_back(window.reach(i) - 1 - pads[i + spatial]);
  }
  OpBuilder &b = ops.b;
  return ops.fromValue(nn::ConvOp::create(
      b, ops.loc, ops.full(*input), ops.full(*turned),
      b.getDenseI64ArrayAttr(ones), b.getDenseI64ArrayAttr(window.dilations),
      b.getDenseI64ArrayAttr(low), b.getDenseI64ArrayAttr(high),
      b.getI64IntegerAttr(groups), TypeAttr()));
}

static LogicalResult importConvTranspose(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0), &w = node.in(1);
  int64_t groups = node.integer("group", 1);
  auto filter = staticExtents(w.dims);
  if (x.rank() < 3 || w.rank() != x.rank() || !x.isFloat() ||
      x.element != w.element || !filter || groups < 1 ||
      x.dims[1] != w.dims[0] || (*filter)[0] % groups != 0)
    return node.fail("expected floats [N, C, X...] and static [C, O, K...], "
                     "found " +
                     text(x.dims) + " and " + text(w.dims));
  auto kernel = ArrayRef(*filter).drop_front(2);
  if (node.hasAttribute("kernel_shape") &&
      node.integers("kernel_shape") != kernel)
    return node.fail("'kernel_shape' differs from that of the filter " +
                     text(w.dims));
  auto window = readWindowAttributes(node, kernel);
  auto pads = failed(window) ? FailureOr<SmallVector<int64_t>>(failure())
                             : transposedPads(node, *window);
  if (failed(pads))
    return failure();
  bool tiles =
      groups == 1 && llvm::equal(window->strides, kernel) &&
      llvm::all_of(window->dilations, [](int64_t d) { return d == 1; }) &&
      llvm::all_of(*pads, [](int64_t pad) { return pad >= 0; });
  Result y = tiles ? tileTransposed(ops, x, w, *pads)
                   : convolveTransposed(ops, x, w, groups, *window, *pads);
  return node.set(0, withBias(node, y));
}

void registerConv(ImportTable &table) {
  table.add("Conv", 1, importConv);
  table.add("ConvTranspose", 1, importConvTranspose);
}

} // namespace attune::onnx
