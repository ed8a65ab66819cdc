// The examples compute what PyTorch computes: outputs, losses and counts, in
// double precision, for weights that both sides make from their names.
#include "tests/dsl/Golden.h"
#include "dialects/nn/Weights.h"

#include <gtest/gtest.h>
#include <set>

namespace attune::golden {
namespace {

using namespace mlir;

/// The constants of a model are f32 (1 / sqrt(d), the scale of an embedding);
/// nothing else rounds.
constexpr double tolerance = 1e-6;

class Models : public ::testing::TestWithParam<const char *> {
protected:
  std::unique_ptr<MLIRContext> context = makeContext();
  Golden golden{GetParam()};
  static nn::Array samples(const nn::Array &array, int64_t begin, int64_t end) {
    nn::Extents shape(array.getShape());
    shape[0] = end - begin;
    nn::Extents strides = nn::rowMajorStrides(array.getShape());
    return array.gathered(shape, begin * strides[0], strides);
  }
  static nn::Array scalar(MLIRContext &context, double value) {
    nn::Array array(Float32Type::get(&context), {});
    array.floats()[0] = value;
    return array;
  }
};

TEST_P(Models, OutputsAreThoseOfPyTorch) {
  auto module = golden.import(*context);
  ASSERT_TRUE(module);
  auto main = module->lookupSymbol<func::FuncOp>("main");
  auto outputs = evaluate(*module, "main", golden.arguments(main));
  ASSERT_EQ(outputs.size(), main.getNumResults());
  for (unsigned i = 0; i < outputs.size(); ++i) {
    std::string name = main.getResultAttrOfType<StringAttr>(i, "nn.name").str();
    nn::Array wanted =
        golden.array("output." + name, outputs[i].getElementType());
    EXPECT_LT(distance(outputs[i], wanted), tolerance) << name;
  }
}

TEST_P(Models, LossIsThatOfPyTorch) {
  auto module = golden.import(*context, true, golden.dropout("0.0"));
  ASSERT_TRUE(module);
  auto loss = module->lookupSymbol<func::FuncOp>("loss");
  ASSERT_TRUE(loss);
  auto results = evaluate(
      *module, "loss",
      golden.arguments(loss, {{"seed", 1}, {"step", 1}, {"first", 0}}));
  ASSERT_EQ(results.size(), 1u);
  EXPECT_LT(distance(results[0], scalar(*context, golden.number("loss"))),
            tolerance);
}

TEST_P(Models, EvaluationIsThatOfPyTorch) {
  auto module = golden.import(*context);
  ASSERT_TRUE(module);
  auto eval = module->lookupSymbol<func::FuncOp>("eval");
  ASSERT_TRUE(eval);
  auto results = evaluate(*module, "eval", golden.arguments(eval));
  ASSERT_EQ(results.size(), 3u);
  for (unsigned i = 0; i < 3; ++i) {
    std::string name = eval.getResultAttrOfType<StringAttr>(i, "nn.name").str();
    double wanted = golden.number("eval." + name);
    EXPECT_LT(distance(results[i], scalar(*context, wanted)), tolerance)
        << name;
  }
}

/// Dropout changes the loss, and from step to step.
TEST_P(Models, DropoutIsDrawnAnew) {
  auto settings = golden.dropout("0.5");
  if (settings.empty())
    GTEST_SKIP() << "the model has no dropout";
  auto module = golden.import(*context, true, settings);
  ASSERT_TRUE(module);
  auto loss = module->lookupSymbol<func::FuncOp>("loss");
  auto at = [&](double seed, double step, double first) {
    auto results =
        evaluate(*module, "loss",
                 golden.arguments(
                     loss, {{"seed", seed}, {"step", step}, {"first", first}}));
    return results.empty() ? NAN : results[0].floats()[0];
  };
  double base = at(1, 1, 0);
  EXPECT_NE(base, golden.number("loss"));
  EXPECT_EQ(base, at(1, 1, 0));
  EXPECT_NE(base, at(1, 2, 0));
  EXPECT_NE(base, at(2, 1, 0));
  EXPECT_NE(base, at(1, 1, 5));
}

/// A batch that is cut in two draws the numbers of the whole: losses, weighted
/// by how many labels count, are the same.
TEST_P(Models, DropoutIsDrawnBySample) {
  auto settings = golden.dropout("0.5");
  if (settings.empty())
    GTEST_SKIP() << "the model has no dropout";
  auto module = golden.import(*context, true, settings);
  ASSERT_TRUE(module);
  auto loss = module->lookupSymbol<func::FuncOp>("loss");
  auto eval = module->lookupSymbol<func::FuncOp>("eval");
  // Sum of the losses of samples [begin, end), and how many labels count.
  auto part = [&](int64_t begin, int64_t end) -> std::pair<double, double> {
    auto cut = [&](SmallVector<nn::Array> arrays) {
      for (nn::Array &array : arrays)
        if (array.getRank() > 0)
          array = samples(array, begin, end);
      return arrays;
    };
    auto mean = evaluate(
        *module, "loss",
        cut(golden.arguments(
            loss, {{"seed", 3}, {"step", 2}, {"first", 7 + double(begin)}})));
    auto counts = evaluate(*module, "eval", cut(golden.arguments(eval)));
    double count = counts[1].floats()[0];
    return {mean[0].floats()[0] * count, count};
  };
  int64_t all = golden.arguments(loss, {{"seed", 3}, {"step", 2}, {"first", 0}})
                    .front()
                    .getShape()[0];
  auto [whole, count] = part(0, all);
  auto [one, oneCount] = part(0, 1);
  auto [rest, restCount] = part(1, all);
  EXPECT_EQ(oneCount + restCount, count);
  EXPECT_NEAR(one + rest, whole, 1e-9 * std::fabs(whole));
}

/// @init gives every weight, of its type, and numbers as the init says.
TEST_P(Models, InitGivesEveryWeight) {
  auto module = golden.import(*context, false);
  ASSERT_TRUE(module);
  auto init = module->lookupSymbol<func::FuncOp>("init");
  ASSERT_TRUE(init);
  nn::Array seed(IntegerType::get(context.get(), 64), {});
  seed.ints()[0] = 7;
  auto values = evaluate(*module, "init", {seed});
  std::set<StringRef> given;
  for (unsigned i = 0; i < values.size(); ++i) {
    FlatSymbolRefAttr updated = nn::updatedBy(init, i);
    ASSERT_TRUE(updated) << i;
    StringRef name = updated.getValue();
    auto weight = module->lookupSymbol<nn::WeightOp>(name);
    ASSERT_TRUE(weight) << name.str();
    EXPECT_TRUE(given.insert(name).second) << name.str();
    EXPECT_EQ(init.getResultTypes()[i], weight.getTensorType()) << name.str();
    double greatest = 0;
    for (double value : values[i].floats())
      greatest = std::fmax(greatest, std::fabs(value));
    EXPECT_LT(greatest, 10) << name.str();
  }
  size_t weights = 0;
  for (auto weight : module->getOps<nn::WeightOp>()) {
    EXPECT_TRUE(weight.getTrainable());
    ++weights;
  }
  EXPECT_EQ(given.size(), weights);
}

TEST_P(Models, FitOnAPage) {
  std::string source = golden.text();
  EXPECT_LT(std::count(source.begin(), source.end(), '\n'), 60);
}

INSTANTIATE_TEST_SUITE_P(Examples, Models,
                         ::testing::Values("mlp", "gpt", "vit", "bert",
                                           "encoder_decoder", "swin"),
                         [](const auto &info) { return info.param; });

} // namespace
} // namespace attune::golden
