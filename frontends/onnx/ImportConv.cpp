// Convolution.
#include "frontends/onnx/Binder.h"

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;

namespace {
struct Window {
  SmallVector<int64_t> strides, dilations, low, high;
};
} // namespace

/// SAME_UPPER and SAME_LOWER: pads such that output = ceil(input / stride).
static LogicalResult padSame(Binder &node, Window &window, bool upper) {
  auto input = ArrayRef(node.in(0).dims).drop_front(2);
  auto kernel = ArrayRef(node.in(1).dims).drop_front(2);
  auto extents = staticExtents(input), sizes = staticExtents(kernel);
  if (!extents || !sizes)
    return node.fail("auto_pad needs static spatial dimensions, found " +
                     text(input));
  for (size_t i = 0; i < extents->size(); ++i) {
    int64_t stride = window.strides[i];
    int64_t outputs = ((*extents)[i] + stride - 1) / stride;
    int64_t reach = ((*sizes)[i] - 1) * window.dilations[i] + 1;
    int64_t total =
        std::max<int64_t>(0, (outputs - 1) * stride + reach - (*extents)[i]);
    window.low[i] = upper ? total / 2 : total - total / 2;
    window.high[i] = total - window.low[i];
  }
  return success();
}

static LogicalResult readWindow(Binder &node, size_t spatial, Window &window) {
  auto list = [&](StringRef name, size_t size, SmallVector<int64_t> fallback) {
    ArrayRef<int64_t> given = node.integers(name);
    return given.size() == size && node.hasAttribute(name)
               ? SmallVector<int64_t>(given)
               : fallback;
  };
  for (StringRef name : {"strides", "dilations", "pads"})
    if (node.hasAttribute(name) &&
        node.integers(name).size() != spatial * (name == "pads" ? 2 : 1))
      return node.fail("attribute '" + name + "' has " +
                       Twine(node.integers(name).size()) + " entries for " +
                       Twine(spatial) + " spatial dimensions");
  window.strides = list("strides", spatial, SmallVector<int64_t>(spatial, 1));
  window.dilations =
      list("dilations", spatial, SmallVector<int64_t>(spatial, 1));
  auto pads = list("pads", 2 * spatial, SmallVector<int64_t>(2 * spatial, 0));
  window.low.assign(pads.begin(), pads.begin() + spatial);
  window.high.assign(pads.begin() + spatial, pads.end());
  auto check = [&](StringRef name, ArrayRef<int64_t> values, int64_t least) {
    for (int64_t value : values)
      if (value < least || value > int64_t{1} << 31)
        return node.fail("'" + name + "' has " + Twine(value) + ", expected " +
                         Twine(least) + " to 2^31");
    return success();
  };
  if (failed(check("strides", window.strides, 1)) ||
      failed(check("dilations", window.dilations, 1)) ||
      failed(check("pads", pads, 0)))
    return failure();
  StringRef mode = node.text("auto_pad");
  if (!llvm::is_contained({"", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"},
                          mode))
    return node.fail("'auto_pad' is '" + mode +
                     "', expected NOTSET, VALID, SAME_UPPER or SAME_LOWER");
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER")
    return padSame(node, window, mode == "SAME_UPPER");
  if (mode == "VALID") {
    window.low.assign(spatial, 0);
    window.high.assign(spatial, 0);
  }
  return success();
}

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

static LogicalResult importConv(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0), &w = node.in(1);
  if (x.rank() < 3 || w.rank() != x.rank() || !x.isFloat() ||
      x.element != w.element)
    return node.fail("expected floats [N, C, X...] and [O, C, K...], found " +
                     text(x.dims) + " and " + text(w.dims));
  size_t spatial = x.rank() - 2;
  int64_t groups = node.integer("group", 1);
  Window window;
  if (failed(checkChannels(node, groups)) ||
      failed(readWindow(node, spatial, window)))
    return failure();
  for (size_t i = 0; i < spatial; ++i) {
    int64_t reach =
        (*w.dims[2 + i].getConstant() - 1) * window.dilations[i] + 1;
    DimAttr extent = x.dims[2 + i] + window.low[i] + window.high[i];
    if (!ops.symbols.atLeast(extent, reach))
      return node.fail("the input " + text(x.dims) +
                       " may be smaller than the kernel");
  }
  OpBuilder &b = ops.b;
  Result y = ops.fromValue(nn::ConvOp::create(
      b, ops.loc, ops.full(x), ops.full(w),
      b.getDenseI64ArrayAttr(window.strides),
      b.getDenseI64ArrayAttr(window.dilations),
      b.getDenseI64ArrayAttr(window.low), b.getDenseI64ArrayAttr(window.high),
      b.getI64IntegerAttr(groups), TypeAttr()));
  if (node.has(2)) {
    Dims channel(spatial + 1, ops.dim(1));
    channel[0] = w.dims[0];
    Result bias = ops.reshape(node.in(2), channel);
    y = failed(bias) ? bias : ops.elementwise(Kind::Add, {*y, *bias});
  }
  return node.set(0, y);
}

void registerConv(ImportTable &table) { table.add("Conv", 1, importConv); }

} // namespace attune::onnx
