// Interval arithmetic over dims, and the text of dim_params.
#include "frontends/onnx/Symbols.h"

#include "mlir/IR/Builders.h"

namespace attune::onnx {

using namespace mlir;

// Stands for "no bound"; sums and products saturate there.
static constexpr int64_t infinity = int64_t{1} << 62;

static int64_t clamp(__int128 value) {
  if (value > infinity)
    return infinity;
  return value < -infinity ? -infinity : int64_t(value);
}

static int64_t product(int64_t a, int64_t b) {
  return clamp(__int128(a) * __int128(b));
}

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
      {dim.getSymbol(), {binding.min, binding.max.value_or(infinity)}});
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

Symbols::Range Symbols::intervalOfAtom(Attribute atom) const {
  if (auto name = dyn_cast<StringAttr>(atom)) {
    auto known = symbols.find(name.getValue());
    return known == symbols.end() ? Range{0, infinity} : known->second;
  }
  auto op = cast<nn::DimOpAttr>(atom);
  Range a = interval(op.getLhs()), b = interval(op.getRhs());
  switch (op.getKind()) {
  case nn::DimOpKind::Max:
    return {std::max(a.min, b.min), std::max(a.max, b.max)};
  case nn::DimOpKind::Min:
    return {std::min(a.min, b.min), std::min(a.max, b.max)};
  case nn::DimOpKind::Mod:
    if (b.min >= 1)
      return {0, b.max == infinity ? infinity : b.max - 1};
    break;
  case nn::DimOpKind::FloorDiv:
    if (a.min >= 0 && b.min >= 1)
      return {b.max == infinity ? 0 : a.min / b.max,
              a.max == infinity ? infinity : a.max / b.min};
    break;
  }
  return {-infinity, infinity};
}

Symbols::Range Symbols::interval(DimAttr dim) const {
  __int128 min = 0, max = 0;
  for (auto [coefficient, monomial] :
       llvm::zip(dim.getCoefficients(), dim.getMonomials())) {
    Range term = {1, 1};
    for (Attribute atom : monomial) {
      Range factor = intervalOfAtom(atom);
      int64_t corners[] = {
          product(term.min, factor.min), product(term.min, factor.max),
          product(term.max, factor.min), product(term.max, factor.max)};
      term = {*llvm::min_element(corners), *llvm::max_element(corners)};
    }
    int64_t a = product(coefficient, term.min),
            b = product(coefficient, term.max);
    // An infinite term makes the sum infinite on its side.
    min += std::min(a, b) == -infinity ? -__int128(infinity) * infinity
                                       : std::min(a, b);
    max += std::max(a, b) == infinity ? __int128(infinity) * infinity
                                      : std::max(a, b);
    // Keep the sums representable, however many terms there are.
    min = std::max(min, -__int128(infinity) * infinity);
    max = std::min(max, __int128(infinity) * infinity);
  }
  return {clamp(min), clamp(max)};
}

std::optional<int64_t> Symbols::lower(DimAttr dim) const {
  int64_t bound = interval(dim).min;
  return bound == -infinity ? std::nullopt : std::optional(bound);
}

std::optional<int64_t> Symbols::upper(DimAttr dim) const {
  int64_t bound = interval(dim).max;
  return bound == infinity ? std::nullopt : std::optional(bound);
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
    list.set(name,
             nn::RangeAttr::get(context, range.min,
                                range.max == infinity ? -1 : range.max, 1));
  return list.getDictionary(context);
}

} // namespace attune::onnx
