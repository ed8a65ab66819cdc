// Differentiate: a loss becomes its gradients.
//
// Enters: nn with @loss(inputs, labels, seed, step, first) -> loss, and
// trainable weights. Leaves: @grad with the same arguments and `scale`, which
// adds scale times the gradient of each trained weight @w to @w.grad; no @loss.
// Forward and backward are one function, so that what is kept and what is
// computed again is a matter of scheduling. In a module without @loss no weight
// is trained.
//
// Which weights are trained is a list of globs; what flows into the others
// alone is not differentiated. That is LoRA, BitFit and training a head alone.
#include "compiler/differentiate/Derivatives.h"
#include "compiler/differentiate/Formula.h"
#include "compiler/differentiate/Globs.h"
#include "compiler/differentiate/Gradients.h"
#include "compiler/differentiate/Passes.h"
#include "compiler/differentiate/Training.h"
#include "compiler/fusion/Ledger.h"
#include "dialects/nn/Weights.h"

namespace attune::differentiate {

#define GEN_PASS_DEF_DIFFERENTIATE
#include "compiler/differentiate/Passes.h.inc"

using namespace mlir;

// ---- which weights are trained ----

// Masters are wide: `--precision` narrows what products read.
static LogicalResult checkParameter(nn::WeightOp weight) {
  Type element = weight.getTensorType().getElementType();
  if (element.isF32() || element.isF64())
    return success();
  return weight.emitError()
         << "weight @" << weight.getSymName()
         << " is trained, which takes f32, found " << element;
}

// A weight that is not trained: a constant if it has a value, else what @init
// makes, which is known when the package runs.
static void leaveOut(nn::WeightOp weight) {
  if (weight.getValue())
    weight.setTrainable(false);
  else
    weight.setState(nn::StateKind::Parameter);
}

static FailureOr<SmallVector<nn::WeightOp>>
chooseParameters(ModuleOp module, const Training &training) {
  auto globs = Globs::parse(module, training.trainable);
  if (failed(globs))
    return failure();
  SmallVector<nn::WeightOp> chosen;
  LogicalResult result = success();
  for (auto weight : module.getOps<nn::WeightOp>()) {
    if (!weight.getTrainable())
      continue;
    bool isChosen = globs->match(weight.getSymName());
    if (isChosen) {
      chosen.push_back(weight);
      if (failed(checkParameter(weight)))
        result = failure();
    }
    if (isChosen)
      weight.setState(nn::StateKind::Parameter);
    else
      leaveOut(weight);
  }
  if (failed(globs->checkUsed(module)) || failed(result))
    return failure();
  if (chosen.empty())
    return module.emitError("has a loss, but no trainable weight");
  return chosen;
}

// ---- the function ----

static LogicalResult checkLoss(func::FuncOp loss) {
  auto type = loss.getNumResults() == 1
                  ? dyn_cast<RankedTensorType>(loss.getResultTypes()[0])
                  : RankedTensorType();
  if (!type || type.getRank() != 0 || !isa<FloatType>(type.getElementType()))
    return loss.emitError("@loss is to give one float scalar, the mean loss");
  for (StringRef name : {"seed", "step", "first"}) {
    Value argument = argumentNamed(loss, name);
    if (!argument || !nn::isScalar64(argument.getType()))
      return loss.emitError()
             << "@loss is to have an argument '" << name << "', a tensor<i64>";
  }
  return success();
}

// One load of each weight, first of all, which its readers share.
static SmallVector<Source> loadOnce(func::FuncOp function,
                                    ArrayRef<nn::WeightOp> weights) {
  SmallVector<nn::LoadWeightOp> loads;
  function.walk([&](nn::LoadWeightOp load) { loads.push_back(load); });
  auto builder = OpBuilder::atBlockBegin(&function.getBody().front());
  SmallVector<Source> sources;
  llvm::StringMap<Value> shared;
  for (nn::WeightOp weight : weights) {
    Value value = nn::loadWeight(builder, weight.getLoc(), weight);
    shared[weight.getSymName()] = value;
    sources.push_back({value, ("weight @" + weight.getSymName()).str()});
  }
  for (nn::LoadWeightOp load : loads)
    if (Value value = shared.lookup(load.getWeight())) {
      load.getResult().replaceAllUsesWith(value);
      load.erase();
    }
  return sources;
}

static LogicalResult buildGrad(SymbolTable &symbols, func::FuncOp function,
                               ArrayRef<nn::WeightOp> weights) {
  auto scalar = [&](Type element) {
    return RankedTensorType::get({}, element);
  };
  Type f32 = Float32Type::get(function.getContext());
  Value scale = addArgument(function, "scale", scalar(f32));
  function.setResultAttr(0, names::name,
                         StringAttr::get(function.getContext(), "loss"));
  SmallVector<Source> sources = loadOnce(function, weights);
  Operation *end = function.getBody().front().getTerminator();
  auto loss = [&] { return end->getOperand(0); };
  OpBuilder builder(end);
  Site site{builder, function.getLoc()};
  Expr seed = castTo({site, scale},
                     cast<RankedTensorType>(loss().getType()).getElementType());
  SmallVector<Value> gradients;
  if (failed(buildGradients(loss(), seed, sources, gradients)))
    return failure();
  LogicalResult result = success();
  Results results;
  for (auto [shared, source, gradient] :
       llvm::zip(weights, sources, gradients)) {
    nn::WeightOp weight = shared; // generated accessors are not const
    if (!gradient) {
      result = weight.emitError()
               << source.name << " is trainable but gets no gradient: "
               << whyNoGradient(loss(), source.value)
               << "; if that is meant, leave it out by a '!"
               << weight.getSymName() << "' in 'trainable'";
      continue;
    }
    auto state = addState(symbols, weight, "grad", nn::StateKind::Gradient);
    if (failed(state)) {
      result = failure();
      continue;
    }
    Expr sum{site, nn::loadWeight(builder, weight.getLoc(), *state)};
    results.addUpdate(*state, sum + Expr(site, gradient));
  }
  results.appendTo(function);
  return result;
}

namespace {
struct Differentiate : impl::DifferentiateBase<Differentiate> {
  void runOnOperation() override {
    if (failed(run(getOperation())))
      signalPassFailure();
  }

  LogicalResult run(ModuleOp module) {
    SymbolTable symbols(module);
    auto loss = symbols.lookup<func::FuncOp>("loss");
    if (!loss) {
      for (auto weight : module.getOps<nn::WeightOp>())
        if (weight.getTrainable())
          leaveOut(weight);
      return success();
    }
    auto training = readTraining(module);
    if (failed(training) || failed(checkLoss(loss)))
      return failure();
    auto weights = chooseParameters(module, *training);
    if (failed(weights))
      return failure();
    if (symbols.lookup("grad"))
      return loss.emitError("@grad is the name of another function");
    loss.setSymName("grad");
    fusion::handOn(module, "loss", {"grad"});
    return buildGrad(symbols, loss, *weights);
  }
};
} // namespace

} // namespace attune::differentiate
