// Runs passes so that a bug in one ends in a message and a reproducer, not in a
// stack trace.
//
// What a pass refuses is the user's affair: it has said which node and why.
// What must not happen is ours: a crash, a broken contract (a verify- pass that
// fails), or a pass that leaves invalid IR.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <string>

namespace attune::tools {

enum class Outcome { Done, Refused, Broken };

/// False if `action` crashed; a stack that overflows is a crash too. What it
/// has touched is in no state to be used then.
bool survives(llvm::function_ref<void()> action);

/// Runs `passes` on `module`. When it is Broken, `reproducer` holds the module
/// as it was before, without the bytes of weights, and how to run the passes on
/// it; nothing else of the context should be used.
Outcome runGuarded(mlir::PassManager &passes, mlir::ModuleOp module,
                   std::string &reproducer);

} // namespace attune::tools
