// Operators that change or make shapes: Reshape, Transpose, Expand, Shape...
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/Constants.h"
#include "frontends/onnx/Parameters.h"

#include <cmath>

namespace attune::onnx {

using namespace mlir;

static LogicalResult importShape(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto clamp = [&](int64_t at) {
    at = at < 0 ? at + x.rank() : at;
    return std::clamp<int64_t>(at, 0, x.rank());
  };
  int64_t from = clamp(node.integer("start", 0));
  int64_t to = clamp(node.integer("end", x.rank()));
  Dims dims(x.dims.begin() + from, x.dims.begin() + std::max(from, to));
  return node.set(0, ops.integers(ops.b.getI64Type(),
                                  {ops.dim(int64_t(dims.size()))}, dims));
}

static LogicalResult importSize(Binder &node) {
  Ops &ops = node.ops;
  DimAttr count = nn::numElements(node.in(0).dims, ops.b.getContext());
  if (!count)
    return node.fail("the number of elements leaves 64 bits");
  return node.set(0, ops.integers(ops.b.getI64Type(), {}, {count}));
}

static LogicalResult importReshape(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto shape = node.shapeFrom(1);
  if (failed(shape))
    return failure();
  std::optional<size_t> inferred;
  Dims dims = *shape;
  DimAttr rest = nn::numElements(x.dims, ops.b.getContext());
  DimAttr known = ops.dim(1);
  for (size_t i = 0; i < dims.size(); ++i) {
    auto value = dims[i].getConstant();
    if (value == 0 && node.integer("allowzero") == 0) {
      if (i >= x.dims.size())
        return node.fail("a 0 in shape " + text(*shape) +
                         " that keeps no dimension of " + text(x.dims));
      dims[i] = x.dims[i];
    }
    if (value == -1) {
      if (inferred)
        return node.fail("two -1 in shape " + text(*shape));
      inferred = i;
      continue;
    }
    known = known ? known * dims[i] : known;
  }
  if (!known || !rest)
    return node.fail("the number of elements leaves 64 bits");
  if (inferred) {
    if (known.getConstant() == 0)
      return node.fail("a -1 beside a 0 in shape " + text(*shape));
    dims[*inferred] = rest.exactDiv(known);
    if (!dims[*inferred])
      return node.fail(
          text(x.dims) + " does not divide into shape " + text(*shape) +
          (rest.getConstant() ? ""
                              : "; bind the symbol to a number if it does for "
                                "the sizes in use"));
  }
  return node.set(0, ops.reshape(x, dims));
}

static LogicalResult importFlatten(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  int64_t axis = node.integer("axis", 1);
  if (axis < -x.rank() || axis > x.rank())
    return node.fail("axis " + Twine(axis) + " is outside rank " +
                     Twine(x.rank()));
  axis = axis < 0 ? axis + x.rank() : axis;
  MLIRContext *context = ops.b.getContext();
  return node.set(
      0, ops.reshape(
             x, {nn::numElements(ArrayRef(x.dims).take_front(axis), context),
                 nn::numElements(ArrayRef(x.dims).drop_front(axis), context)}));
}

static LogicalResult importTranspose(Binder &node) {
  const Imported &x = node.in(0);
  SmallVector<int64_t> permutation(node.integers("perm"));
  if (!node.hasAttribute("perm"))
    for (int64_t i = x.rank(); i-- > 0;)
      permutation.push_back(i);
  return node.set(0, node.ops.transpose(x, permutation));
}

static LogicalResult importUnsqueeze(Binder &node) {
  auto axes = node.integersFrom("axes", 1);
  if (failed(axes))
    return failure();
  if (!*axes)
    return node.fail("expected axes");
  return node.set(0, node.ops.unsqueeze(node.in(0), **axes));
}

static LogicalResult importSqueeze(Binder &node) {
  const Imported &x = node.in(0);
  auto axes = node.integersFrom("axes", 1);
  if (failed(axes))
    return failure();
  SmallVector<int64_t> dropped;
  if (*axes)
    dropped = **axes;
  else
    for (auto [i, dim] : llvm::enumerate(x.dims)) {
      if (dim.getConstant() == 1)
        dropped.push_back(i);
      else if (!node.ops.symbols.atLeast(dim, 2) && !dim.getConstant())
        return node.fail("squeeze without axes of " + text(x.dims) +
                         ", whose rank would depend on " + dim.str());
    }
  return node.set(0, node.ops.squeeze(x, dropped));
}

static LogicalResult importExpand(Binder &node) {
  auto shape = node.shapeFrom(1);
  if (failed(shape) || failed(node.ops.checkDims(*shape)))
    return failure();
  return node.set(0, node.ops.broadcast(node.in(0), *shape));
}

/// Repeats: [d0, d1] -> [1, d0, 1, d1] -> [r0, d0, r1, d1] -> [r0 d0, r1 d1].
static LogicalResult importTile(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto repeats = node.shapeFrom(1);
  if (failed(repeats))
    return failure();
  if (int64_t(repeats->size()) != x.rank())
    return node.fail("expected one repeat for each of " + Twine(x.rank()) +
                     " dimensions");
  Dims split, wide, dims;
  for (auto [repeat, dim] : llvm::zip(*repeats, x.dims)) {
    split.append({ops.dim(1), dim});
    wide.append({repeat, dim});
    dims.push_back(repeat * dim);
  }
  if (failed(ops.checkDims(wide)) || failed(ops.checkDims(dims)))
    return failure();
  Result y = ops.reshape(x, split);
  if (succeeded(y))
    y = ops.broadcast(*y, wide);
  if (succeeded(y))
    y = ops.reshape(*y, dims);
  return node.set(0, y);
}

/// One number in a tensor attribute, as an Imported of rank 0.
static Result numberIn(Binder &node, StringRef name) {
  auto value =
      dyn_cast_or_null<DenseResourceElementsAttr>(node.attribute(name));
  if (!value)
    return node.ops.scalar(node.ops.b.getF32Type(), 0);
  Imported x = importConstant(node.ops, value, name);
  if (staticCount(x.dims, 1) != 1 || x.isKnown(Known::Kind::Weight))
    return node.fail("expected one number in attribute '" + name + "'");
  x.own = x.dims = {};
  return x;
}

static LogicalResult importConstantOfShape(Binder &node) {
  Ops &ops = node.ops;
  auto shape = node.shapeFrom(0);
  if (failed(shape) || failed(ops.checkDims(*shape)))
    return failure();
  Result number = numberIn(node, "value");
  return node.set(0, failed(number) ? number : ops.broadcast(*number, *shape));
}

static LogicalResult importConstantNode(Binder &node) {
  Ops &ops = node.ops;
  OpBuilder &b = ops.b;
  if (node.op().getParams().size() != 1)
    return node.fail("expected one value, found " +
                     Twine(node.op().getParams().size()));
  if (auto value = dyn_cast_or_null<DenseResourceElementsAttr>(
          node.attribute("value"))) {
    Type element = value.getType().getElementType();
    if (!isNNElement(element)) {
      std::string shown;
      llvm::raw_string_ostream(shown) << element;
      return node.fail("elements of type " + shown);
    }
    std::string name = "constant";
    if (auto loc = dyn_cast<NameLoc>(ops.loc))
      name = loc.getName().str();
    bool isTrained = ops.trains && isa<FloatType>(element) &&
                     (ops.trained.contains(name) || isParameter(node.op()));
    Imported x = importConstant(ops, value, name, isTrained);
    x.known.isConstant = ops.trains && !isTrained;
    if (x.known.isConstant && looksLikeParameter(node.op()))
      ops.leftOut.insert(b.getStringAttr(name));
    return node.set(0, isTrained && standsBesideOthers(node.op())
                           ? sharedByBatch(ops, x)
                           : x);
  }
  if (node.hasAttribute("value_int"))
    return node.set(0, ops.integers(b.getI64Type(), {},
                                    {ops.dim(node.integer("value_int"))}));
  if (node.hasAttribute("value_float"))
    return node.set(0, ops.scalar(b.getF32Type(), node.real("value_float")));
  if (node.hasAttribute("value_ints")) {
    Dims values = ops.dimsOf(node.integers("value_ints"));
    return node.set(0, ops.integers(b.getI64Type(),
                                    {ops.dim(int64_t(values.size()))}, values));
  }
  if (auto floats =
          dyn_cast_or_null<DenseF32ArrayAttr>(node.attribute("value_floats"))) {
    Imported x = ops.scalar(b.getF32Type(), 0);
    x.own = x.dims = {ops.dim(floats.size())};
    x.known.reals.assign(floats.asArrayRef().begin(),
                         floats.asArrayRef().end());
    return node.set(0, x);
  }
  return node.fail("a constant that is no dense tensor of numbers");
}

static LogicalResult importRange(Binder &node) {
  Ops &ops = node.ops;
  const Imported &start = node.in(0), &limit = node.in(1), &delta = node.in(2);
  if (start.isFloat()) {
    auto from = ops.knownSplat(start), to = ops.knownSplat(limit),
         step = ops.knownSplat(delta);
    if (!from || !to || !step)
      return node.fail("a range of floats that are not known");
    if (*step == 0 || !std::isfinite(*from) || !std::isfinite(*to) ||
        !std::isfinite(*step))
      return node.fail("expected finite bounds and a step that is not 0");
    double count = std::max(0.0, std::ceil((*to - *from) / *step));
    if (count > maxFolded)
      return node.fail("a range of more than " + Twine(maxFolded) + " floats");
    Imported x = ops.scalar(start.element, 0);
    x.own = x.dims = {ops.dim(int64_t(count))};
    x.known.reals.clear();
    for (int64_t i = 0; i < int64_t(count); ++i)
      x.known.reals.push_back(start.element.isF32()
                                  ? double(float(*from + i * *step))
                                  : *from + i * *step);
    return node.set(0, x);
  }
  auto from = ops.knownIntegers(start), to = ops.knownIntegers(limit);
  auto step = ops.knownConstants(delta);
  if (!from || !to || !step || from->size() != 1 || to->size() != 1 ||
      step->size() != 1)
    return node.fail("a range whose bounds depend on data");
  if (step->front() == 0)
    return node.fail("expected a step that is not 0");
  int64_t stride = step->front();
  DimAttr length =
      stride > 0 ? to->front() - from->front() : from->front() - to->front();
  DimAttr count =
      length ? length.ceilDiv(ops.dim(stride > 0 ? stride : -stride)) : length;
  if (count && !ops.symbols.atLeast(count, 0))
    count = count.max(ops.dim(0));
  if (failed(ops.checkDims({count})))
    return failure();
  return node.set(0, ops.affine(start.element, {count},
                                {from->front(), {ops.dim(stride)}}));
}

static LogicalResult importConcat(Binder &node) {
  std::vector<Imported> inputs;
  for (size_t i = 0; i < node.count(); ++i)
    inputs.push_back(node.in(i));
  auto axis = node.axis("axis", inputs.front().rank());
  if (failed(axis))
    return failure();
  return node.set(0, node.ops.concat(inputs, *axis));
}

static LogicalResult importSplit(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto axis = node.axis("axis", x.rank());
  if (failed(axis))
    return failure();
  size_t count = node.outputCount();
  if (node.hasAttribute("num_outputs") &&
      node.integer("num_outputs") != int64_t(count))
    return node.fail("'num_outputs' is " + Twine(node.integer("num_outputs")) +
                     ", the node has " + Twine(count) + " outputs");
  DimAttr extent = x.dims[*axis];
  Dims sizes;
  if (node.has(1) || node.hasAttribute("split")) {
    auto given = node.hasAttribute("split")
                     ? FailureOr<Dims>(ops.dimsOf(node.integers("split")))
                     : node.shapeFrom(1);
    if (failed(given))
      return failure();
    sizes = *given;
  } else {
    // Equal parts, of which the last may be smaller since version 18.
    DimAttr parts = ops.dim(int64_t(count));
    DimAttr part = extent.exactDiv(parts);
    if (!part && node.since() < 18)
      return node.fail("extent " + extent.str() + " does not divide into " +
                       Twine(count) + " equal parts");
    if (!part)
      part = extent.ceilDiv(parts);
    sizes.assign(count, part);
    if (part)
      sizes.back() = extent - part * int64_t(count - 1);
  }
  DimAttr start = ops.dim(0), total = ops.dim(0);
  if (sizes.size() != count || failed(ops.checkDims(sizes)))
    return node.fail("sizes " + text(sizes) + " for " + Twine(count) +
                     " outputs");
  for (DimAttr size : sizes)
    total = total + size;
  if (total != extent)
    return node.fail("sizes " + text(sizes) + " of extent " + extent.str());
  for (auto [i, size] : llvm::enumerate(sizes)) {
    if (failed(node.set(i, ops.window(x, *axis, start, size))))
      return failure();
    start = start + size;
  }
  return success();
}

/// Blocks of channels to space and back: split, permute, merge.
static LogicalResult importDepthToSpace(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  int64_t block = node.integer("blocksize");
  if (x.rank() != 4 || block < 1)
    return node.fail("expected rank 4 and a positive blocksize");
  DimAttr side = ops.dim(block), n = x.dims[0], h = x.dims[2], w = x.dims[3];
  DimAttr depth = x.dims[1].exactDiv(ops.dim(block * block));
  if (!depth)
    return node.fail("channels do not divide by the block");
  bool columns = node.text("mode") == "CRD";
  Result y = ops.reshape(x, columns ? Dims{n, depth, side, side, h, w}
                                    : Dims{n, side, side, depth, h, w});
  if (succeeded(y))
    y = ops.transpose(*y, columns ? ArrayRef<int64_t>{0, 1, 4, 2, 5, 3}
                                  : ArrayRef<int64_t>{0, 3, 4, 1, 5, 2});
  if (succeeded(y))
    y = ops.reshape(*y, {n, depth, h * side, w * side});
  return node.set(0, y);
}

static LogicalResult importSpaceToDepth(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  int64_t block = node.integer("blocksize");
  if (x.rank() != 4 || block < 1)
    return node.fail("expected rank 4 and a positive blocksize");
  DimAttr side = ops.dim(block), n = x.dims[0], c = x.dims[1];
  DimAttr h = x.dims[2].exactDiv(side), w = x.dims[3].exactDiv(side);
  if (!h || !w)
    return node.fail("the image does not divide by the block");
  bool columns = node.text("mode") == "CRD";
  Result y = ops.reshape(x, {n, c, h, side, w, side});
  if (succeeded(y))
    y = ops.transpose(*y, columns ? ArrayRef<int64_t>{0, 1, 3, 5, 2, 4}
                                  : ArrayRef<int64_t>{0, 3, 5, 1, 2, 4});
  if (succeeded(y))
    y = ops.reshape(*y, {n, c * (block * block), h, w});
  return node.set(0, y);
}

void registerShape(ImportTable &table) {
  table.add("Shape", 1, importShape);
  table.add("Size", 1, importSize);
  table.add("Reshape", 5, importReshape);
  table.add("Flatten", 1, importFlatten);
  table.add("Transpose", 1, importTranspose);
  table.add("Unsqueeze", 1, importUnsqueeze);
  table.add("Squeeze", 1, importSqueeze);
  table.add("Expand", 8, importExpand);
  table.add("Tile", 6, importTile);
  table.add("ConstantOfShape", 9, importConstantOfShape);
  table.add("Constant", 1, importConstantNode);
  table.add("Range", 11, importRange);
  table.add("Concat", 4, importConcat);
  table.add("Split", 2, importSplit);
  table.add("DepthToSpace", 1, importDepthToSpace);
  table.add("SpaceToDepth", 1, importSpaceToDepth);
}

} // namespace attune::onnx
