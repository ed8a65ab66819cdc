// Draws initial values by nn.random and elementwise ops.
//
// Weight number n (in the order of the text) draws with ids 2n and 2n + 1, so
// that adding a layer at the end of a model changes no other weight.
#include "frontends/dsl/InitialValues.h"
#include "dialects/nn/Weights.h"

#include "dialects/nn/Symbols.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cmath>
#include <numbers>

namespace attune::dsl {

using namespace mlir;
using Kind = nn::ElementwiseKind;

namespace {

/// Inputs and outputs of one element of a weight [outputs, inputs, ...].
struct Fans {
  double in = 1, out = 1;
};

Fans fansOf(ArrayRef<int64_t> shape) {
  Fans fans;
  if (shape.size() < 2)
    return fans;
  double window = 1;
  for (int64_t extent : shape.drop_front(2))
    window *= double(extent);
  fans.in = double(shape[1]) * window;
  fans.out = double(shape[0]) * window;
  return fans;
}

class Drawing {
public:
  Drawing(Graph &graph, const Weight &weight, int64_t number, Tensor seed)
      : graph(graph), b(graph.b), weight(weight), number(number), seed(seed),
        type(RankedTensorType::get(weight.shape, b.getF32Type())) {}

  Tensor run();

private:
  Tensor uniform(int64_t which);
  Tensor apply(Kind kind, std::initializer_list<Tensor> inputs) {
    return nn::ElementwiseOp::create(b, graph.loc, kind,
                                     ValueRange(ArrayRef<Tensor>(inputs)));
  }
  Tensor scalar(double value) { return graph.scalar(b.getF32Type(), value); }
  Tensor between(double bound);
  Tensor normal(double deviation);

  Graph &graph;
  OpBuilder &b;
  const Weight &weight;
  int64_t number;
  Tensor seed;
  RankedTensorType type;
};

Tensor Drawing::uniform(int64_t which) {
  Tensor zero = graph.scalar(b.getI64Type(), int64_t(0));
  return nn::RandomOp::create(b, graph.loc, type, 2 * number + which, seed,
                              zero, zero);
}

Tensor Drawing::between(double bound) {
  Tensor wide = apply(Kind::Mul, {uniform(0), scalar(2 * bound)});
  return apply(Kind::Sub, {wide, scalar(bound)});
}

/// Box and Muller 1958; 1 - u is never 0.
Tensor Drawing::normal(double deviation) {
  Tensor rest = apply(Kind::Sub, {scalar(1), uniform(0)});
  Tensor radius = apply(
      Kind::Sqrt, {apply(Kind::Mul, {apply(Kind::Log, {rest}), scalar(-2)})});
  Tensor angle = apply(Kind::Mul, {uniform(1), scalar(2 * std::numbers::pi)});
  Tensor drawn = apply(Kind::Mul, {radius, apply(Kind::Cos, {angle})});
  return apply(Kind::Mul, {drawn, scalar(deviation)});
}

Tensor Drawing::run() {
  auto [in, out] = fansOf(weight.shape);
  double value = weight.init.value;
  switch (weight.init.kind) {
  case Init::Kind::Normal:
    return normal(value);
  case Init::Kind::Uniform:
    return between(value);
  case Init::Kind::XavierUniform:
    return between(value * std::sqrt(6 / (in + out)));
  case Init::Kind::XavierNormal:
    return normal(value * std::sqrt(2 / (in + out)));
  case Init::Kind::KaimingUniform:
    return between(1 / std::sqrt(in));
  case Init::Kind::Constant:
    break;
  }
  return b.createOrFold<nn::BroadcastOp>(graph.loc, type, scalar(value));
}

} // namespace

void addInitialValues(Expander &expander, ModuleOp module) {
  Graph &graph = expander.graph;
  OpBuilder &b = graph.b;
  b.setInsertionPointToEnd(module.getBody());
  auto loc = NameLoc::get(b.getStringAttr("init"));
  auto seedType = RankedTensorType::get({}, b.getI64Type());
  auto function =
      func::FuncOp::create(b, loc, "init", b.getFunctionType({seedType}, {}));
  function.setArgAttr(0, "nn.name", b.getStringAttr("seed"));
  function->setAttr(nn::symbolsAttr, b.getDictionaryAttr({}));
  b.setInsertionPointToEnd(function.addEntryBlock());
  SymbolTable symbols(module);
  SmallVector<Tensor> values;
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes;
  for (auto [number, weight] : llvm::enumerate(expander.weights())) {
    if (symbols.lookup<nn::WeightOp>(weight->name).getValue())
      continue;
    graph.loc = NameLoc::get(b.getStringAttr(weight->name));
    Tensor value =
        Drawing(graph, *weight, int64_t(number), function.getArgument(0)).run();
    values.push_back(value);
    types.push_back(value.getType());
    attributes.push_back(b.getDictionaryAttr(
        {b.getNamedAttr("nn.name", b.getStringAttr(weight->name)),
         b.getNamedAttr(nn::updatesAttr, FlatSymbolRefAttr::get(
                                             b.getContext(), weight->name))}));
  }
  if (values.empty()) {
    function.erase();
    return;
  }
  func::ReturnOp::create(b, loc, values);
  function.setFunctionType(b.getFunctionType({seedType}, types));
  // All at once: each change makes a new list of all of them.
  function.setAllResultAttrs(attributes);
}

} // namespace attune::dsl
