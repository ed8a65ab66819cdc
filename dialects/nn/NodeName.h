// The name of the model's node behind a location: what errors, ledgers and
// profiles call an op.
#pragma once

#include "mlir/IR/Operation.h"
#include <string>

namespace attune::nn {

/// The first name in `location`, outermost first; empty if it has none.
std::string nodeName(mlir::Location location);

/// The same of an op; what kind of op it is where it has no name.
std::string nodeName(mlir::Operation *op);

} // namespace attune::nn
