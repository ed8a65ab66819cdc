// One step of an optimizer. See Update.h.
//
// The formulas are PyTorch's, so that settings carry over: torch.optim.AdamW
// (Loshchilov & Hutter 2019), torch.optim.SGD and clip_grad_norm_.
#include "compiler/differentiate/Update.h"
#include "dialects/nn/Weights.h"

namespace attune::differentiate {

using namespace mlir;

LogicalResult addOptimizerState(SymbolTable &symbols, const Training &training,
                                ArrayRef<nn::WeightOp> weights) {
  bool isAdam = training.optimizer == Optimizer::AdamW;
  for (nn::WeightOp weight : weights) {
    // The last made stands right behind the weight.
    if (training.average) {
      auto average = addState(symbols, weight, "ema", nn::StateKind::Average);
      if (failed(average))
        return failure();
      if (weight.getValue())
        average->setValueAttr(*weight.getValue());
    }
    if (isAdam &&
        failed(addState(symbols, weight, "v", nn::StateKind::Optimizer)))
      return failure();
    if ((isAdam || training.momentum != 0) &&
        failed(addState(symbols, weight, "m", nn::StateKind::Optimizer)))
      return failure();
  }
  return success();
}

namespace {
/// Scalars that all weights share, in their element type.
struct Step {
  Expr lr;
  /// 1 - beta^step, by which Adam's averages are too small.
  Expr correction1, correction2;
};

class Updates {
public:
  Updates(Results &results, Site &site, const SymbolTable &symbols,
          const Training &training)
      : results(results), site(site), symbols(symbols), training(training) {}

  Expr normOf(ArrayRef<Value> gradients);
  Expr clipped(Expr gradient, Expr norm);
  Step stepIn(Type element, Value lr, Value step);
  void update(nn::WeightOp weight, Expr gradient, const Step &step);

private:
  Expr load(nn::WeightOp weight) {
    return {site, nn::loadWeight(site.builder, site.loc, weight)};
  }
  /// The new weight; the new state goes to `changed`.
  Expr adamW(nn::WeightOp weight, Expr w, Expr gradient, const Step &step);
  Expr sgd(nn::WeightOp weight, Expr w, Expr gradient, const Step &step);

  Results &results;
  Site &site;
  const SymbolTable &symbols;
  const Training &training;
  SmallVector<std::pair<nn::WeightOp, Value>> changed;
};
} // namespace

// The square root of the sum of all squares. Rows first: many short sums run in
// parallel and lose less than a long one. Align-reductions sees to that for
// large tensors only, and not where the first dim is 1.
Expr Updates::normOf(ArrayRef<Value> gradients) {
  Expr total{site, Value()};
  for (Value value : gradients) {
    Expr gradient{site, value}, sum = gradient * gradient;
    int64_t rank = sum.rank();
    if (rank > 1)
      sum = sumOver(sum, rank - 1);
    sum = sumOver(sum, llvm::to_vector(llvm::seq<int64_t>(0, sum.rank())));
    total = total ? total + castTo(sum, total.elementType()) : sum;
  }
  return sqrt(total);
}

Expr Updates::clipped(Expr gradient, Expr norm) {
  if (!training.clip)
    return gradient;
  Expr factor = *training.clip / (norm + 1e-6);
  Expr most1 = apply(nn::ElementwiseKind::Min, {factor, factor.number(1)});
  return gradient * castTo(most1, gradient.elementType());
}

// 1 - beta^t without the loss of digits that it has for small t: with
// x = t log beta it is -tanh(x / 2) (1 + e^x).
static Expr correction(Expr step, double beta) {
  if (beta == 0)
    return step.number(1);
  Expr x = step * std::log(beta);
  return -(apply(nn::ElementwiseKind::Tanh, {x * 0.5}) * (exp(x) + 1));
}

Step Updates::stepIn(Type element, Value lr, Value step) {
  Expr t = castTo({site, step}, element);
  return {castTo({site, lr}, element), correction(t, training.beta1),
          correction(t, training.beta2)};
}

// Matrices and tables decay, biases and scales of norms do not.
static bool decays(nn::WeightOp weight) {
  return weight.getTensorType().getRank() >= 2;
}

Expr Updates::adamW(nn::WeightOp weight, Expr w, Expr gradient,
                    const Step &step) {
  nn::WeightOp mean = stateOf(symbols, weight, "m"),
               square = stateOf(symbols, weight, "v");
  Expr m = load(mean), v = load(square);
  m = m + (gradient - m) * (1 - training.beta1);
  v = v * training.beta2 + gradient * gradient * (1 - training.beta2);
  changed = {{mean, m}, {square, v}};
  if (decays(weight) && training.weightDecay != 0)
    w = w * (1 - step.lr * training.weightDecay);
  Expr scale = sqrt(v) / sqrt(step.correction2) + training.epsilon;
  return w - m * (step.lr / step.correction1) / scale;
}

Expr Updates::sgd(nn::WeightOp weight, Expr w, Expr gradient,
                  const Step &step) {
  if (decays(weight) && training.weightDecay != 0)
    gradient = gradient + w * training.weightDecay;
  if (training.momentum != 0) {
    nn::WeightOp velocity = stateOf(symbols, weight, "m");
    gradient = load(velocity) * training.momentum + gradient;
    changed = {{velocity, gradient}};
  }
  return w - gradient * step.lr;
}

void Updates::update(nn::WeightOp weight, Expr gradient, const Step &step) {
  bool isAdam = training.optimizer == Optimizer::AdamW;
  Expr w = load(weight);
  changed.clear();
  Expr next = isAdam ? adamW(weight, w, gradient, step)
                     : sgd(weight, w, gradient, step);
  if (training.average) {
    nn::WeightOp average = stateOf(symbols, weight, "ema");
    Expr old = load(average);
    changed.push_back({average, old + (next - old) * (1 - *training.average)});
  }
  results.addUpdate(weight, next);
  for (auto [state, value] : changed)
    results.addUpdate(state, value);
}

void addUpdates(Results &results, Site &site, const SymbolTable &symbols,
                const Training &training, ArrayRef<nn::WeightOp> weights,
                ArrayRef<Value> gradients, Value lr, Value step) {
  Updates updates(results, site, symbols, training);
  Expr norm = updates.normOf(gradients);
  results.add("grad_norm", castTo(norm, site.builder.getF32Type()));
  llvm::DenseMap<Type, Step> steps;
  for (auto [shared, gradient] : llvm::zip(weights, gradients)) {
    nn::WeightOp weight = shared; // generated accessors are not const
    Type element = weight.getTensorType().getElementType();
    auto known = steps.find(element);
    if (known == steps.end())
      known =
          steps.try_emplace(element, updates.stepIn(element, lr, step)).first;
    updates.update(weight, updates.clipped({site, gradient}, norm),
                   known->second);
  }
}

} // namespace attune::differentiate
