// Inputs of a model from files.
#pragma once

#include "dialects/nn/reference/Array.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringMap.h"
#include <map>
#include <string>
#include <vector>

namespace attune::tools {

/// By the number of the argument.
using GivenInputs = std::map<size_t, nn::Array>;

/// Reads `files` (NAME=FILE, or a file with names). Symbols that have no value
/// yet get it from the shapes of the tensors. `error` says what does not fit.
bool readInputFiles(mlir::func::FuncOp function,
                    const std::vector<std::string> &files, GivenInputs &given,
                    llvm::StringMap<int64_t> &symbols, std::string &error);

} // namespace attune::tools
