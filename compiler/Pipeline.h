// The table of contents: every stage of the compiler, in order.
//
//   model file -> onnx -> nn -> cleanup -> detect -> differentiate -> fusion
//              -> kernels -> memory -> target
//
// up to fusion once, from kernels on once per code version.
//
// Each add function appends the passes of one stage and, last, the verifier of
// what the stage promises. `attune-compile --emit=NAME` stops after a stage.
#pragma once

#include "compiler/Options.h"
#include "mlir/Pass/PassManager.h"

namespace attune {

/// One row of the stage table (compiler/README.md shows the same rows).
struct Stage {
  llvm::StringLiteral name; ///< of the folder, of --emit and of the dump file
  llvm::StringLiteral enters, leaves;
};

/// All stages in the order in which they run, frontends included.
llvm::ArrayRef<Stage> stages();

void addCleanupStage(mlir::OpPassManager &passes,
                     const CompileOptions &options);
void addDetectStage(mlir::OpPassManager &passes);
void addDifferentiateStage(mlir::OpPassManager &passes,
                           const CompileOptions &options);
void addFusionStage(mlir::OpPassManager &passes, const CompileOptions &options);
void addKernelsStage(mlir::OpPassManager &passes, const CodeTarget &target);
void addMemoryStage(mlir::OpPassManager &passes);

} // namespace attune
