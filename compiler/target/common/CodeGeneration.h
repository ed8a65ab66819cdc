//===- CodeGeneration.h - from the LLVM dialect to bytes --------*- C++ -*-===//
//
// What LLVM does is the same for every target but for its name: lowering the
// last dialects, optimising, writing. Loops and vectors are shaped by the
// lowerings before, and no function of a library is recognised or called.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "dialects/tile/Tile.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Target/TargetMachine.h"

namespace attune::target::common {

/// A module of nothing but the kernels: what else the given one holds (weights,
/// the plan) is none of a target's business.
mlir::OwningOpRef<mlir::ModuleOp> copyKernels(mlir::ModuleOp module);
/// A module of one kernel, to be looked at alone.
mlir::OwningOpRef<mlir::ModuleOp> copyAlone(tile::KernelOp kernel);

/// Expands the math ops of a module by `patterns`; an error, which says that
/// there is no lowering `where` ("on the CPU"), for one without an instruction.
llvm::LogicalResult lowerMath(mlir::ModuleOp module,
                              mlir::RewritePatternSet patterns,
                              llvm::StringRef where);

/// scf, vector, math, arith, cf and func to the LLVM dialect.
void addConversionsToLLVM(mlir::OpPassManager &passes);

/// Null if LLVM has been built without the target, which the caller has
/// initialised.
std::unique_ptr<llvm::TargetMachine>
createTargetMachine(llvm::StringRef triple, llvm::StringRef processor,
                    llvm::StringRef features,
                    const llvm::TargetOptions &options);

/// Optimises `module` for `target` and writes it as `type`; nothing where the
/// target cannot.
std::optional<llvm::SmallVector<char>> generateCode(llvm::Module &module,
                                                    llvm::TargetMachine &target,
                                                    llvm::CodeGenFileType type);

} // namespace attune::target::common
