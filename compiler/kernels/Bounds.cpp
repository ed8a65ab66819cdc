// Proofs about dims. See Bounds.h.
//
// Each symbol is written as its least value plus, or its greatest value minus,
// something that is not negative. If some choice leaves no negative
// coefficient, the polynomial is not negative: 16384 - 64 S with S <= 256 is 64
// s with S = 256 - s.
#include "compiler/kernels/Bounds.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::SymbolRanges;

// Whether an atom is not negative if symbols are not.
static bool isAtomNonNegative(Attribute atom);

static bool hasNoNegativePart(DimAttr dim) {
  for (auto [coefficient, monomial] :
       llvm::zip(dim.getCoefficients(), dim.getMonomials()))
    if (coefficient < 0 || !llvm::all_of(monomial, isAtomNonNegative))
      return false;
  return true;
}

static bool isAtomNonNegative(Attribute atom) {
  auto op = dyn_cast<nn::DimOpAttr>(atom);
  if (!op)
    return true; // a symbol
  bool lhs = hasNoNegativePart(op.getLhs()),
       rhs = hasNoNegativePart(op.getRhs());
  switch (op.getKind()) {
  case nn::DimOpKind::FloorDiv:
  case nn::DimOpKind::Min:
    return lhs && rhs;
  case nn::DimOpKind::Mod: // has the sign of the divisor
    return rhs;
  case nn::DimOpKind::Max:
    return lhs || rhs;
  }
  llvm_unreachable("every kind is listed");
}

// More symbols than this do not occur in one dim of a model.
static constexpr size_t kMostSymbols = 8;

bool isNonNegative(DimAttr dim, const SymbolRanges &ranges) {
  if (!dim)
    return false;
  llvm::SetVector<StringRef> symbols;
  dim.collectSymbols(symbols);
  if (symbols.size() > kMostSymbols)
    return false;
  MLIRContext *context = dim.getContext();
  for (unsigned choice = 0; choice < 1u << symbols.size(); ++choice) {
    llvm::StringMap<DimAttr> shifted;
    bool possible = true;
    for (auto [index, name] : llvm::enumerate(symbols)) {
      nn::RangeAttr range = ranges.lookup(name);
      DimAttr rest = DimAttr::symbol(context, name);
      bool fromMax = choice >> index & 1;
      if (fromMax && (!range || range.getMax() < 0))
        possible = false;
      else if (fromMax)
        shifted[name] = DimAttr::constant(context, range.getMax()) - rest;
      else
        shifted[name] = rest + (range ? range.getMin() : 1);
    }
    if (!possible)
      continue;
    DimAttr polynomial = dim.substitute(shifted);
    if (polynomial && hasNoNegativePart(polynomial))
      return true;
  }
  return false;
}

int64_t greatest(DimAttr dim, const SymbolRanges &ranges) {
  llvm::SetVector<StringRef> used;
  dim.collectSymbols(used);
  llvm::StringMap<int64_t> values;
  for (StringRef name : used) {
    auto range = ranges.find(name);
    if (range == ranges.end() || range->second.getMax() < 0)
      return std::numeric_limits<int64_t>::max();
    values[name] = range->second.getMax();
  }
  return dim.evaluate(values).value_or(std::numeric_limits<int64_t>::max());
}

} // namespace attune::kernels
