// Labels of classes as conditions. See Labels.h.
#include "compiler/differentiate/Labels.h"

namespace attune::differentiate {

using namespace mlir;
using nn::DimAttr;
using Kind = nn::ElementwiseKind;

Expr areCounted(Expr labels, DimAttr classes, int64_t ignored) {
  auto both = [](Expr a, Expr b) { return apply(Kind::And, {a, b}); };
  Expr isInside = both(greater(labels, labels.number(-1)),
                       apply(Kind::Less, {labels, dimension(labels, classes)}));
  Expr isIgnored = equal(labels, labels.number(double(ignored)));
  return both(isInside, apply(Kind::Not, {isIgnored}));
}

Expr oneHot(Expr labels, DimAttr classes) {
  Site &site = labels.getSite();
  Type row = nn::tensorType(classes, labels.elementType());
  Expr position{site, nn::IotaOp::create(site.builder, site.loc, row,
                                         site.builder.getI64IntegerAttr(0))};
  return equal(position, withOnes(labels, labels.rank()));
}

} // namespace attune::differentiate
