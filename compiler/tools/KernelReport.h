// What the kernels of a model take of a CUDA device, for explain.
#pragma once

#include "compiler/Options.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/JSON.h"
#include <optional>
#include <string>
#include <vector>

namespace attune::tools {

/// One object for each kernel of `module`, which is one after the memory stage:
/// its name, family and launches (nodes of the model), threads, shared_bytes
/// and items_per_block of a block, and under "capabilities" what ptxas says for
/// each that `target` names, null without ptxas. Nothing where it fails: what
/// the user can do something about stands in `error`, what is a bug has been
/// reported. `progress` is told the share that is done.
std::optional<llvm::json::Array>
kernelsJson(mlir::ModuleOp module, const CodeTarget &target,
            llvm::function_ref<void(double)> progress, std::string &error);

/// The same for people: titles, then a row for each kernel.
std::vector<std::vector<std::string>>
kernelTable(const llvm::json::Array &kernels);

} // namespace attune::tools
