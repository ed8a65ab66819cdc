// plan-scratch: asks the target how many bytes each kernel keeps between its
// blocks.
#include "compiler/kernels/Passes.h"

#include "compiler/kernels/LaunchChecks.h"
#include "compiler/target/cpu/LowerKernels.h"
#include "compiler/target/cuda/LowerKernels.h"

namespace attune::kernels {

#define GEN_PASS_DEF_PLANSCRATCH
#include "compiler/kernels/Passes.h.inc"

using namespace mlir;

namespace {
struct PlanScratch : impl::PlanScratchBase<PlanScratch> {
  using PlanScratchBase::PlanScratchBase;

  // Bytes per worker; a GPU keeps everything in its shared memory.
  FailureOr<AffineMap> scratchOf(tile::KernelOp kernel) {
    auto version = attune::target::cpu::codeVersionFromName(target);
    if (version)
      return attune::target::cpu::scratchBytes(kernel, *version);
    if (failed(attune::target::cuda::checkKernel(kernel)))
      return failure();
    return AffineMap();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    bool ok = true; // every kernel that the target does not know is reported
    for (auto kernel : module.getOps<tile::KernelOp>()) {
      FailureOr<AffineMap> bytes = scratchOf(kernel);
      ok &= succeeded(bytes);
      if (succeeded(bytes) && *bytes)
        kernel.setScratch(*bytes);
    }
    if (!ok)
      return signalPassFailure();
    SymbolTable symbols(module);
    module.walk([&](nn::LaunchOp launch) {
      // Variants are a GPU's, whose kernels take none.
      if (auto kernel = symbols.lookup<tile::KernelOp>(launch.getKernel()))
        launch.setScratchAttr(scratchBytes(kernel, launch.getIntegers()));
    });
  }
};
} // namespace
} // namespace attune::kernels
