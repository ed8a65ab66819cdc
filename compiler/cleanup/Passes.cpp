// The order of the cleanup stage.
#include "compiler/cleanup/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

namespace attune::cleanup {

void buildPipeline(mlir::OpPassManager &passes) {
  // First, so that the views it makes are simplified too.
  passes.addPass(createConvertConv());
  passes.addPass(createSimplify());
  // After simplify, which turns much of what reads weights into views of them.
  passes.addPass(createFoldWeights());
  // Weights that nobody reads any more (transposed copies, folded tables).
  passes.addPass(mlir::createSymbolDCEPass());
  passes.addPass(createVerifyClean());
}

void registerPasses() {
  registercleanupPasses();
  mlir::PassPipelineRegistration<>(
      "cleanup", "One shape for each meaning: the whole stage", buildPipeline);
}

} // namespace attune::cleanup
