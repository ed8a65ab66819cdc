//===- EmitObject.h - tile kernels into an object file ----------*- C++ -*-===//
//
// The end of the CPU target: a module of kernels becomes a relocatable ELF
// object that needs nothing from outside, for one code version.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cpu/CodeVersion.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/LogicalResult.h"

namespace mlir {
class DialectRegistry;
class ModuleOp;
} // namespace mlir

namespace attune::target::cpu {

/// Compiles every tile.kernel in `kernels` into one position-independent x86-64
/// ELF object, appended to `object`. Each kernel is a global symbol of its name
/// with the calling convention of tile.kernel. `kernels` is left as it is; what
/// it holds beside kernels does not matter.
///
/// Errors (an unknown form, a function without a lowering, a symbol that would
/// have to be imported) are reported on the op concerned. Same input, same
/// bytes. Thread-safe for different MLIR contexts.
llvm::LogicalResult emitCpuObject(mlir::ModuleOp kernels, CodeVersion version,
                                  llvm::SmallVectorImpl<char> &object);

/// What emitCpuObject needs in the registry of the module's context.
void registerTranslations(mlir::DialectRegistry &registry);

} // namespace attune::target::cpu
