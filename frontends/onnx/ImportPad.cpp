// Borders: Pad, CenterCropPad.
#include "frontends/onnx/Binder.h"

namespace attune::onnx {

using namespace mlir;

/// Pads that are known or follow from shapes, for every axis; 0 where an axis
/// is not padded.
static LogicalResult readPads(Binder &node, Dims &low, Dims &high) {
  Ops &ops = node.ops;
  int64_t rank = node.in(0).rank();
  auto pads = node.hasAttribute("pads")
                  ? FailureOr<Dims>(ops.dimsOf(node.integers("pads")))
                  : node.shapeFrom(1);
  if (failed(pads))
    return failure();
  auto axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (node.has(3)) {
    auto given = ops.knownConstants(node.in(3));
    if (!given)
      return node.fail("axes that are not known");
    axes = *given;
  }
  if (pads->size() != 2 * axes.size())
    return node.fail("expected two pads for each axis");
  low.assign(rank, ops.dim(0));
  high = low;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    auto at = node.axis(axis, rank);
    if (failed(at))
      return failure();
    low[*at] = (*pads)[i];
    high[*at] = (*pads)[i + axes.size()];
  }
  return success();
}

/// Negative pads cut; what is left of `low` and `high` adds.
static Result cropped(Ops &ops, const Imported &x, Dims &low, Dims &high) {
  Result y = x;
  for (int64_t i = 0; i < x.rank() && succeeded(y); ++i) {
    DimAttr start = ops.dim(0), size = x.dims[i];
    if (auto cut = low[i].getConstant(); cut && *cut < 0) {
      start = ops.dim(-*cut);
      size = size + *cut;
      low[i] = ops.dim(0);
    }
    if (auto cut = high[i].getConstant(); cut && *cut < 0) {
      size = size + *cut;
      high[i] = ops.dim(0);
    }
    y = ops.window(*y, i, start, size);
  }
  return y;
}

/// `count` positions along an axis from `start` on, forwards or backwards.
static Result run(Ops &ops, const Imported &x, int64_t axis, DimAttr start,
                  DimAttr count, int64_t step) {
  Dims starts(x.rank(), ops.dim(0)), sizes = x.dims;
  SmallVector<int64_t> steps(x.rank(), 1);
  starts[axis] = start;
  sizes[axis] = count;
  steps[axis] = step;
  return ops.slice(x, starts, sizes, steps);
}

/// The border of one side, made of the tensor's own elements.
static Result border(Ops &ops, const Imported &x, int64_t axis, DimAttr count,
                     StringRef mode, bool behind) {
  DimAttr extent = x.dims[axis];
  if (mode == "edge") {
    Dims dims = x.dims;
    dims[axis] = count;
    Result edge =
        ops.window(x, axis, behind ? extent - 1 : ops.dim(0), ops.dim(1));
    return failed(edge) ? edge : ops.broadcast(*edge, dims);
  }
  bool wraps = mode == "wrap";
  if (!ops.symbols.limit(count, wraps ? extent : extent - 1))
    return ops.fail("a pad of " + count.str() +
                    " that goes round an extent of " + extent.str() +
                    " more than once");
  if (wraps)
    return ops.window(x, axis, behind ? ops.dim(0) : extent - count, count);
  return run(ops, x, axis, behind ? extent - 2 : count, count, -1);
}

static LogicalResult importPad(Binder &node) {
  Ops &ops = node.ops;
  StringRef mode = node.text("mode");
  Dims low, high;
  if (failed(readPads(node, low, high)))
    return failure();
  Result x = cropped(ops, node.in(0), low, high);
  if (failed(x))
    return failure();
  if (mode.empty() || mode == "constant") {
    Imported value =
        node.has(2) ? node.in(2) : ops.scalar(x->element, node.real("value"));
    return node.set(0, ops.pad(*x, value, low, high));
  }
  if (mode != "edge" && mode != "reflect" && mode != "wrap")
    return node.fail("padding mode '" + mode + "'");
  for (int64_t axis = 0; axis < x->rank(); ++axis) {
    std::vector<Imported> parts = {*x};
    for (bool behind : {false, true}) {
      DimAttr count = behind ? high[axis] : low[axis];
      if (count.getConstant() == 0)
        continue;
      Result part = border(ops, *x, axis, count, mode, behind);
      if (failed(part))
        return failure();
      parts.insert(behind ? parts.end() : parts.begin(), *part);
    }
    x = ops.concat(parts, axis);
    if (failed(x))
      return failure();
  }
  return node.set(0, x);
}

/// Cut or padded with zeros on both sides to the sizes that are given.
static LogicalResult importCenterCropPad(Binder &node) {
  Ops &ops = node.ops;
  auto sizes = node.shapeFrom(1);
  if (failed(sizes))
    return failure();
  int64_t rank = node.in(0).rank();
  SmallVector<int64_t> axes(node.integers("axes"));
  if (!node.hasAttribute("axes"))
    axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (axes.size() != sizes->size())
    return node.fail("expected one size for each axis");
  Dims low(rank, ops.dim(0)), high = low;
  for (auto [given, size] : llvm::zip(axes, *sizes)) {
    auto axis = node.axis(given, rank);
    if (failed(axis))
      return failure();
    auto extent = node.in(0).dims[*axis].getConstant(),
         wanted = size.getConstant();
    if (!extent || !wanted)
      return node.fail("sizes that are not static");
    int64_t more = *wanted - *extent;
    int64_t before = more < 0 ? -(-more / 2) : more / 2;
    low[*axis] = ops.dim(before);
    high[*axis] = ops.dim(more - before);
  }
  Result x = cropped(ops, node.in(0), low, high);
  if (failed(x))
    return failure();
  return node.set(0, ops.pad(*x, ops.scalar(x->element, 0), low, high));
}

void registerPad(ImportTable &table) {
  table.add("Pad", 2, importPad);
  table.add("CenterCropPad", 18, importCenterCropPad);
}

} // namespace attune::onnx
