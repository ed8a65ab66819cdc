// Access to a node, and the table of import functions.
#include "frontends/onnx/Binder.h"

namespace attune::onnx {

using namespace mlir;

int64_t Binder::integer(StringRef name, int64_t fallback) const {
  auto value = dyn_cast_or_null<IntegerAttr>(attribute(name));
  return value ? value.getInt() : fallback;
}

double Binder::real(StringRef name, double fallback) const {
  auto value = dyn_cast_or_null<FloatAttr>(attribute(name));
  return value ? value.getValueAsDouble() : fallback;
}

StringRef Binder::text(StringRef name) const {
  auto value = dyn_cast_or_null<StringAttr>(attribute(name));
  return value ? value.getValue() : StringRef();
}

ArrayRef<int64_t> Binder::integers(StringRef name) const {
  auto value = dyn_cast_or_null<DenseI64ArrayAttr>(attribute(name));
  return value ? value.asArrayRef() : ArrayRef<int64_t>();
}

FailureOr<int64_t> Binder::axis(int64_t value, int64_t rank) {
  if (value < -rank || value >= rank)
    return fail("axis " + Twine(value) + " is outside rank " + Twine(rank));
  return value < 0 ? value + rank : value;
}

FailureOr<int64_t> Binder::axis(StringRef name, int64_t rank) {
  return axis(integer(name), rank);
}

FailureOr<std::optional<SmallVector<int64_t>>>
Binder::integersFrom(StringRef name, size_t i) {
  using Optional = std::optional<SmallVector<int64_t>>;
  if (hasAttribute(name))
    return Optional(SmallVector<int64_t>(integers(name)));
  if (!has(i))
    return Optional();
  auto known = ops.knownConstants(in(i));
  if (!known)
    return fail("input " + Twine(i) + " (" + name +
                ") has to be known when the model is compiled");
  return Optional(std::move(*known));
}

FailureOr<Dims> Binder::shapeFrom(size_t i) {
  auto known = has(i) ? ops.knownIntegers(in(i)) : std::nullopt;
  if (!known)
    return fail("input " + Twine(i) +
                " depends on data; a shape has to follow from the shapes of "
                "the model's inputs");
  return *known;
}

LogicalResult Binder::set(size_t output, Result result) {
  if (failed(result))
    return failure();
  if (output < outputs.size())
    outputs[output] = std::move(*result);
  return success();
}

const ImportTable &ImportTable::get() {
  static const ImportTable table = [] {
    ImportTable all;
    registerActivation(all);
    registerAttention(all);
    registerConv(all);
    registerElementwise(all);
    registerIndexing(all);
    registerMatmul(all);
    registerNorm(all);
    registerOrder(all);
    registerPad(all);
    registerPool(all);
    registerReduce(all);
    registerResize(all);
    registerRotary(all);
    registerScatter(all);
    registerShape(all);
    return all;
  }();
  return table;
}

ImportFunction ImportTable::find(StringRef domain, StringRef op,
                                 int64_t since) const {
  auto row = rows.find(key(domain, op));
  if (row == rows.end())
    return nullptr;
  auto after = row->second.upper_bound(since);
  return after == row->second.begin() ? nullptr : std::prev(after)->second;
}

std::vector<SupportedOperator> ImportTable::list() const {
  std::vector<SupportedOperator> all;
  for (const auto &row : rows) {
    auto [domain, op] = row.first().split("::");
    all.push_back({domain.str(), op.str(), row.second.begin()->first});
  }
  llvm::sort(all, [](const SupportedOperator &a, const SupportedOperator &b) {
    return std::tie(a.domain, a.name) < std::tie(b.domain, b.name);
  });
  return all;
}

std::vector<SupportedOperator> supportedOperators() {
  std::vector<SupportedOperator> all = ImportTable::get().list();
  // The walk itself takes the branch of an If.
  all.push_back({"", "If", 1});
  llvm::sort(all, [](const SupportedOperator &a, const SupportedOperator &b) {
    return std::tie(a.domain, a.name) < std::tie(b.domain, b.name);
  });
  return all;
}

} // namespace attune::onnx
