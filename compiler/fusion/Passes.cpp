// The order of the fusion stage.
#include "compiler/fusion/Passes.h"
#include "compiler/cleanup/Passes.h"
#include "mlir/Pass/PassRegistry.h"

namespace attune::fusion {

void buildPipeline(mlir::OpPassManager &passes,
                   const PipelineOptions &options) {
  passes.addPass(createAlignReductions());
  ChooseAttentionOptions attention;
  attention.attention = options.attention;
  passes.addPass(createChooseAttention(attention));
  // After detection, which casts inside the parts would hide from, and after
  // the parts of unfused attention are there; before groups take the casts in.
  ConvertPrecisionOptions precision;
  precision.precision = options.precision;
  passes.addPass(createConvertPrecision(precision));
  // The views and casts that these made.
  passes.addPass(cleanup::createSimplify());
  FormGroupsOptions groups;
  groups.fuse = options.fuse;
  passes.addPass(createFormGroups(groups));
  passes.addPass(createVerifyFused());
}

void registerPasses() {
  registerfusionPasses();
  mlir::PassPipelineRegistration<PipelineOptions>(
      "fusion", "Groups and strategies: the whole stage", buildPipeline);
}

} // namespace attune::fusion
