// Labels of classes as conditions: what cross entropy, its derivative and the
// count of right answers share.
#pragma once

#include "compiler/differentiate/Formula.h"

namespace attune::differentiate {

/// Which labels count: those in [0, classes) but for `ignored`. i1, of the
/// labels' dims.
Expr areCounted(Expr labels, nn::DimAttr classes, int64_t ignored);

/// Where class v, along a new last dim, is the label. i1.
Expr oneHot(Expr labels, nn::DimAttr classes);

} // namespace attune::differentiate
