// The order of the differentiate stage.
#include "compiler/differentiate/Passes.h"
#include "compiler/cleanup/Passes.h"
#include "mlir/Pass/PassRegistry.h"

namespace attune::differentiate {

void buildPipeline(mlir::OpPassManager &passes,
                   const PipelineOptions &options) {
  passes.addPass(createDifferentiate());
  passes.addPass(createAppendOptimizer());
  // Derivatives are written without a look at their neighbours: views, sums
  // with 0 and broadcasts under elementwise ops go here.
  passes.addPass(cleanup::createSimplify());
  // What is kept is known once nothing is there for nothing.
  RecomputeOptions recompute;
  recompute.rule = options.recompute;
  recompute.fraction = options.activationMemory;
  passes.addPass(createRecompute(recompute));
  passes.addPass(createVerifyDifferentiated());
}

void registerPasses() {
  registerdifferentiatePasses();
  mlir::PassPipelineRegistration<PipelineOptions>(
      "differentiate-stage",
      "Gradients and updates of a model with a loss: the whole stage",
      buildPipeline);
}

} // namespace attune::differentiate
