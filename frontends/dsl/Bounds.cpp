// Ranges of symbols.
#include "frontends/dsl/Bounds.h"

#include "mlir/IR/Builders.h"

namespace attune::dsl {

using namespace mlir;

Interval Bounds::of(nn::DimAttr dim) const {
  return nn::intervalOf(dim, [&](StringRef name) {
    auto known = ranges.find(name.str());
    return known == ranges.end() ? Interval{0, unbounded} : known->second;
  });
}

DictionaryAttr Bounds::attribute(MLIRContext *context) const {
  NamedAttrList list;
  for (const auto &[name, range] : ranges)
    list.set(name, nn::rangeAttr(context, range));
  return list.getDictionary(context);
}

} // namespace attune::dsl
