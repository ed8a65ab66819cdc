// Interval arithmetic over dims.
#include "frontends/dsl/Bounds.h"

#include "mlir/IR/Builders.h"

namespace attune::dsl {

using namespace mlir;

static int64_t clamped(__int128 value) {
  return int64_t(std::clamp<__int128>(value, -unbounded, unbounded));
}

static int64_t product(int64_t a, int64_t b) {
  return clamped(__int128(a) * b);
}

static Interval product(Interval a, Interval b) {
  int64_t corners[] = {product(a.min, b.min), product(a.min, b.max),
                       product(a.max, b.min), product(a.max, b.max)};
  return {*llvm::min_element(corners), *llvm::max_element(corners)};
}

Interval Bounds::ofAtom(Attribute atom) const {
  if (auto name = dyn_cast<StringAttr>(atom)) {
    auto known = ranges.find(name.getValue().str());
    return known == ranges.end() ? Interval{0, unbounded} : known->second;
  }
  auto op = cast<nn::DimOpAttr>(atom);
  Interval a = of(op.getLhs()), b = of(op.getRhs());
  switch (op.getKind()) {
  case nn::DimOpKind::Max:
    return {std::max(a.min, b.min), std::max(a.max, b.max)};
  case nn::DimOpKind::Min:
    return {std::min(a.min, b.min), std::min(a.max, b.max)};
  case nn::DimOpKind::Mod:
    if (b.min >= 1)
      return {0, b.max - 1};
    break;
  case nn::DimOpKind::FloorDiv:
    if (a.min >= 0 && b.min >= 1)
      return {a.min / b.max, a.max == unbounded ? unbounded : a.max / b.min};
    break;
  }
  return {-unbounded, unbounded};
}

Interval Bounds::of(nn::DimAttr dim) const {
  // An end without a bound stays so, whatever is added to it.
  bool open[2] = {false, false};
  __int128 sum[2] = {0, 0};
  for (auto [coefficient, monomial] :
       llvm::zip(dim.getCoefficients(), dim.getMonomials())) {
    Interval term = {1, 1};
    for (Attribute atom : monomial)
      term = product(term, ofAtom(atom));
    term = product(term, {coefficient, coefficient});
    open[0] |= term.min == -unbounded;
    open[1] |= term.max == unbounded;
    sum[0] = clamped(sum[0] + term.min);
    sum[1] = clamped(sum[1] + term.max);
  }
  return {open[0] ? -unbounded : int64_t(sum[0]),
          open[1] ? unbounded : int64_t(sum[1])};
}

DictionaryAttr Bounds::attribute(MLIRContext *context) const {
  NamedAttrList list;
  for (const auto &[name, range] : ranges)
    list.set(name,
             nn::RangeAttr::get(context, range.min,
                                range.max == unbounded ? -1 : range.max, 1));
  return list.getDictionary(context);
}

} // namespace attune::dsl
