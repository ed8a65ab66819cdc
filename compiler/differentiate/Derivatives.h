// The derivatives of the nn ops: what buildVjp of each of them builds.
#pragma once

#include "dialects/nn/NN.h"

#include "compiler/differentiate/DifferentiateInterface.h.inc"

namespace attune::differentiate {

/// Attaches the derivatives to the nn dialect.
void registerDerivatives(mlir::DialectRegistry &registry);

} // namespace attune::differentiate
