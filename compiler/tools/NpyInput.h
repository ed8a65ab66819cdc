// Inputs of a model from files.
#pragma once

#include "dialects/nn/reference/Array.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <string>
#include <vector>

namespace attune::tools {

/// Replaces the inputs that `files` (NAME=FILE.npy) name. `error` says what
/// does not fit.
bool readNpyInputs(mlir::func::FuncOp function,
                   const std::vector<std::string> &files,
                   std::vector<nn::Array> &inputs, std::string &error);

} // namespace attune::tools
