// Reads the window attributes of convolutions and poolings.
#include "frontends/onnx/SlidingWindow.h"

namespace attune::onnx {

using namespace mlir;

DimAttr SlidingWindow::count(DimAttr input, size_t i) const {
  DimAttr free = input + low[i] + high[i] + beyond[i] - reach(i);
  return free.floorDiv(DimAttr::constant(input.getContext(), strides[i])) + 1;
}

/// SAME_UPPER and SAME_LOWER: pads such that output = ceil(input / stride).
static LogicalResult padSame(Binder &node, SlidingWindow &window, bool upper) {
  auto input = ArrayRef(node.in(0).dims).drop_front(2);
  for (size_t i = 0; i < input.size(); ++i) {
    int64_t stride = window.strides[i], total = window.reach(i) - 1;
    if (auto extent = input[i].getConstant()) {
      int64_t outputs = (*extent + stride - 1) / stride;
      total = std::max<int64_t>(0, (outputs - 1) * stride + window.reach(i) -
                                       *extent);
    } else if (stride != 1) {
      return node.fail("auto_pad needs static spatial dimensions, found " +
                       text(input));
    }
    window.low[i] = upper ? total / 2 : total - total / 2;
    window.high[i] = total - window.low[i];
  }
  return success();
}

/// ceil_mode: a last window may reach beyond the padding, but must not start
/// there.
static LogicalResult padCeil(Binder &node, SlidingWindow &window) {
  auto input = ArrayRef(node.in(0).dims).drop_front(2);
  for (size_t i = 0; i < input.size(); ++i) {
    int64_t stride = window.strides[i];
    if (stride == 1)
      continue;
    auto extent = input[i].getConstant();
    if (!extent)
      return node.fail("ceil_mode needs static spatial dimensions, found " +
                       text(input));
    int64_t padded = *extent + window.low[i] + window.high[i];
    int64_t free = padded - window.reach(i);
    if (free < 0)
      continue; // Refused later: the window does not fit.
    int64_t last = (free + stride - 1) / stride * stride;
    if (last >= *extent + window.low[i])
      last -= stride;
    window.beyond[i] = std::max<int64_t>(0, last + window.reach(i) - padded);
  }
  return success();
}

static LogicalResult checkEntries(Binder &node, size_t spatial) {
  for (StringRef name : {"strides", "dilations", "pads"})
    if (node.hasAttribute(name) &&
        node.integers(name).size() != spatial * (name == "pads" ? 2 : 1))
      return node.fail("attribute '" + name + "' has " +
                       Twine(node.integers(name).size()) + " entries for " +
                       Twine(spatial) + " spatial dimensions");
  return success();
}

static LogicalResult checkRange(Binder &node, StringRef name,
                                ArrayRef<int64_t> values, int64_t least) {
  for (int64_t value : values)
    if (value < least || value > int64_t{1} << 31)
      return node.fail("'" + name + "' has " + Twine(value) + ", expected " +
                       Twine(least) + " to 2^31");
  return success();
}

FailureOr<SlidingWindow> readWindowAttributes(Binder &node,
                                              ArrayRef<int64_t> kernel) {
  size_t spatial = kernel.size();
  if (failed(checkEntries(node, spatial)))
    return failure();
  auto list = [&](StringRef name, size_t size, int64_t fallback) {
    return node.hasAttribute(name) ? SmallVector<int64_t>(node.integers(name))
                                   : SmallVector<int64_t>(size, fallback);
  };
  SlidingWindow window;
  window.kernel.assign(kernel.begin(), kernel.end());
  window.strides = list("strides", spatial, 1);
  window.dilations = list("dilations", spatial, 1);
  auto pads = list("pads", 2 * spatial, 0);
  window.low.assign(pads.begin(), pads.begin() + spatial);
  window.high.assign(pads.begin() + spatial, pads.end());
  window.beyond.assign(spatial, 0);
  if (failed(checkRange(node, "kernel_shape", window.kernel, 1)) ||
      failed(checkRange(node, "strides", window.strides, 1)) ||
      failed(checkRange(node, "dilations", window.dilations, 1)) ||
      failed(checkRange(node, "pads", pads, 0)))
    return failure();
  return window;
}

FailureOr<SlidingWindow> readWindow(Binder &node, ArrayRef<int64_t> kernel) {
  auto read = readWindowAttributes(node, kernel);
  if (failed(read))
    return failure();
  SlidingWindow &window = *read;
  size_t spatial = kernel.size();
  StringRef mode = node.text("auto_pad");
  if (!llvm::is_contained({"", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"},
                          mode))
    return node.fail("'auto_pad' is '" + mode +
                     "', expected NOTSET, VALID, SAME_UPPER or SAME_LOWER");
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    if (failed(padSame(node, window, mode == "SAME_UPPER")))
      return failure();
  } else if (mode == "VALID") {
    window.low.assign(spatial, 0);
    window.high.assign(spatial, 0);
  }
  if (node.integer("ceil_mode") != 0 && failed(padCeil(node, window)))
    return failure();
  for (size_t i = 0; i < spatial; ++i) {
    DimAttr extent = node.in(0).dims[2 + i] + window.low[i] + window.high[i] +
                     window.beyond[i];
    if (!extent || !node.ops.symbols.atLeast(extent, window.reach(i)))
      return node.fail("the input " + text(node.in(0).dims) +
                       " may be smaller than the kernel");
  }
  return window;
}

} // namespace attune::onnx
