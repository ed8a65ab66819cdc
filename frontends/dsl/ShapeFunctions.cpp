// Builtin functions that move elements or make tensors of positions.
#include "frontends/dsl/Functions.h"
#include "frontends/dsl/reader/Pattern.h"

namespace attune::dsl {

using namespace mlir;

// ---- rearrange ----

namespace {
/// One rearrangement: splits, permutes, repeats, merges.
class Rearrange {
public:
  Rearrange(Call &call, Tensor x, const Pattern &pattern)
      : call(call), graph(call.graph), x(x), pattern(pattern) {}

  MaybeTensor run();

private:
  LogicalResult takeSizes();
  LogicalResult splitDim(const Pattern::Dim &axes, DimAttr extent);
  MaybeTensor merged(Tensor x);

  Call &call;
  Graph &graph;
  Tensor x;
  const Pattern &pattern;
  std::map<std::string_view, DimAttr> sizes;
  std::vector<std::string_view> order; ///< Of the axes once dims are split.
};
} // namespace

LogicalResult Rearrange::takeSizes() {
  for (const auto &[name, value] : call.extra) {
    bool used = false;
    for (const auto *side : {&pattern.from, &pattern.to})
      for (const Pattern::Dim &dim : *side)
        used |= llvm::is_contained(dim, std::string_view(name));
    if (!used)
      return graph.fail("expected sizes of axes of the pattern, found " +
                        quoted(name));
    if (!value.is<DimAttr>())
      return graph.fail("expected an integer as the size of " + quoted(name) +
                        ", found " + value.describe());
    sizes[name] = *value.as<DimAttr>();
  }
  return success();
}

/// All axes of a dim but one need a size; that one gets what is left.
LogicalResult Rearrange::splitDim(const Pattern::Dim &axes, DimAttr extent) {
  DimAttr known = graph.dim(1);
  std::string_view open;
  for (std::string_view axis : axes) {
    order.push_back(axis);
    auto size = sizes.find(axis);
    if (size != sizes.end())
      known = known * size->second;
    else if (open.empty())
      open = axis;
    else
      return graph.fail("expected a size for " + quoted(open) + " or " +
                        quoted(axis) + ", as in " + std::string(axis) + " = 8");
  }
  if (!known)
    return graph.fail("a dim leaves 64 bits");
  if (open.empty())
    return known == extent
               ? success()
               : graph.fail("expected an axis of " + known.str() + ", found " +
                            extent.str() + " in " + describeType(x.getType()));
  DimAttr rest = known.getConstant() == 0 ? DimAttr() : extent.exactDiv(known);
  if (!rest)
    return graph.fail("expected an axis that " + known.str() +
                      " divides, found " + extent.str() + " in " +
                      describeType(x.getType()));
  sizes[open] = rest;
  return success();
}

MaybeTensor Rearrange::merged(Tensor x) {
  Dims dims;
  for (const Pattern::Dim &dim : pattern.to) {
    DimAttr size = graph.dim(1);
    for (std::string_view axis : dim)
      size = size ? size * sizes[axis] : size;
    dims.push_back(size);
  }
  return graph.reshape(x, dims);
}

MaybeTensor Rearrange::run() {
  Dims from = Graph::dimsOf(x);
  if (from.size() != pattern.from.size())
    return graph.fail("expected a tensor of " + Twine(pattern.from.size()) +
                      " dims for the pattern, found " +
                      describeType(x.getType()));
  if (failed(takeSizes()))
    return failure();
  for (auto [axes, extent] : llvm::zip(pattern.from, from)) {
    if (axes.empty() && extent.getConstant() != 1)
      return graph.fail("expected 1 where the pattern has 1, found " +
                        extent.str() + " in " + describeType(x.getType()));
    if (failed(splitDim(axes, extent)))
      return failure();
  }
  Dims split;
  for (std::string_view axis : order)
    split.push_back(sizes[axis]);
  MaybeTensor result = graph.reshape(x, split);
  if (failed(result))
    return failure();
  // Axes of the result in its order; new ones are repeated.
  SmallVector<int64_t> permutation;
  Dims ones, full;
  bool repeats = false;
  for (const Pattern::Dim &dim : pattern.to)
    for (std::string_view axis : dim) {
      auto at = llvm::find(order, axis);
      bool isNew = at == order.end();
      if (isNew && !sizes.contains(axis))
        return graph.fail("expected a size for the new axis " + quoted(axis) +
                          ", as in " + std::string(axis) + " = 8");
      if (!isNew)
        permutation.push_back(at - order.begin());
      repeats |= isNew;
      ones.push_back(isNew ? graph.dim(1) : sizes[axis]);
      full.push_back(sizes[axis]);
    }
  result = graph.transpose(*result, permutation);
  if (repeats) {
    result = graph.reshape(*result, ones);
    if (succeeded(result))
      result = graph.broadcast(*result, full);
  }
  return failed(result) ? result : merged(*result);
}

static MaybeValue callRearrange(Call &call) {
  auto x = call.tensor("x");
  auto text = call.text("pattern");
  if (failed(x) || failed(text))
    return failure();
  Span place;
  std::string reason;
  auto pattern = parsePattern(*text, place, reason);
  if (!pattern)
    return call.graph.fail("in the pattern " + quoted(*text) +
                           " at character " + Twine(place.begin + 1) + ": " +
                           reason);
  return asValue(Rearrange(call, *x, *pattern).run());
}

// ---- others ----

static MaybeValue callReshape(Call &call) {
  auto x = call.tensor("x");
  auto dims = call.shape("shape");
  if (failed(x) || failed(dims))
    return failure();
  return asValue(call.graph.reshape(*x, *dims));
}

static MaybeValue callExpand(Call &call) {
  auto x = call.tensor("x");
  auto dims = call.shape("shape");
  if (failed(x) || failed(dims))
    return failure();
  return asValue(call.graph.broadcast(*x, *dims));
}

/// Without axes the last two change places.
static MaybeValue callTranspose(Call &call) {
  auto x = call.tensor("x");
  if (failed(x))
    return failure();
  int64_t rank = Graph::rankOf(*x);
  auto permutation = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (call.has("axes")) {
    auto list = call.shape("axes");
    if (failed(list))
      return failure();
    SmallVector<int64_t> axes;
    for (DimAttr entry : *list)
      axes.push_back(entry.getConstant().value_or(-1));
    if (!std::is_permutation(axes.begin(), axes.end(), permutation.begin(),
                             permutation.end()))
      return call.wrong("axes", "each of the " + Twine(rank) + " axes once");
    permutation = axes;
  } else if (rank < 2) {
    return call.wrong("x", "a tensor of two dims or more");
  } else {
    std::swap(permutation[rank - 1], permutation[rank - 2]);
  }
  if (failed(call.graph.spend()))
    return failure();
  return Value(call.graph.transpose(*x, permutation));
}

static MaybeValue callConcat(Call &call) {
  const Value *given = call.get("parts");
  if (!given || !given->is<List>() || (*given->as<List>())->empty())
    return call.wrong("parts", "a list of tensors");
  SmallVector<Tensor> parts;
  for (const Value &entry : **given->as<List>()) {
    auto part = call.expander.tensor(entry);
    if (failed(part))
      return failure();
    parts.push_back(*part);
  }
  auto axis = call.axis("axis", Graph::rankOf(parts.front()), 0);
  if (failed(axis))
    return failure();
  return asValue(call.graph.concat(parts, *axis));
}

static MaybeValue callPad(Call &call) {
  auto x = call.tensor("x");
  if (failed(x))
    return failure();
  auto axis = call.axis("axis", Graph::rankOf(*x), 0);
  auto before = call.integer("before"), after = call.integer("after");
  if (failed(axis) || failed(before) || failed(after))
    return failure();
  Type element = Graph::elementOf(*x);
  MaybeTensor value = call.has("value")
                          ? call.tensor("value", element)
                          : MaybeTensor(call.graph.scalar(element, int64_t(0)));
  if (failed(value))
    return failure();
  if (Graph::rankOf(*value) != 0 || Graph::elementOf(*value) != element)
    return call.wrong("value", "a number of the tensor's type");
  return asValue(call.graph.pad(*x, *axis, *before, *after, *value));
}

/// Elements move by `shift` towards the end; those beyond it come first.
static MaybeValue callRoll(Call &call) {
  auto x = call.tensor("x");
  if (failed(x))
    return failure();
  auto shifts = call.shape("shift"), axes = call.shape("axis");
  if (failed(shifts) || failed(axes))
    return failure();
  if (shifts->size() != axes->size())
    return call.wrong("axis", "one axis for each shift");
  Graph &graph = call.graph;
  Tensor rolled = *x;
  for (auto [shift, given] : llvm::zip(*shifts, *axes)) {
    int64_t rank = Graph::rankOf(rolled);
    auto axis = given.getConstant();
    if (!axis || *axis < -rank || *axis >= rank)
      return call.wrong("axis", "axes of a tensor of rank " + Twine(rank));
    int64_t at = *axis < 0 ? *axis + rank : *axis;
    DimAttr extent = nn::getDim(rolled, at);
    if (extent.getConstant() == 0)
      continue;
    // A shift that is no more than the extent, whatever that is at run time, is
    // the rest itself.
    bool isKnown = shift.getConstant() && extent.getConstant();
    bool isInside = !isKnown && graph.bounds.atLeast(shift, 0) &&
                    graph.bounds.atLeast(extent - shift, 0);
    DimAttr tail = isInside ? shift : shift.mod(extent);
    if (tail && tail.getConstant() == 0)
      continue;
    DimAttr head = tail ? extent - tail : DimAttr();
    auto first = head ? graph.window(rolled, at, head, tail)
                      : MaybeTensor(graph.fail("a shift leaves 64 bits"));
    auto last =
        failed(first) ? first : graph.window(rolled, at, graph.dim(0), head);
    auto joined = failed(last) ? last : graph.concat({*first, *last}, at);
    if (failed(joined))
      return failure();
    rolled = *joined;
  }
  return Value(rolled);
}

static MaybeValue callGather(Call &call) {
  auto x = call.tensor("x"), indices = call.tensor("indices");
  if (failed(x) || failed(indices))
    return failure();
  auto axis = call.axis("axis", Graph::rankOf(*x), 0);
  if (failed(axis))
    return failure();
  return asValue(call.graph.gather(*x, *indices, *axis));
}

static MaybeValue callArange(Call &call) {
  auto count = call.integer("count");
  if (failed(count))
    return failure();
  if (!call.graph.bounds.atLeast(*count, 0))
    return call.wrong("count", "a count that is not negative");
  return asValue(call.graph.iota(*count));
}

static MaybeValue callFull(Call &call) {
  auto dims = call.shape("shape");
  if (failed(dims))
    return failure();
  Builder &b = call.graph.b;
  const Value *given = call.get("value");
  bool isInteger = given && given->is<DimAttr>();
  auto value = call.tensor("value", isInteger ? Type(b.getI64Type())
                                              : Type(b.getF32Type()));
  if (failed(value))
    return failure();
  return asValue(call.graph.broadcast(*value, *dims));
}

void addShapeFunctions(llvm::StringMap<BuiltinFunction> &table) {
  table["rearrange"] = callRearrange;
  table["reshape"] = callReshape;
  table["expand"] = callExpand;
  table["transpose"] = callTranspose;
  table["concat"] = callConcat;
  table["pad"] = callPad;
  table["roll"] = callRoll;
  table["gather"] = callGather;
  table["arange"] = callArange;
  table["full"] = callFull;
}

} // namespace attune::dsl
