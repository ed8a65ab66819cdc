// Weights that are made of weights. See Weights.h.
#include "dialects/nn/Weights.h"

namespace attune::nn {

using namespace mlir;

FlatSymbolRefAttr updatedBy(FunctionOpInterface function, unsigned result) {
  return function.getResultAttrOfType<FlatSymbolRefAttr>(result, updatesAttr);
}

WeightOp frozenWeight(const SymbolTable &symbols, Value value) {
  auto load = value.getDefiningOp<LoadWeightOp>();
  auto weight = load ? symbols.lookup<WeightOp>(load.getWeight()) : WeightOp();
  return weight && weight.isFrozen() ? weight : WeightOp();
}

WeightOp deriveWeight(OpBuilder &builder, Location loc, const Twine &name,
                      RankedTensorType type,
                      function_ref<Value(OpBuilder &)> build) {
  auto weight = WeightOp::create(builder, loc, name.str(), type);
  OpBuilder inside(builder.getContext());
  inside.createBlock(&weight.getInit());
  YieldOp::create(inside, loc, build(inside));
  return weight;
}

Value loadWeight(OpBuilder &builder, Location loc, WeightOp weight) {
  return LoadWeightOp::create(builder, loc, weight.getTensorType(),
                              FlatSymbolRefAttr::get(weight.getSymNameAttr()));
}

} // namespace attune::nn
