// The order of the detect stage.
#include "compiler/detect/Passes.h"
#include "compiler/cleanup/Passes.h"
#include "mlir/Pass/PassRegistry.h"

namespace attune::detect {

void buildPipeline(mlir::OpPassManager &passes) {
  passes.addPass(createDetectGelu());
  passes.addPass(createDetectNorm());
  // Before attention, which is built around a softmax.
  passes.addPass(createDetectSoftmax());
  // A softmax may now stand where parts were: reshapes sink below it.
  passes.addPass(cleanup::createSimplify());
  passes.addPass(createDetectAttention());
  passes.addPass(createDetectMasks());
  // The views that both made around operands and masks.
  passes.addPass(cleanup::createSimplify());
  passes.addPass(createVerifyDetected());
}

void registerPasses() {
  registerdetectPasses();
  mlir::PassPipelineRegistration<>("detect",
                                   "Attention, norms, softmax and activations "
                                   "from their parts: the whole stage",
                                   buildPipeline);
}

} // namespace attune::detect
