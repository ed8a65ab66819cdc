// Ranges of dims, and the text of dim_params.
#include "frontends/onnx/Symbols.h"

#include "mlir/IR/Builders.h"

namespace attune::onnx {

using namespace mlir;

DimAttr Symbols::symbol(StringRef name) {
  asked.insert(name);
  auto bound = options.shapes.find(name);
  DimBinding binding =
      bound == options.shapes.end() ? DimBinding() : bound->second;
  if (binding.max && *binding.max == binding.min)
    return constant(binding.min);
  DimAttr dim = DimAttr::symbol(context, name);
  // The context keeps the name alive as part of the attribute.
  symbols.insert(
      {dim.getSymbol(), {binding.min, binding.max.value_or(nn::noBound)}});
  return dim;
}

/// Whether `text` is a name, not a number or an expression.
static bool isName(StringRef text) {
  return !text.empty() && !llvm::isDigit(text[0]) &&
         text.find_first_of("+-*/() ") == StringRef::npos;
}

void Symbols::declare(StringRef param) {
  if (isName(param))
    declared.insert(param);
}

std::vector<std::string> Symbols::unusedBindings() const {
  std::vector<std::string> names;
  for (StringRef name : options.shapes.keys())
    if (!asked.contains(name))
      names.push_back(name.str());
  llvm::sort(names);
  return names;
}

DimAttr Symbols::fromParam(StringRef param) {
  auto hasValue = [&](StringRef name) {
    auto bound = options.shapes.find(name);
    return name == param || declared.contains(name) ||
           (bound != options.shapes.end() &&
            bound->second.max == bound->second.min);
  };
  // Exporters write sums and products of names; anything else is one name.
  DimAttr sum = constant(0);
  bool understood = true;
  SmallVector<StringRef> terms;
  param.split(terms, '+');
  for (StringRef term : terms) {
    DimAttr factor = constant(1);
    SmallVector<StringRef> factors;
    term.split(factors, '*');
    for (StringRef text : factors) {
      text = text.trim();
      int64_t number;
      if (!text.getAsInteger(10, number) && number >= 0)
        factor = factor * number;
      else if (isName(text) && hasValue(text))
        factor = factor * symbol(text);
      else
        understood = false;
      if (!factor || !understood)
        break;
    }
    if (!understood || !factor)
      return symbol(param);
    sum = sum + factor;
  }
  return sum ? sum : symbol(param);
}

nn::DimInterval Symbols::interval(DimAttr dim) const {
  return nn::intervalOf(dim, [&](StringRef name) {
    auto known = symbols.find(name);
    return known == symbols.end() ? nn::DimInterval{0, nn::noBound}
                                  : known->second;
  });
}

std::optional<int64_t> Symbols::lower(DimAttr dim) const {
  int64_t bound = interval(dim).min;
  return bound == -nn::noBound ? std::nullopt : std::optional(bound);
}

std::optional<int64_t> Symbols::upper(DimAttr dim) const {
  int64_t bound = interval(dim).max;
  return bound == nn::noBound ? std::nullopt : std::optional(bound);
}

bool Symbols::atLeast(DimAttr dim, int64_t bound) const {
  return dim && lower(dim).value_or(bound - 1) >= bound;
}

bool Symbols::limit(DimAttr dim, DimAttr bound) {
  if (!dim || !bound)
    return false;
  if (atLeast(bound - dim, 0))
    return true;
  auto most = bound.getConstant();
  auto known = symbols.find(dim.getSymbol());
  if (!most || known == symbols.end() || *most < known->second.min)
    return false;
  known->second.max = std::min(known->second.max, *most);
  return true;
}

DictionaryAttr Symbols::ranges() const {
  Builder b(context);
  NamedAttrList list;
  for (const auto &[name, range] : symbols)
    list.set(name, nn::rangeAttr(context, range));
  return list.getDictionary(context);
}

} // namespace attune::onnx
