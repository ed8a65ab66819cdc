// VerifyDifferentiated: the contract of this stage.
//
// Holds afterwards, of a module that trains: there is no @loss; @grad, @apply
// and @step are there, and the last two update each weight that has a gradient.
// Each result with `nn.updates` has the type of a weight with `state`, which
// the function updates once. @grad updates gradients alone, @step and @apply
// nothing that is not of their own; @step reads no gradient.
#include "compiler/differentiate/Passes.h"
#include "compiler/differentiate/Training.h"
#include "llvm/ADT/StringSet.h"

namespace attune::differentiate {

#define GEN_PASS_DEF_VERIFYDIFFERENTIATED
#include "compiler/differentiate/Passes.h.inc"

using namespace mlir;
using nn::StateKind;

// The kinds of state that a function may update; of others, all but gradients.
static SmallVector<StateKind> mayUpdate(StringRef function) {
  if (function == "grad")
    return {StateKind::Gradient};
  if (function == "apply")
    return {StateKind::Parameter, StateKind::Gradient, StateKind::Optimizer,
            StateKind::Average};
  return {StateKind::Parameter, StateKind::Optimizer, StateKind::Average};
}

static LogicalResult verifyUpdates(func::FuncOp function,
                                   const SymbolTable &symbols) {
  llvm::StringSet<> updated;
  SmallVector<StateKind> allowed = mayUpdate(function.getSymName());
  for (unsigned i = 0; i < function.getNumResults(); ++i) {
    FlatSymbolRefAttr name = nn::updatedBy(function, i);
    if (!name)
      continue;
    auto weight = symbols.lookup<nn::WeightOp>(name.getValue());
    if (!weight || !weight.getState() ||
        weight.getTensorType() != function.getResultTypes()[i])
      return function.emitError()
             << "result " << i << " updates " << name
             << ", which is no weight with state of its type";
    if (!updated.insert(name.getValue()).second)
      return function.emitError() << "updates " << name << " twice";
    if (!llvm::is_contained(allowed, *weight.getState()))
      return function.emitError()
             << "updates " << name << ", a weight of state "
             << nn::stringifyStateKind(*weight.getState());
  }
  return success();
}

// A gradient that nothing comes of would be a weight that silently stays.
static LogicalResult verifyTrained(func::FuncOp function, ModuleOp module) {
  llvm::StringMap<OpOperand *> updates = updatesOf(function);
  for (nn::WeightOp weight : trainedWeights(module))
    if (!updates.contains(weight.getSymName()))
      return function.emitError() << "does not update @" << weight.getSymName()
                                  << ", which has a gradient";
  return success();
}

static LogicalResult verifyNoGradientRead(func::FuncOp step,
                                          const SymbolTable &symbols) {
  WalkResult result = step.walk([&](nn::LoadWeightOp load) {
    auto weight = symbols.lookup<nn::WeightOp>(load.getWeight());
    if (!weight || weight.getState() != StateKind::Gradient)
      return WalkResult::advance();
    load.emitOpError("reads a gathered gradient in @step");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

static LogicalResult verify(ModuleOp module) {
  SymbolTable symbols(module);
  for (auto function : module.getOps<func::FuncOp>())
    if (failed(verifyUpdates(function, symbols)))
      return failure();
  if (Operation *loss = symbols.lookup("loss"))
    return loss->emitError("is left after differentiation");
  auto of = [&](StringRef name) { return symbols.lookup<func::FuncOp>(name); };
  if (!of("grad"))
    return success();
  if (!of("apply") || !of("step"))
    return module.emitError("has @grad, but no @apply and @step");
  if (failed(verifyTrained(of("apply"), module)) ||
      failed(verifyTrained(of("step"), module)))
    return failure();
  return verifyNoGradientRead(of("step"), symbols);
}

namespace {
struct VerifyDifferentiated
    : impl::VerifyDifferentiatedBase<VerifyDifferentiated> {
  void runOnOperation() override {
    if (failed(verify(getOperation())))
      signalPassFailure();
  }
};
} // namespace

} // namespace attune::differentiate
