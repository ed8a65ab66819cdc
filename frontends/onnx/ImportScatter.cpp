// Operators that write elements by position: ScatterElements, ScatterND,
// TensorScatter.
//
// Values are immutable and kernels write each element once, so a scatter is
// turned round: each element of the result looks for the update that is meant
// for it. Where the positions are known to be a window, as exporters write
// assignments to slices, that is a concat. Else it is a reduction over the
// updates: n times k comparisons for n elements and k updates. The result does
// not depend on threads; of several updates for one element the last counts.
#include "frontends/onnx/Binder.h"

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;
using nn::ReduceKind;

namespace {
/// How an update joins what is there; nothing: it takes its place.
struct Combination {
  ReduceKind reduce;
  Kind kind;
};
} // namespace

static FailureOr<std::optional<Combination>> combinationOf(Binder &node) {
  using Optional = std::optional<Combination>;
  StringRef text = node.text("reduction");
  if (text.empty() || text == "none")
    return Optional();
  if (node.in(0).isBool())
    return node.fail("reduction '" + text + "' of booleans");
  if (text == "add")
    return Optional({ReduceKind::Sum, Kind::Add});
  if (text == "mul")
    return Optional({ReduceKind::Prod, Kind::Mul});
  if (text == "max")
    return Optional({ReduceKind::Max, Kind::Max});
  if (text == "min")
    return Optional({ReduceKind::Min, Kind::Min});
  return node.fail("reduction '" + text + "'");
}

/// The last k for which `hit` [..., N, K] holds, -1 where there is none:
/// [..., N].
static Result lastHit(Ops &ops, Result hit) {
  Type i64 = ops.b.getI64Type();
  if (failed(hit))
    return failure();
  Imported places = ops.positions(1, 0, hit->dims.back());
  Result found = ops.apply(Kind::Select, {hit, places, ops.scalar(i64, -1)});
  return failed(found)
             ? found
             : ops.reduce(ReduceKind::Max, *found, {hit->rank() - 1}, false);
}

/// All hits of each element joined with it: `data` [..., N], `hit` and `values`
/// broadcasting to [..., N, K].
static Result combineHits(Ops &ops, const Combination &how,
                          const Imported &data, Result hit, Result values) {
  // What leaves the result as it is: for max and min the element itself.
  Result rest =
      how.kind == Kind::Max || how.kind == Kind::Min
          ? ops.unsqueeze(data, {-1})
          : Result(ops.scalar(data.element, how.kind == Kind::Mul ? 1 : 0));
  Result terms = ops.apply(Kind::Select, {hit, values, rest});
  if (failed(terms))
    return failure();
  Result joined = ops.reduce(how.reduce, *terms, {terms->rank() - 1}, false);
  return ops.apply(how.kind, {data, joined});
}

static Result replaceHits(Ops &ops, const Imported &data, Result place,
                          Result values) {
  if (failed(place))
    return failure();
  Result isHit =
      ops.apply(Kind::GreaterEqual, {place, ops.scalar(place->element, 0)});
  while (succeeded(isHit) && isHit->rank() < data.rank())
    isHit = ops.unsqueeze(*isHit, {-1});
  return ops.apply(Kind::Select, {isHit, values, data});
}

static Result firstOrMore(Ops &ops, Result place) {
  if (failed(place))
    return failure();
  return ops.apply(Kind::Max, {place, ops.scalar(place->element, 0)});
}

/// Updates to gather from: a kernel that gathers does nothing where there is
/// nothing to gather, and here the rest of its result counts. So where there
/// may be no update, one is added that nobody asks for.
static Result neverEmpty(Ops &ops, const Imported &updates, int64_t axis) {
  if (ops.symbols.atLeast(updates.dims[axis], 1))
    return updates;
  Dims low(updates.rank(), ops.dim(0)), high = low;
  high[axis] = ops.dim(1);
  return ops.pad(updates, ops.scalar(updates.element, 0), low, high);
}

// ---- ScatterElements ----

/// Along the last axis: data [..., N], indices and updates [..., K].
static Result scatterAlongLast(Ops &ops, const std::optional<Combination> &how,
                               const Imported &data, const Imported &indices,
                               const Imported &updates) {
  Result wanted = ops.fromFront(indices, data.dims.back());
  wanted = failed(wanted) ? wanted : ops.unsqueeze(*wanted, {-2});
  Result hit =
      ops.apply(Kind::Equal, {wanted, ops.positions(2, 0, data.dims.back())});
  if (how) {
    Result values = ops.unsqueeze(updates, {-2});
    return combineHits(ops, *how, data, hit, values);
  }
  Result place = lastHit(ops, hit), source = firstOrMore(ops, place);
  if (failed(source))
    return failure();
  int64_t last = updates.rank() - 1;
  Result some = neverEmpty(ops, updates, last);
  Result values = failed(some) ? some : ops.takeAlong(*some, *source, last);
  return replaceHits(ops, data, place, values);
}

static LogicalResult importScatterElements(Binder &node) {
  Ops &ops = node.ops;
  const Imported &data = node.in(0), &indices = node.in(1);
  auto axis = node.axis("axis", data.rank());
  auto how = combinationOf(node);
  if (failed(axis) || failed(how))
    return failure();
  if (node.in(2).dims != indices.dims || indices.rank() != data.rank())
    return node.fail("updates " + text(node.in(2).dims) + " for indices " +
                     text(indices.dims));
  Dims region = data.dims;
  region[*axis] = indices.dims[*axis];
  if (region != indices.dims)
    return node.fail("indices " + text(indices.dims) +
                     " that cover a part of "
                     "data " +
                     text(data.dims));
  if (indices.dims[*axis].getConstant() == 0)
    return node.set(0, data);
  auto permutation = llvm::to_vector(llvm::seq<int64_t>(0, data.rank()));
  std::swap(permutation[*axis], permutation.back()); // Its own inverse.
  Result d = ops.transpose(data, permutation);
  Result i = ops.transpose(indices, permutation);
  Result u = ops.transpose(node.in(2), permutation);
  if (failed(d) || failed(i) || failed(u))
    return failure();
  Result y = scatterAlongLast(ops, *how, *d, *i, *u);
  return node.set(0, failed(y) ? y : ops.transpose(*y, permutation));
}

// ---- ScatterND ----

namespace {
struct Window {
  Dims starts, sizes; ///< Of the leading dims of the data.
};
} // namespace

/// The window that index tuples count through, if they do: each component
/// counts up by one along one dim of the indices, in their order, or is one
/// number.
static std::optional<Window> windowOf(Ops &ops, const Imported &data,
                                      const Imported &indices, int64_t depth) {
  ArrayRef<DimAttr> counted = ArrayRef(indices.dims).drop_back();
  Window window;
  size_t next = 0;
  auto skipOnes = [&] {
    while (next < counted.size() && counted[next].getConstant() == 1)
      ++next;
  };
  for (int64_t i = 0; i < depth; ++i) {
    Result part = ops.indexComponent(indices, i);
    auto form = failed(part) ? std::nullopt : ops.knownAffine(*part);
    if (!form || !ops.symbols.atLeast(form->base, 0))
      return std::nullopt;
    Dims steps = ops.spread(*form, part->own, counted)->steps;
    DimAttr size = ops.dim(1);
    skipOnes();
    for (auto [axis, step] : llvm::enumerate(steps)) {
      if (step.getConstant() == 0 || counted[axis].getConstant() == 1)
        continue;
      if (step.getConstant() != 1 || axis != next)
        return std::nullopt;
      size = counted[next];
    }
    next += size.getConstant() != 1;
    if (!ops.symbols.limit(form->base + size, data.dims[i]))
      return std::nullopt;
    window.starts.push_back(form->base);
    window.sizes.push_back(size);
  }
  skipOnes();
  return next == counted.size() ? std::optional(window) : std::nullopt;
}

/// `data` with the window replaced by `updates`, from dim `axis` on.
static Result replaceWindow(Ops &ops, const std::optional<Combination> &how,
                            const Imported &data, const Imported &updates,
                            const Window &window, size_t axis = 0) {
  if (axis == window.starts.size())
    return how ? ops.elementwise(how->kind, {data, updates}) : Result(updates);
  DimAttr start = window.starts[axis], size = window.sizes[axis];
  Result middle = ops.window(data, axis, start, size);
  if (succeeded(middle))
    middle = replaceWindow(ops, how, *middle, updates, window, axis + 1);
  if (failed(middle))
    return failure();
  std::vector<Imported> parts;
  DimAttr end = start + size, rest = data.dims[axis] - end;
  if (start.getConstant() != 0) {
    Result before = ops.window(data, axis, ops.dim(0), start);
    if (failed(before))
      return failure();
    parts.push_back(*before);
  }
  parts.push_back(*middle);
  if (rest.getConstant() != 0) {
    Result after = ops.window(data, axis, end, rest);
    if (failed(after))
      return failure();
    parts.push_back(*after);
  }
  return ops.concat(parts, axis);
}

/// Elements or slices of `data` as rows [N, R], indices [K], updates [K, R].
static Result scatterRows(Ops &ops, const std::optional<Combination> &how,
                          const Imported &rows, const Imported &linear,
                          const Imported &updates) {
  Result hit =
      ops.apply(Kind::Equal, {linear, ops.positions(2, 0, rows.dims.front())});
  if (how) {
    Result eachRow = failed(hit) ? hit : ops.unsqueeze(*hit, {1});
    return combineHits(ops, *how, rows, eachRow,
                       ops.transpose(updates, {1, 0}));
  }
  Result place = lastHit(ops, hit), source = firstOrMore(ops, place);
  if (failed(source))
    return failure();
  Result some = neverEmpty(ops, updates, 0);
  Result values = failed(some) ? some : ops.gather(*some, *source, 0);
  return replaceHits(ops, rows, place, values);
}

static LogicalResult importScatterND(Binder &node) {
  Ops &ops = node.ops;
  const Imported &data = node.in(0), &indices = node.in(1);
  auto how = combinationOf(node);
  auto depth = indices.rank() > 0 ? indices.dims.back().getConstant()
                                  : std::optional<int64_t>();
  if (failed(how))
    return failure();
  if (!depth || *depth < 1 || *depth > data.rank())
    return node.fail("index tuples " + text(indices.dims) + " for data " +
                     text(data.dims));
  ArrayRef<DimAttr> counted = ArrayRef(indices.dims).drop_back(),
                    kept = ArrayRef(data.dims).drop_front(*depth);
  Dims expected(counted);
  expected.append(kept.begin(), kept.end());
  if (node.in(2).dims != expected)
    return node.fail("updates " + text(node.in(2).dims) + ", expected " +
                     text(expected));
  MLIRContext *context = ops.b.getContext();
  DimAttr updates = nn::numElements(counted, context);
  if (updates && updates.getConstant() == 0)
    return node.set(0, data);
  if (auto window = windowOf(ops, data, indices, *depth)) {
    Dims dims = window->sizes;
    dims.append(kept.begin(), kept.end());
    Result values = ops.reshape(node.in(2), dims);
    return node.set(0, failed(values)
                           ? values
                           : replaceWindow(ops, *how, data, *values, *window));
  }
  DimAttr count =
              nn::numElements(ArrayRef(data.dims).take_front(*depth), context),
          width = nn::numElements(kept, context);
  Result linear = ops.linearIndex(data, indices, 0, *depth);
  if (succeeded(linear) && *depth == 1)
    linear = ops.fromFront(*linear, count);
  if (failed(linear) || failed(ops.checkDims({count, width, updates})))
    return failure();
  linear = ops.reshape(*linear, {updates});
  Result rows = ops.reshape(data, {count, width});
  Result values = ops.reshape(node.in(2), {updates, width});
  if (failed(linear) || failed(rows) || failed(values))
    return failure();
  Result y = scatterRows(ops, *how, *rows, *linear, *values);
  return node.set(0, failed(y) ? y : ops.reshape(*y, data.dims));
}

/// A cache into which new positions are written, for each batch from an offset
/// on; circular: modulo the length. Element p of the cache is update
/// p - offset where there is one.
static LogicalResult importTensorScatter(Binder &node) {
  Ops &ops = node.ops;
  const Imported &cache = node.in(0), &update = node.in(1);
  int64_t rank = cache.rank();
  auto axis = node.axis(node.integer("axis", -2), rank);
  if (failed(axis))
    return failure();
  Dims expected = cache.dims;
  if (update.rank() == rank)
    expected[*axis] = update.dims[*axis];
  if (*axis == 0 || update.dims != expected)
    return node.fail("an update " + text(update.dims) + " of a cache " +
                     text(cache.dims));
  Type i64 = ops.b.getI64Type();
  DimAttr length = cache.dims[*axis], added = update.dims[*axis];
  Result place = ops.positions(rank, *axis, length);
  if (node.has(2)) {
    Dims dims(rank, ops.dim(1));
    dims[0] = cache.dims[0];
    Result offset = ops.cast(node.in(2), i64);
    offset = failed(offset) ? offset : ops.reshape(*offset, dims);
    place = ops.apply(Kind::Sub, {place, offset});
  }
  if (node.text("mode") == "circular")
    place = ops.apply(Kind::Mod, {place, ops.integers(i64, {}, {length})});
  Result isNew = ops.apply(
      Kind::And,
      {ops.apply(Kind::GreaterEqual, {place, ops.scalar(i64, 0)}),
       ops.apply(Kind::Less, {place, ops.integers(i64, {}, {added})})});
  Result source = ops.apply(
      Kind::Min, {firstOrMore(ops, place), ops.integers(i64, {}, {added - 1})});
  Dims all = update.dims;
  all[*axis] = length;
  source = failed(source) ? source : ops.broadcast(*source, all);
  Result some = neverEmpty(ops, update, *axis);
  if (failed(source) || failed(some))
    return failure();
  return node.set(
      0, ops.apply(Kind::Select,
                   {isNew, ops.takeAlong(*some, *source, *axis), cache}));
}

void registerScatter(ImportTable &table) {
  table.add("Scatter", 9, importScatterElements);
  table.add("ScatterElements", 11, importScatterElements);
  table.add("ScatterND", 11, importScatterND);
  table.add("TensorScatter", 24, importTensorScatter);
}

} // namespace attune::onnx
