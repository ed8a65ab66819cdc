// AppendOptimizer: gradients become new weights.
//
// Enters: nn with @grad, which adds to @w.grad. Leaves: beside it
//   @apply(lr, step): changes the weights by the gradients gathered in @w.grad,
//     and makes those 0;
//   @step(inputs, labels, seed, step, first, lr): @grad and @apply at once. Its
//     gradients are values between ops: no @w.grad is read or written;
//   @count(labels): by how many labels @grad divides, where @eval says so and
//     that differs between batches. Whoever adds up gradients of parts of a
//     batch must weigh them by it.
// The optimizer is that of `nn.training`; its state, @w.m and @w.v, and the
// average @w.ema are weights. The learning rate is an argument, so that its
// schedule is not compiled in. Here and not in the runtime, so that an update
// is fused like any other elementwise ops. A module without @grad stays as it
// is.
#include "compiler/differentiate/Passes.h"
#include "compiler/differentiate/Update.h"
#include "compiler/fusion/Ledger.h"
#include "dialects/nn/Weights.h"
#include "mlir/Transforms/RegionUtils.h"

namespace attune::differentiate {

#define GEN_PASS_DEF_APPENDOPTIMIZER
#include "compiler/differentiate/Passes.h.inc"

using namespace mlir;

static RankedTensorType scalar(Type element) {
  return RankedTensorType::get({}, element);
}

// ---- @apply ----

static void buildApply(ModuleOp module, const SymbolTable &symbols,
                       const Training &training,
                       ArrayRef<nn::WeightOp> weights) {
  auto builder = OpBuilder::atBlockEnd(module.getBody());
  auto function = func::FuncOp::create(builder, module.getLoc(), "apply",
                                       builder.getFunctionType({}, {}));
  Block *block = function.addEntryBlock();
  builder.setInsertionPointToEnd(block);
  auto end = func::ReturnOp::create(builder, function.getLoc());
  Value lr = addArgument(function, "lr", scalar(builder.getF32Type())),
        step = addArgument(function, "step", scalar(builder.getI64Type()));
  builder.setInsertionPoint(end);
  Site site{builder, function.getLoc()};
  SmallVector<Value> gradients;
  for (nn::WeightOp weight : weights)
    gradients.push_back(
        nn::loadWeight(builder, site.loc, stateOf(symbols, weight, "grad")));
  Results results;
  addUpdates(results, site, symbols, training, weights, gradients, lr, step);
  for (nn::WeightOp weight : weights)
    results.addUpdate(stateOf(symbols, weight, "grad"),
                      splat(site, weight.getTensorType(), 0));
  results.appendTo(function);
}

// ---- @step ----

// As if @w.grad were 0 and the scale 1: cleanup then drops both.
static void neglectSum(func::FuncOp function, const SymbolTable &symbols) {
  auto builder = OpBuilder::atBlockBegin(&function.getBody().front());
  Site site{builder, function.getLoc()};
  Value scale = argumentNamed(function, "scale");
  scale.replaceAllUsesWith(Expr(site, scale).number(1));
  (void)function.eraseArgument(cast<BlockArgument>(scale).getArgNumber());
  SmallVector<nn::LoadWeightOp> sums;
  function.walk([&](nn::LoadWeightOp load) {
    auto weight = symbols.lookup<nn::WeightOp>(load.getWeight());
    if (weight && weight.getState() == nn::StateKind::Gradient)
      sums.push_back(load);
  });
  for (nn::LoadWeightOp load : sums)
    load.getResult().replaceAllUsesWith(
        splat(site, cast<RankedTensorType>(load.getType()), 0));
  for (nn::LoadWeightOp load : sums)
    load.erase();
}

// Takes away the results that update @w.grad and gives their values, in the
// order of `weights`.
static SmallVector<Value> takeGradients(func::FuncOp function,
                                        const SymbolTable &symbols,
                                        ArrayRef<nn::WeightOp> weights) {
  llvm::StringMap<OpOperand *> updates = updatesOf(function);
  SmallVector<Value> gradients;
  for (nn::WeightOp weight : weights)
    gradients.push_back(
        updates.lookup(stateOf(symbols, weight, "grad").getSymName())->get());
  llvm::BitVector taken(function.getNumResults());
  for (const auto &[name, output] : updates)
    taken.set(output->getOperandNumber());
  function.getBody().front().getTerminator()->eraseOperands(taken);
  (void)function.eraseResults(taken);
  return gradients;
}

static void buildStep(func::FuncOp grad, const SymbolTable &symbols,
                      const Training &training,
                      ArrayRef<nn::WeightOp> weights) {
  OpBuilder builder(grad.getContext());
  builder.setInsertionPointAfter(grad);
  auto function = cast<func::FuncOp>(builder.clone(*grad));
  function.setSymName("step");
  neglectSum(function, symbols);
  Value lr = addArgument(function, "lr", scalar(builder.getF32Type()));
  SmallVector<Value> gradients = takeGradients(function, symbols, weights);
  builder.setInsertionPoint(function.getBody().front().getTerminator());
  Site site{builder, function.getLoc()};
  Results results;
  addUpdates(results, site, symbols, training, weights, gradients, lr,
             argumentNamed(function, "step"));
  results.appendTo(function);
}

// ---- @count ----

static void buildCount(func::FuncOp eval) {
  std::optional<unsigned> count = resultNamed(eval, "count");
  if (!count)
    return;
  IRRewriter builder(eval.getContext());
  builder.setInsertionPointAfter(eval);
  auto function = cast<func::FuncOp>(builder.clone(*eval));
  function.setSymName("count");
  llvm::BitVector others(function.getNumResults(), true);
  others.reset(*count);
  function.getBody().front().getTerminator()->eraseOperands(others);
  (void)function.eraseResults(others);
  (void)runRegionDCE(builder, function->getRegions());
  llvm::BitVector unused(function.getNumArguments());
  for (BlockArgument argument : function.getArguments())
    if (argument.use_empty())
      unused.set(argument.getArgNumber());
  // Parts that all count alike need no weights.
  if (unused.all())
    return function.erase();
  (void)function.eraseArguments(unused);
}

// The average begins as the weights do.
static void extendInit(func::FuncOp init, const SymbolTable &symbols,
                       ArrayRef<nn::WeightOp> weights) {
  llvm::StringMap<OpOperand *> updates = updatesOf(init);
  Results results;
  for (nn::WeightOp weight : weights)
    if (OpOperand *first = updates.lookup(weight.getSymName()))
      results.addUpdate(stateOf(symbols, weight, "ema"), first->get());
  results.appendTo(init);
}

namespace {
struct AppendOptimizer : impl::AppendOptimizerBase<AppendOptimizer> {
  void runOnOperation() override {
    if (failed(run(getOperation())))
      signalPassFailure();
  }

  LogicalResult run(ModuleOp module) {
    SymbolTable symbols(module);
    auto grad = symbols.lookup<func::FuncOp>("grad");
    if (!grad)
      return success();
    for (StringRef name : {"apply", "step", "count"})
      if (Operation *other = symbols.lookup(name))
        return other->emitError()
               << "@" << name << " is the name of another function";
    auto training = readTraining(module);
    SmallVector<nn::WeightOp> weights = trainedWeights(module);
    if (failed(training) ||
        failed(addOptimizerState(symbols, *training, weights)))
      return failure();
    buildApply(module, symbols, *training, weights);
    buildStep(grad, symbols, *training, weights);
    fusion::handOn(module, "grad", {"grad", "step"});
    if (auto eval = symbols.lookup<func::FuncOp>("eval"))
      buildCount(eval);
    auto init = symbols.lookup<func::FuncOp>("init");
    if (init && training->average)
      extendInit(init, symbols, weights);
    return success();
  }
};
} // namespace

} // namespace attune::differentiate
