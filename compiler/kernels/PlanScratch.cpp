// plan-scratch: asks the target how many bytes each kernel keeps between its
// blocks.
#include "compiler/kernels/Passes.h"

#include "compiler/kernels/LaunchChecks.h"
#include "compiler/target/cpu/LowerKernels.h"

namespace attune::kernels {

#define GEN_PASS_DEF_PLANSCRATCH
#include "compiler/kernels/Passes.h.inc"

using namespace mlir;

namespace {
struct PlanScratch : impl::PlanScratchBase<PlanScratch> {
  using PlanScratchBase::PlanScratchBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto version = target::cpu::codeVersionFromName(target);
    if (!version)
      return;       // of a GPU
    bool ok = true; // every kernel that the target does not know is reported
    for (auto kernel : module.getOps<tile::KernelOp>()) {
      FailureOr<AffineMap> bytes = target::cpu::scratchBytes(kernel, *version);
      ok &= succeeded(bytes);
      if (succeeded(bytes) && *bytes)
        kernel.setScratch(*bytes);
    }
    if (!ok)
      return signalPassFailure();
    SymbolTable symbols(module);
    module.walk([&](nn::LaunchOp launch) {
      if (auto kernel = symbols.lookup<tile::KernelOp>(launch.getKernel()))
        launch.setScratchAttr(scratchBytes(kernel, launch.getIntegers()));
    });
  }
};
} // namespace
} // namespace attune::kernels
