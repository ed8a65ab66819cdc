// Ranges of index polynomials, and splitting row-major positions.
#include "compiler/cleanup/IndexSpace.h"

namespace attune::cleanup {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

// One term of a polynomial as a polynomial.
static DimAttr term(DimAttr dim, size_t i) {
  return DimAttr::get(dim.getContext(), dim.getCoefficients()[i],
                      dim.getMonomials()[i]);
}

static size_t numTerms(DimAttr dim) { return dim.getCoefficients().size(); }

DimAttr IndexSpace::make(Variable variable) {
  // No name of the model begins with a percent sign and a digit that is not its
  // own: the importer takes names from dim_param, which IR prints quoted.
  std::string name = "%" + std::to_string(next++);
  variables[name] = variable;
  return DimAttr::symbol(context, name);
}

DimAttr IndexSpace::addVariable(DimAttr extent) {
  if (extent.getConstant() == 1)
    return DimAttr::constant(context, 0);
  return make({extent, {}, {}, false});
}

Dims IndexSpace::addVariables(ArrayRef<DimAttr> extents) {
  return llvm::map_to_vector<6>(
      extents, [&](DimAttr extent) { return addVariable(extent); });
}

DimAttr IndexSpace::getExtent(StringRef name) const {
  auto it = variables.find(name);
  return it == variables.end() ? DimAttr() : it->second.extent;
}

// ---- proofs ----

static bool hasOnlySigns(DimAttr value, bool negative) {
  return llvm::all_of(value.getCoefficients(), [&](int64_t coefficient) {
    return negative ? coefficient <= 0 : coefficient >= 0;
  });
}

// The polynomial is linear in each variable wherever we use it, so its minimum
// over a variable is at an end of the range. Variables go first, then each dim
// s is replaced by s + 1; what is left is >= 0 if no coefficient is negative.
bool IndexSpace::isNonNegative(DimAttr value) const {
  if (!value)
    return false;
  llvm::SetVector<StringRef> symbols;
  value.collectSymbols(symbols);
  for (StringRef name : symbols) {
    DimAttr extent = getExtent(name);
    if (!extent)
      continue;
    DimAttr variable = DimAttr::symbol(context, name);
    DimAttr slope = DimAttr::constant(context, 0);
    for (size_t i = 0; i < numTerms(value); ++i)
      if (DimAttr quotient = term(value, i).exactDiv(variable))
        slope = slope + quotient;
    if (!slope)
      return false;
    llvm::StringMap<DimAttr> end;
    if (hasOnlySigns(slope, /*negative=*/false))
      end[name] = DimAttr::constant(context, 0);
    else if (hasOnlySigns(slope, /*negative=*/true))
      end[name] = extent - 1;
    else
      return false;
    if (!(value = value.substitute(end)))
      return false;
  }
  llvm::StringMap<DimAttr> atLeastOne;
  llvm::SetVector<StringRef> dims;
  value.collectSymbols(dims);
  for (StringRef name : dims)
    atLeastOne[name] = DimAttr::symbol(context, name) + 1;
  DimAttr shifted = value.substitute(atLeastOne);
  return shifted && hasOnlySigns(shifted, /*negative=*/false);
}

bool IndexSpace::isInside(DimAttr index, DimAttr extent) const {
  return isNonNegative(index) && isNonNegative(extent - index - 1);
}

// ---- halves of a variable ----

DimAttr IndexSpace::normalise(DimAttr value) const {
  llvm::StringMap<DimAttr> lows;
  for (const auto &entry : variables)
    if (entry.second.whole && !entry.second.isHigh) {
      // The high half was made just before the low one.
      unsigned low = 0;
      (void)entry.getKey().drop_front().getAsInteger(10, low);
      DimAttr high = DimAttr::symbol(context, "%" + std::to_string(low - 1));
      lows[entry.getKey()] = entry.second.whole - high * entry.second.divisor;
    }
  // A half may itself have been split: repeat until nothing changes.
  for (DimAttr previous; value && value != previous;) {
    previous = value;
    value = value.substitute(lows);
  }
  return value;
}

bool IndexSpace::dependsOn(DimAttr value, DimAttr variable) const {
  llvm::SetVector<StringRef> symbols;
  value.collectSymbols(symbols);
  return llvm::any_of(symbols, [&](StringRef name) {
    if (name == variable.getSymbol())
      return true;
    auto it = variables.find(name);
    return it != variables.end() && it->second.whole &&
           dependsOn(it->second.whole, variable);
  });
}

std::optional<IndexSpace::Quotient>
IndexSpace::asQuotient(DimAttr value) const {
  auto it = variables.find(value.getSymbol());
  if (value.getSymbol().empty() || it == variables.end() || !it->second.whole ||
      !it->second.isHigh)
    return std::nullopt;
  return Quotient{it->second.whole, it->second.divisor};
}

// ---- positions ----

DimAttr IndexSpace::linearize(ArrayRef<DimAttr> index,
                              ArrayRef<DimAttr> dims) const {
  DimAttr position = DimAttr::constant(context, 0);
  for (auto [i, dim] : llvm::zip(index, dims))
    position = position * dim + i;
  return position;
}

// Replaces one variable v whose term c * v crosses `stride` by its halves
// v = high * G + low with G = stride / c.
std::optional<DimAttr> IndexSpace::splitOne(DimAttr position, DimAttr stride) {
  for (size_t i = 0; i < numTerms(position); ++i) {
    DimAttr part = term(position, i);
    if (part.exactDiv(stride))
      continue;
    llvm::SetVector<StringRef> symbols;
    part.collectSymbols(symbols);
    for (StringRef name : symbols) {
      DimAttr extent = getExtent(name);
      if (!extent)
        continue;
      DimAttr variable = DimAttr::symbol(context, name);
      DimAttr coefficient = part.exactDiv(variable);
      DimAttr inner = coefficient ? stride.exactDiv(coefficient) : DimAttr();
      DimAttr outer = inner ? extent.exactDiv(inner) : DimAttr();
      if (!outer || inner.getConstant() == 1 || outer.getConstant() == 1)
        continue;
      DimAttr high = make({outer, variable, inner, true});
      DimAttr low = make({inner, variable, inner, false});
      llvm::StringMap<DimAttr> halves;
      halves[name] = high * inner + low;
      return position.substitute(halves);
    }
  }
  return std::nullopt;
}

std::optional<Dims> IndexSpace::delinearize(DimAttr position,
                                            ArrayRef<DimAttr> dims) {
  Dims index;
  DimAttr rest = position;
  for (size_t k = 0; k < dims.size(); ++k) {
    DimAttr stride = nn::numElements(dims.drop_front(k + 1), context);
    if (!rest || !stride)
      return std::nullopt;
    if (!isNonNegative(stride - rest - 1))
      while (auto split = splitOne(rest, stride))
        rest = *split;
    DimAttr here = DimAttr::constant(context, 0);
    for (size_t i = 0; i < numTerms(rest); ++i)
      if (DimAttr quotient = term(rest, i).exactDiv(stride))
        here = here + quotient;
    rest = rest - here * stride;
    if (!isInside(here, dims[k]))
      return std::nullopt;
    index.push_back(here);
  }
  if (!rest || rest.getConstant() != 0)
    return std::nullopt;
  for (DimAttr &i : index)
    if (!(i = normalise(i)))
      return std::nullopt;
  return index;
}

} // namespace attune::cleanup
