// Reads a model into the nn dialect, by the frontend of its extension.
#pragma once

#include "compiler/tools/CommandLine.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <string>

namespace attune::tools {

/// Null on failure; `error` then has the message, or the parser of MLIR has
/// told it as a diagnostic.
mlir::OwningOpRef<mlir::ModuleOp> loadModel(const Request &request,
                                            mlir::MLIRContext &context,
                                            std::string &error);

/// Prints the errors of a frontend: each line of its own, but excerpts of a
/// text, with their carets, as they are.
void printErrors(const std::string &errors);

} // namespace attune::tools
