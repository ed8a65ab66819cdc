// The order of the memory stage.
#include "compiler/memory/Passes.h"
#include "mlir/Pass/PassRegistry.h"

namespace attune::memory {

void buildPipeline(mlir::OpPassManager &passes) {
  passes.addPass(createPlanBuffers());
  passes.addPass(createVerifyPlan());
}

void registerPasses() {
  registermemoryPasses();
  mlir::PassPipelineRegistration<>(
      "memory", "Launches to a plan on buffers: the whole stage",
      buildPipeline);
}

} // namespace attune::memory
