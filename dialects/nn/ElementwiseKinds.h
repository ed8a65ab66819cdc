// What is known of each elementwise kind without its values: arity and result
// type. Their values stand in reference/, their costs in compiler/fusion.
#pragma once

#include "dialects/nn/NN.h"

namespace attune::nn {

/// The number of operands: 1, 2 or 3.
unsigned arity(ElementwiseKind kind);

/// Whether the result is i1 whatever the operands are.
bool givesBool(ElementwiseKind kind);

/// Whether operands may be exchanged.
bool isCommutative(ElementwiseKind kind);

} // namespace attune::nn
