// A model that learns by the evaluator. See Trainee.h.
#include "compiler/Pipeline.h"
#include "compiler/differentiate/Derivatives.h"
#include "compiler/fusion/Cost.h"
#include "dialects/nn/Weights.h"
#include "mlir/Pass/PassManager.h"
#include "tests/dsl/Trainee.h"
#include <gtest/gtest.h>

namespace attune::golden {

using namespace mlir;

namespace {
class EvaluatedTrainee : public Trainee {
public:
  explicit EvaluatedTrainee(const Golden &golden)
      : golden(golden), context(makeContext()) {
    DialectRegistry registry;
    differentiate::registerDerivatives(registry);
    fusion::registerCostModels(registry);
    context->appendDialectRegistry(registry);
  }

  /// Everything up to and with the stage differentiate.
  bool make(const std::string &rate) {
    module = golden.import(*context, false, golden.dropout(rate));
    PassManager passes(context.get());
    CompileOptions options;
    addCleanupStage(passes, options);
    addDetectStage(passes);
    addDifferentiateStage(passes, options);
    return module && succeeded(passes.run(*module));
  }

  void begin() override {
    for (auto weight : module->getOps<nn::WeightOp>())
      if (weight.getState())
        weight.setValueAttr(zerosLike(weight).toAttribute());
    run("init", {{"seed", 1}});
  }

  Scalars run(const std::string &name, const Scalars &arguments) override {
    auto function = module->lookupSymbol<func::FuncOp>(name);
    EXPECT_TRUE(function) << name;
    if (!function)
      return {};
    SmallVector<nn::Array> inputs = golden.arguments(function, arguments);
    SmallVector<nn::Array> values = evaluate(*module, name, inputs);
    Scalars results;
    for (unsigned i = 0; i < values.size(); ++i) {
      if (auto updated = nn::updatedBy(function, i))
        weight(updated.getValue()).setValueAttr(values[i].toAttribute());
      else if (auto name =
                   function.getResultAttrOfType<StringAttr>(i, "nn.name"))
        results[name.str()] = values[i].get<double>(0);
    }
    return results;
  }

  std::vector<double> get(const std::string &name) override {
    nn::WeightOp found = weight(name);
    std::optional<ElementsAttr> value;
    if (found)
      value = found.getValue();
    EXPECT_TRUE(value) << name;
    if (!value)
      return {};
    auto array = nn::Array::fromAttribute(*value);
    EXPECT_TRUE(succeeded(array)) << name;
    if (failed(array))
      return {};
    return {array->floats().begin(), array->floats().end()};
  }

  void set(const std::string &name, const std::vector<float> &values) override {
    nn::WeightOp found = weight(name);
    ASSERT_TRUE(found) << name;
    found.setValueAttr(
        DenseElementsAttr::get(found.getTensorType(), ArrayRef<float>(values)));
  }

private:
  static nn::Array zerosLike(nn::WeightOp weight) {
    return {weight.getTensorType().getElementType(),
            weight.getTensorType().getShape()};
  }
  nn::WeightOp weight(StringRef name) {
    return module->lookupSymbol<nn::WeightOp>(name);
  }

  const Golden &golden;
  std::unique_ptr<MLIRContext> context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

std::unique_ptr<Trainee> makeEvaluated(const Golden &golden,
                                       const std::string &rate) {
  auto made = std::make_unique<EvaluatedTrainee>(golden);
  return made->make(rate) ? std::move(made) : nullptr;
}

} // namespace attune::golden
