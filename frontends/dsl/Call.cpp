// The arguments of a builtin, by name and kind.
#include "frontends/dsl/Expander.h"

namespace attune::dsl {

using namespace mlir;

LogicalResult Call::bind(const Expression &call, Frame &frame) {
  size_t position = 0;
  for (const Argument &argument : call.arguments) {
    auto value = expander.evaluate(*argument.value, frame);
    if (failed(value))
      return failure();
    size_t at = position;
    if (argument.name) {
      at = size_t(llvm::find(names, argument.name->text) - names.begin());
      if (at == names.size()) {
        extra.emplace_back(argument.name->text, *value);
        continue;
      }
    } else if (++position > names.size()) {
      return graph.fail(quoted(builtin.name) + " takes at most " +
                        std::to_string(names.size()) + " values");
    }
    values[at] = std::move(*value);
  }
  return success();
}

LogicalResult Call::fill(const Default &defaults, Frame &frame) {
  for (const Argument &argument : defaults.arguments) {
    if (!argument.name)
      continue;
    auto at = size_t(llvm::find(names, argument.name->text) - names.begin());
    if (at == names.size() || values[at])
      continue;
    auto value = expander.evaluate(*argument.value, frame);
    if (failed(value))
      return failure();
    values[at] = std::move(*value);
  }
  return success();
}

LogicalResult Call::checkRequired() {
  for (size_t i = 0; i < builtin.required(); ++i)
    if (!values[i])
      return graph.fail(quoted(builtin.name) + " needs a value for " +
                        quoted(names[i]));
  return success();
}

const Value *Call::get(StringRef name) const {
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i] == std::string_view(name))
      return values[i] && !values[i]->is<None>() ? &*values[i] : nullptr;
  llvm_unreachable("a builtin asks for a parameter that it has");
}

LogicalResult Call::wrong(StringRef name, const Twine &expected) {
  const Value *value = get(name);
  return graph.fail("expected " + expected + " for " + quoted(name) + " of " +
                    quoted(builtin.name) + ", found " +
                    (value ? value->describe() : "none"));
}

MaybeTensor Call::tensor(StringRef name, Type elementOfNumbers) {
  const Value *value = get(name);
  if (!value || !(value->isTensor() || (elementOfNumbers && value->isNumber())))
    return wrong(name, "a tensor");
  return expander.tensor(*value, elementOfNumbers);
}

MaybeTensor Call::optionalTensor(StringRef name) {
  return has(name) ? tensor(name) : MaybeTensor(Tensor());
}

FailureOr<DimAttr> Call::integer(StringRef name) {
  const Value *value = get(name);
  if (!value || !value->is<DimAttr>())
    return wrong(name, "an integer");
  return *value->as<DimAttr>();
}

FailureOr<int64_t> Call::constant(StringRef name) {
  auto number = integer(name);
  if (failed(number))
    return failure();
  if (auto known = number->getConstant())
    return *known;
  return wrong(name, "an integer that is known when the model is compiled");
}

FailureOr<double> Call::real(StringRef name, double fallback) {
  const Value *value = get(name);
  if (!value)
    return fallback;
  if (value->is<double>())
    return *value->as<double>();
  if (value->is<DimAttr>())
    if (auto known = value->as<DimAttr>()->getConstant())
      return double(*known);
  return wrong(name, "a number that is known when the model is compiled");
}

FailureOr<bool> Call::flag(StringRef name, bool fallback) {
  const Value *value = get(name);
  if (!value)
    return fallback;
  if (!value->is<bool>())
    return wrong(name, "true or false");
  return *value->as<bool>();
}

FailureOr<std::string> Call::text(StringRef name) {
  const Value *value = get(name);
  if (!value || !value->is<std::string>())
    return wrong(name, "a text");
  return *value->as<std::string>();
}

FailureOr<Dims> Call::shape(StringRef name) {
  const Value *value = get(name);
  Dims dims;
  if (value && value->is<List>())
    for (const Value &entry : **value->as<List>()) {
      if (!entry.is<DimAttr>())
        return wrong(name, "a list of integers");
      dims.push_back(*entry.as<DimAttr>());
    }
  else if (value && value->is<DimAttr>())
    dims.push_back(*value->as<DimAttr>());
  else
    return wrong(name, "a list of integers");
  return dims;
}

FailureOr<SmallVector<int64_t>> Call::axes(StringRef name, int64_t rank) {
  auto given = shape(name);
  if (failed(given))
    return failure();
  SmallVector<int64_t> axes;
  for (DimAttr entry : *given) {
    auto axis = entry.getConstant();
    if (!axis || *axis < -rank || *axis >= rank)
      return wrong(name, "axes of a tensor of rank " + Twine(rank));
    axes.push_back(*axis < 0 ? *axis + rank : *axis);
  }
  llvm::sort(axes);
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    return wrong(name, "each axis once");
  return axes;
}

FailureOr<int64_t> Call::axis(StringRef name, int64_t rank, int64_t fallback) {
  if (!has(name)) {
    if (rank == 0)
      return wrong(name, "a tensor with an axis");
    return fallback < 0 ? fallback + rank : fallback;
  }
  auto list = axes(name, rank);
  if (failed(list))
    return failure();
  if (list->size() != 1)
    return wrong(name, "one axis");
  return list->front();
}

} // namespace attune::dsl
