// Operators that read elements by position: Slice, Gather, GatherND, Trilu...
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/Constants.h"

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;

/// Exporters write "to the end" as a number no dimension reaches.
static bool isEndless(DimAttr dim) {
  auto value = dim.getConstant();
  return value && (*value >= INT32_MAX || *value <= -int64_t(INT32_MAX));
}

/// A bound of a slice with step 1 as a position in [0, extent].
static DimAttr clampBound(Ops &ops, DimAttr bound, DimAttr extent) {
  if (isEndless(bound))
    return *bound.getConstant() > 0 ? extent : ops.dim(0);
  if (ops.symbols.atLeast(ops.dim(-1) - bound, 0)) { // Counts from the end.
    bound = extent + bound;
    return ops.symbols.atLeast(bound, 0) ? bound : bound.max(ops.dim(0));
  }
  if (!ops.symbols.atLeast(bound, 0))
    return {};
  // A symbol past the extent would be clamped; the model means that it never
  // is, so its range is narrowed instead.
  return ops.symbols.limit(bound, extent) ? bound : bound.min(extent);
}

static LogicalResult sliceAxis(Binder &node, DimAttr extent, DimAttr from,
                               DimAttr to, int64_t step, DimAttr &start,
                               DimAttr &size) {
  Ops &ops = node.ops;
  if (step > 0) {
    start = clampBound(ops, from, extent);
    DimAttr end = clampBound(ops, to, extent);
    if (!start || !end)
      return node.fail("bounds " + from.str() + " and " + to.str() +
                       " of unknown sign");
    DimAttr length = end - start;
    if (!ops.symbols.atLeast(length, 0))
      length = length.max(ops.dim(0));
    size = length ? length.ceilDiv(ops.dim(step)) : length;
    return success();
  }
  // Backwards: the whole axis, or constants.
  auto first = from.getConstant(), last = to.getConstant();
  if (!first || !last)
    return node.fail("a negative step with bounds " + from.str() + " and " +
                     to.str());
  bool fromEnd = *first == -1 || isEndless(from) ||
                 (extent.getConstant() && *first >= *extent.getConstant() - 1);
  bool toStart =
      isEndless(to) || (extent.getConstant() && *last < -*extent.getConstant());
  if (fromEnd && toStart) {
    start = extent - 1;
    size = extent.ceilDiv(ops.dim(-step));
    return success();
  }
  auto length = extent.getConstant();
  if (!length)
    return node.fail("a negative step over extent " + extent.str());
  int64_t a = *first < 0 ? *first + *length : std::min(*first, *length - 1);
  int64_t z = *last < 0 ? std::max<int64_t>(*last + *length, -1) : *last;
  start = ops.dim(std::max<int64_t>(a, 0));
  size = ops.dim(a > z ? (a - z - 1) / -step + 1 : 0);
  return success();
}

static LogicalResult importSlice(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  bool old = node.hasAttribute("starts");
  auto list = [&](StringRef name, size_t i) -> FailureOr<Dims> {
    if (old)
      return ops.dimsOf(node.integers(name));
    return node.shapeFrom(i);
  };
  auto starts = list("starts", 1), ends = list("ends", 2);
  if (failed(starts) || failed(ends))
    return failure();
  auto axes = node.integersFrom("axes", 3);
  auto steps = old ? FailureOr<std::optional<SmallVector<int64_t>>>(
                         std::optional<SmallVector<int64_t>>())
                   : node.integersFrom("steps", 4);
  if (failed(axes) || failed(steps))
    return failure();
  size_t count = starts->size();
  if (!*axes)
    *axes = llvm::to_vector(llvm::seq<int64_t>(0, count));
  if (!*steps)
    *steps = SmallVector<int64_t>(count, 1);
  if (ends->size() != count || (*axes)->size() != count ||
      (*steps)->size() != count)
    return node.fail("starts, ends, axes and steps of different lengths");
  Dims from(x.rank(), ops.dim(0)), sizes = x.dims;
  SmallVector<int64_t> strides(x.rank(), 1), seen;
  for (size_t i = 0; i < count; ++i) {
    auto axis = node.axis((**axes)[i], x.rank());
    if (failed(axis))
      return failure();
    if (llvm::is_contained(seen, *axis))
      return node.fail("axis " + Twine(*axis) + " is given twice");
    seen.push_back(*axis);
    int64_t step = (**steps)[i];
    if (step == 0 || step == INT64_MIN)
      return node.fail("step " + Twine(step));
    strides[*axis] = step;
    if (failed(sliceAxis(node, x.dims[*axis], (*starts)[i], (*ends)[i], step,
                         from[*axis], sizes[*axis])))
      return failure();
  }
  return node.set(0, ops.slice(x, from, sizes, strides));
}

static LogicalResult importGather(Binder &node) {
  const Imported &data = node.in(0);
  if (data.rank() == 0)
    return node.fail("expected data of rank 1 or more");
  auto axis = node.axis("axis", data.rank());
  if (failed(axis))
    return failure();
  return node.set(0, node.ops.gather(data, node.in(1), *axis));
}

static LogicalResult importGatherElements(Binder &node) {
  const Imported &data = node.in(0);
  auto axis = node.axis("axis", data.rank());
  if (failed(axis))
    return failure();
  return node.set(0, node.ops.takeAlong(data, node.in(1), *axis));
}

/// GatherND as Gather over the leading dims of the data made one.
static LogicalResult importGatherND(Binder &node) {
  Ops &ops = node.ops;
  const Imported &data = node.in(0), &indices = node.in(1);
  int64_t batch = node.integer("batch_dims");
  auto depth = indices.rank() > 0 ? indices.dims.back().getConstant()
                                  : std::optional<int64_t>();
  if (batch < 0 || batch >= indices.rank() || !depth || *depth < 1 ||
      *depth > data.rank() - batch)
    return node.fail("index tuples of length " +
                     (depth ? Twine(*depth).str() : "that is not static") +
                     " in " + Twine(batch) +
                     " batch dimensions for data of "
                     "rank " +
                     Twine(data.rank()));
  for (int64_t i = 0; i < batch; ++i)
    if (data.dims[i] != indices.dims[i])
      return node.fail("batch dimensions of data " + text(data.dims) +
                       " and indices " + text(indices.dims) + " differ");
  auto leading = ArrayRef(data.dims).take_front(batch + *depth);
  DimAttr flat = nn::numElements(leading, ops.b.getContext());
  if (!flat)
    return node.fail("an index leaves 64 bits");
  Result linear = ops.linearIndex(data, indices, batch, *depth);
  Dims dims = {flat};
  dims.append(data.dims.begin() + batch + *depth, data.dims.end());
  Result rows = ops.reshape(data, dims);
  if (failed(rows) || failed(linear))
    return failure();
  return node.set(0, ops.gather(*rows, *linear, 0));
}

/// Keeps one triangle: the elements with column - row >= k, or <= k.
static LogicalResult importTrilu(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  if (x.rank() < 2)
    return node.fail("expected rank 2 or more");
  int64_t diagonal = 0;
  if (node.has(1)) {
    auto known = ops.knownConstants(node.in(1));
    if (!known || known->size() != 1)
      return node.fail("a diagonal that is not known");
    diagonal = known->front();
  }
  Type i64 = ops.b.getI64Type();
  Imported rows = ops.affine(i64, {x.dims[x.rank() - 2], ops.dim(1)},
                             {ops.dim(diagonal), {ops.dim(1), ops.dim(0)}});
  Imported columns =
      ops.affine(i64, {x.dims.back()}, {ops.dim(0), {ops.dim(1)}});
  Kind kind = node.integer("upper", 1) ? Kind::GreaterEqual : Kind::LessEqual;
  Result keep = ops.elementwise(kind, {columns, rows});
  if (failed(keep))
    return failure();
  if (x.isBool())
    return node.set(0, ops.elementwise(Kind::And, {x, *keep}));
  return node.set(
      0, ops.elementwise(Kind::Select, {*keep, x, ops.scalar(x.element, 0)}));
}

/// 1 where an index equals the position along the new axis.
static LogicalResult importOneHot(Binder &node) {
  Ops &ops = node.ops;
  auto depth = ops.knownIntegers(node.in(1));
  if (!depth || depth->size() != 1)
    return node.fail("a depth that is not known");
  auto axis = node.axis("axis", node.in(0).rank() + 1);
  if (failed(axis) || failed(ops.checkDims(*depth)))
    return failure();
  Result indices = ops.cast(node.in(0), ops.b.getI64Type());
  if (succeeded(indices))
    indices = ops.fromFront(*indices, depth->front());
  if (succeeded(indices))
    indices = ops.unsqueeze(*indices, {*axis});
  if (failed(indices))
    return failure();
  Imported positions =
      ops.positions(node.in(0).rank() + 1, *axis, depth->front());
  Result hit = ops.elementwise(Kind::Equal, {*indices, positions});
  Result off = ops.window(node.in(2), 0, ops.dim(0), ops.dim(1));
  Result on = ops.window(node.in(2), 0, ops.dim(1), ops.dim(1));
  if (failed(hit) || failed(off) || failed(on))
    return failure();
  return node.set(0, ops.elementwise(Kind::Select, {*hit, *on, *off}));
}

/// Ones on a diagonal of a matrix shaped like the input.
static LogicalResult importEyeLike(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  if (x.rank() != 2)
    return node.fail("expected rank 2");
  Type element = x.element;
  if (node.hasAttribute("dtype"))
    element = elementTypeOf(node.integer("dtype"), ops.b);
  if (!element)
    return node.fail("data type " + Twine(node.integer("dtype")));
  Imported diagonal = ops.scalar(ops.b.getI64Type(), node.integer("k"));
  Result rows =
      ops.apply(Kind::Add, {ops.positions(2, 0, x.dims[0]), diagonal});
  Result hit = ops.apply(Kind::Equal, {rows, ops.positions(2, 1, x.dims[1])});
  if (failed(hit))
    return failure();
  return node.set(0, ops.cast(*hit, element));
}

void registerIndexing(ImportTable &table) {
  table.add("Slice", 1, importSlice);
  table.add("Gather", 1, importGather);
  table.add("GatherElements", 11, importGatherElements);
  table.add("GatherND", 11, importGatherND);
  table.add("Trilu", 14, importTrilu);
  table.add("OneHot", 9, importOneHot);
  table.add("EyeLike", 9, importEyeLike);
}

} // namespace attune::onnx
