// The order of the kernels stage.
#include "compiler/kernels/Passes.h"
#include "mlir/Pass/PassRegistry.h"

namespace attune::kernels {

void buildPipeline(mlir::OpPassManager &passes,
                   const PipelineOptions &options) {
  // Before kernels: whether strides are constants is part of a kernel.
  passes.addNestedPass<mlir::func::FuncOp>(createAssignLayouts());
  BuildKernelsOptions kernels;
  kernels.target = options.target;
  passes.addPass(createBuildKernels(kernels));
  // After them: the target reads the scratch off the finished kernel.
  PlanScratchOptions scratch;
  scratch.target = options.target;
  passes.addPass(createPlanScratch(scratch));
  passes.addPass(createVerifyKernels());
}

void registerPasses() {
  registerkernelsPasses();
  mlir::PassPipelineRegistration<PipelineOptions>(
      "kernels", "Groups to kernels and launches: the whole stage",
      buildPipeline);
}

} // namespace attune::kernels
