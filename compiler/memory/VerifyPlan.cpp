// verify-plan: what the memory stage promises to target.
#include "compiler/memory/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attune::memory {

#define GEN_PASS_DEF_VERIFYPLAN
#include "compiler/memory/Passes.h.inc"

using namespace mlir;

namespace {
struct VerifyPlan : impl::VerifyPlanBase<VerifyPlan> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto programs = llvm::to_vector(module.getOps<plan::ProgramOp>());
    if (programs.size() != 1) {
      module.emitError() << "expected one plan.program, found "
                         << programs.size();
      return signalPassFailure();
    }
    for (auto function : module.getOps<func::FuncOp>()) {
      function.emitError("is left beside the plan");
      return signalPassFailure();
    }
    SymbolTable symbols(module);
    WalkResult result = programs.front().walk([&](Operation *op) {
      FlatSymbolRefAttr symbol;
      if (auto launch = dyn_cast<plan::LaunchOp>(op))
        symbol = launch.getKernelAttr();
      else if (auto weight = dyn_cast<plan::WeightOp>(op))
        symbol = weight.getWeightAttr();
      if (!symbol || symbols.lookup(symbol.getValue()))
        return WalkResult::advance();
      op->emitError() << "names " << symbol
                      << ", which the module does not define";
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
} // namespace attune::memory
