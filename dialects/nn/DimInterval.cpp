// Interval arithmetic over dims.
#include "dialects/nn/DimInterval.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>

namespace attune::nn {

using namespace mlir;
using RangeOf = function_ref<DimInterval(StringRef)>;

static int64_t clamp(__int128 value) {
  return int64_t(std::clamp<__int128>(value, -noBound, noBound));
}

static int64_t product(int64_t a, int64_t b) {
  return clamp(__int128(a) * __int128(b));
}

static DimInterval product(DimInterval a, DimInterval b) {
  int64_t corners[] = {product(a.min, b.min), product(a.min, b.max),
                       product(a.max, b.min), product(a.max, b.max)};
  return {*llvm::min_element(corners), *llvm::max_element(corners)};
}

static DimInterval intervalOfAtom(Attribute atom, RangeOf rangeOf) {
  if (auto name = dyn_cast<StringAttr>(atom))
    return rangeOf(name.getValue());
  auto op = cast<DimOpAttr>(atom);
  DimInterval a = intervalOf(op.getLhs(), rangeOf),
              b = intervalOf(op.getRhs(), rangeOf);
  switch (op.getKind()) {
  case DimOpKind::Max:
    return {std::max(a.min, b.min), std::max(a.max, b.max)};
  case DimOpKind::Min:
    return {std::min(a.min, b.min), std::min(a.max, b.max)};
  case DimOpKind::Mod:
    if (b.min >= 1)
      return {0, b.max == noBound ? noBound : b.max - 1};
    break;
  case DimOpKind::FloorDiv:
    if (a.min >= 0 && b.min >= 1)
      return {b.max == noBound ? 0 : a.min / b.max,
              a.max == noBound ? noBound : a.max / b.min};
    break;
  }
  return {-noBound, noBound};
}

DimInterval intervalOf(DimAttr dim, RangeOf rangeOf) {
  // An end without a bound stays so, whatever is added to it; sums stay
  // representable, however many terms there are.
  constexpr __int128 endless = __int128(noBound) * noBound;
  __int128 min = 0, max = 0;
  for (auto [coefficient, monomial] :
       llvm::zip(dim.getCoefficients(), dim.getMonomials())) {
    DimInterval term = {1, 1};
    for (Attribute atom : monomial)
      term = product(term, intervalOfAtom(atom, rangeOf));
    term = product(term, {coefficient, coefficient});
    min += term.min == -noBound ? -endless : term.min;
    max += term.max == noBound ? endless : term.max;
    min = std::max(min, -endless);
    max = std::min(max, endless);
  }
  return {clamp(min), clamp(max)};
}

RangeAttr rangeAttr(MLIRContext *context, DimInterval range) {
  return RangeAttr::get(context, range.min,
                        range.max == noBound ? -1 : range.max, 1);
}

} // namespace attune::nn
