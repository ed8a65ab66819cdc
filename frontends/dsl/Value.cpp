// Values in words.
#include "frontends/dsl/Value.h"

#include <array>
#include <cstdio>

namespace attune::dsl {

using namespace mlir;

std::string describeDims(ArrayRef<DimAttr> dims) {
  std::string out = "[";
  for (auto [i, dim] : llvm::enumerate(dims))
    out += (i ? ", " : "") + dim.str();
  return out + "]";
}

std::string describeShape(StringRef element, ArrayRef<DimAttr> dims) {
  return element.str() + describeDims(dims);
}

std::string describeType(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  Type element = tensor.getElementType();
  std::string name;
  if (element.isInteger(1))
    name = "bool";
  else
    llvm::raw_string_ostream(name) << element;
  return describeShape(name, nn::getDims(tensor));
}

static std::string text(double number) {
  std::array<char, 32> out = {};
  std::snprintf(out.data(), out.size(), "%g", number);
  return out.data();
}

namespace {
struct Describer {
  std::string operator()(None) const { return "none"; }
  std::string operator()(DimAttr number) const {
    return "the number " + number.str();
  }
  std::string operator()(double number) const {
    return "the number " + text(number);
  }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(const std::string &value) const {
    return "the text " + quoted(value);
  }
  std::string operator()(const List &list) const {
    return "a list of " + std::to_string(list->size());
  }
  std::string operator()(mlir::Value tensor) const {
    return describeType(tensor.getType());
  }
  std::string operator()(const Weight *weight) const {
    return "the weight " + quoted(weight->name);
  }
  std::string operator()(const InstancePtr &instance) const {
    return instance->path.empty() ? "the model"
                                  : "the layer " + quoted(instance->path);
  }
  std::string operator()(const Init &) const { return "an init"; }
  std::string operator()(const std::shared_ptr<Loss> &) const {
    return "a loss";
  }
  std::string operator()(const Callable &callable) const {
    if (callable.builtin)
      return "the function " + quoted(callable.builtin->name);
    return callable.function
               ? "the def " + quoted(callable.function->name.text)
               : "the module " + quoted(callable.module->name.text);
  }
};
} // namespace

std::string Value::describe() const { return std::visit(Describer(), content); }

} // namespace attune::dsl
