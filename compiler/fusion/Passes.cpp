// The order of the fusion stage.
#include "compiler/fusion/Passes.h"
#include "compiler/cleanup/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

namespace attune::fusion {

void buildPipeline(mlir::OpPassManager &passes,
                   const PipelineOptions &options) {
  passes.addPass(createAlignReductions());
  // While attentions are still there, whose projections they are.
  if (options.gpu)
    passes.addPass(createMergeProjections());
  ChooseAttentionOptions attention;
  attention.attention = options.attention;
  attention.gpu = options.gpu;
  attention.frugal = options.frugal;
  passes.addPass(createChooseAttention(attention));
  // The views that both made.
  passes.addPass(cleanup::createSimplify());
  // Again, because simplify moves transposes below the producers of what is
  // reduced; views that are equal then are one.
  passes.addPass(createAlignReductions());
  passes.addPass(mlir::createCSEPass());
  // After simplify, which would move what is done to labels out of the rows of
  // which the losses are made.
  passes.addPass(createDecomposeLosses());
  // After simplify, which would take casts through views to where no group has
  // a use for them; before groups take them in.
  if (options.precision != "f32") {
    ConvertPrecisionOptions precision;
    precision.precision = options.precision;
    passes.addPass(createConvertPrecision(precision));
    passes.addPass(cleanup::createFoldConstants());
  }
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
