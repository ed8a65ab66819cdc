// What the integers of a model's inputs may be, where they are indices.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include <map>
#include <string>

namespace attune::tools {

/// By the name of an input: the extent of the smallest axis that its elements
/// index as they are (the table of an embedding). An index outside is an error
/// of the model's user, which whoever reads data is to find.
std::map<std::string, int64_t> indexBoundsOf(mlir::ModuleOp module);

} // namespace attune::tools
