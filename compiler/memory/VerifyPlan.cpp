// verify-plan: what the memory stage promises to target.
#include "compiler/memory/Passes.h"

#include "dialects/nn/Symbols.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attune::memory {

#define GEN_PASS_DEF_VERIFYPLAN
#include "compiler/memory/Passes.h.inc"

using namespace mlir;

namespace {

// The runtime reads a symbol where it stands alone as a dim of an input; there
// is no other way to its value.
LogicalResult verifySymbols(plan::ProgramOp program) {
  llvm::SetVector<StringRef> known;
  for (auto input : program.getBody().front().getOps<plan::InputOp>())
    for (nn::DimAttr dim : input.getDims().getDims())
      known.insert(dim.getSymbol());
  WalkResult result = program.getBody().walk([&](Operation *op) {
    llvm::SetVector<StringRef> used;
    nn::collectSymbols(op, used);
    for (StringRef name : used)
      if (!known.contains(name) || !program.getSymbols().get(name)) {
        op->emitError() << "needs '" << name
                        << "', which is no whole dim of any input";
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return success(!result.wasInterrupted());
}

// What a program names is there.
LogicalResult verifyNames(plan::ProgramOp program, const SymbolTable &symbols) {
  WalkResult result = program.walk([&](Operation *op) {
    SmallVector<FlatSymbolRefAttr> names;
    if (auto launch = dyn_cast<plan::LaunchOp>(op))
      names = launch.getKernels();
    else if (auto weight = dyn_cast<plan::WeightOp>(op))
      names = {weight.getWeightAttr()};
    else if (auto state = dyn_cast<plan::StateOp>(op))
      names = {state.getWeightAttr()};
    for (FlatSymbolRefAttr name : names)
      if (!symbols.lookup(name.getValue())) {
        op->emitError() << "names " << name
                        << ", which the module does not define";
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return success(!result.wasInterrupted());
}

struct VerifyPlan : impl::VerifyPlanBase<VerifyPlan> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto programs = llvm::to_vector(module.getOps<plan::ProgramOp>());
    if (programs.empty()) {
      module.emitError("expected a plan.program");
      return signalPassFailure();
    }
    for (auto function : module.getOps<func::FuncOp>()) {
      function.emitError("is left beside the plan");
      return signalPassFailure();
    }
    SymbolTable symbols(module);
    for (plan::ProgramOp program : programs)
      if (failed(verifyNames(program, symbols)) ||
          failed(verifySymbols(program)))
        return signalPassFailure();
  }
};
} // namespace
} // namespace attune::memory
