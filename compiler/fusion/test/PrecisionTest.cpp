// convert-precision changes types, or what products round, and nothing else:
// the evaluator, which rounds neither in casts between floats nor in products,
// gives the same values before and after, bit by bit, and types of inputs and
// outputs stay.
#include "compiler/fusion/Cost.h"
#include "compiler/fusion/Passes.h"
#include "dialects/nn/reference/Evaluator.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include <gtest/gtest.h>
#include <random>

using namespace attune;
using namespace mlir;

namespace {

// A layer as models have them: one product for queries, keys and values, a
// rotation of the queries by halves, a cache of keys that is an output, the
// mean of the values where a mask hides all, residuals, an MLP.
constexpr const char *kLayer = R"(
!x = tensor<5x16xf32>
!s = tensor<1x5x2x8xf32>
!h = tensor<1x2x5x8xf32>
!half = tensor<1x2x5x4xf32>
!c = tensor<1x2x7x8xf32>
nn.weight @g : tensor<16xf32> = dense<0.5> : tensor<16xf32>
nn.weight @qkv : tensor<16x48xf32> = dense<0.1> : tensor<16x48xf32>
nn.weight @b : tensor<48xf32> = dense<0.2> : tensor<48xf32>
nn.weight @o : tensor<16x16xf32> = dense<0.3> : tensor<16x16xf32>
nn.weight @t trainable : tensor<16x16xf32> = dense<0.4> : tensor<16x16xf32>
func.func @main(%x: !x, %past: tensor<1x2x2x8xf32>, %keep: tensor<1x1x5x1xi1>,
    %cos: tensor<5x8xf32>) -> (!x, !c, !x) {
  %g = nn.load_weight @g : tensor<16xf32>
  %w = nn.load_weight @qkv : tensor<16x48xf32>
  %b = nn.load_weight @b : tensor<48xf32>
  %wo = nn.load_weight @o : tensor<16x16xf32>
  %wt = nn.load_weight @t : tensor<16x16xf32>
  %n = nn.norm rms %x axis 1 epsilon 1.0e-5 scale %g : tensor<16xf32> : !x -> !x
  %p0 = nn.contract %n, %w contracting [1] x [0] : (!x, tensor<16x48xf32>) -> tensor<5x48xf32>
  %p = nn.elementwise add %p0, %b : (tensor<5x48xf32>, tensor<48xf32>) -> tensor<5x48xf32>
  %q0 = nn.slice %p starts <[0, 0]> sizes <[5, 16]> steps [1, 1] : (tensor<5x48xf32>) -> !x
  %q1 = nn.reshape %q0 : (!x) -> !s
  %q2 = nn.transpose %q1 [0, 2, 1, 3] : (!s) -> !h
  %ql = nn.slice %q2 starts <[0, 0, 0, 0]> sizes <[1, 2, 5, 4]> steps [1, 1, 1, 1] : (!h) -> !half
  %qr = nn.slice %q2 starts <[0, 0, 0, 4]> sizes <[1, 2, 5, 4]> steps [1, 1, 1, 1] : (!h) -> !half
  %qn = nn.elementwise neg %qr : (!half) -> !half
  %qs = nn.concat %qn, %ql axis 3 : (!half, !half) -> !h
  %qc = nn.elementwise mul %q2, %cos : (!h, tensor<5x8xf32>) -> !h
  %q = nn.elementwise add %qc, %qs : (!h, !h) -> !h
  %k0 = nn.slice %p starts <[0, 16]> sizes <[5, 16]> steps [1, 1] : (tensor<5x48xf32>) -> !x
  %k1 = nn.reshape %k0 : (!x) -> !s
  %k2 = nn.transpose %k1 [0, 2, 1, 3] : (!s) -> !h
  %k = nn.concat %past, %k2 axis 2 : (tensor<1x2x2x8xf32>, !h) -> !c
  %v0 = nn.slice %p starts <[0, 32]> sizes <[5, 16]> steps [1, 1] : (tensor<5x48xf32>) -> !x
  %v1 = nn.reshape %v0 : (!x) -> !s
  %v2 = nn.transpose %v1 [0, 2, 1, 3] : (!s) -> !h
  %v = nn.concat %past, %v2 axis 2 : (tensor<1x2x2x8xf32>, !h) -> !c
  %a0 = nn.attention %q, %k, %v scale 0.5 causal bottom_right : (!h, !c, !c) -> !h
  %m = nn.reduce mean %v2 axes [2] keepdims : (!h) -> tensor<1x2x1x8xf32>
  %a = nn.elementwise select %keep, %a0, %m : (tensor<1x1x5x1xi1>, !h, tensor<1x2x1x8xf32>) -> !h
  %y0 = nn.transpose %a [0, 2, 1, 3] : (!h) -> !s
  %y1 = nn.reshape %y0 : (!s) -> !x
  %y2 = nn.contract %y1, %wo contracting [1] x [0] : (!x, tensor<16x16xf32>) -> !x
  %y = nn.elementwise add %y2, %x : (!x, !x) -> !x
  %l = nn.norm layer %y axis 1 epsilon 1.0e-5 : !x -> !x
  %u = nn.contract %l, %wt contracting [1] x [0] : (!x, tensor<16x16xf32>) -> !x
  %z = nn.elementwise gelu_erf %u : (!x) -> !x
  %d = nn.contract %z, %wo contracting [1] x [1] : (!x, tensor<16x16xf32>) -> !x
  %r = nn.elementwise add %d, %l : (!x, !x) -> !x
  return %r, %k, %y : !x, !c, !x
})";

struct PrecisionTest : testing::TestWithParam<const char *> {
  PrecisionTest() {
    DialectRegistry registry;
    registry.insert<nn::NNDialect, func::FuncDialect, arith::ArithDialect>();
    nn::registerEvaluators(registry);
    fusion::registerCostModels(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  // Distinct values, so that an element out of place shows.
  void fillWeights(ModuleOp module) {
    std::mt19937 random(2);
    for (auto weight : module.getOps<nn::WeightOp>()) {
      SmallVector<float> values(weight.getTensorType().getNumElements());
      for (float &x : values)
        x = std::normal_distribution<float>()(random) / 4;
      weight.setValueAttr(
          DenseElementsAttr::get(weight.getTensorType(), ArrayRef(values)));
    }
  }

  SmallVector<nn::Array> evaluate(ModuleOp module) {
    auto function = module.lookupSymbol<func::FuncOp>("main");
    std::mt19937 random(1);
    SmallVector<nn::Array> inputs;
    for (Type type : function.getArgumentTypes()) {
      auto tensor = cast<RankedTensorType>(type);
      nn::Array array(tensor.getElementType(), tensor.getShape());
      if (array.isFloat())
        for (double &x : array.floats())
          x = std::normal_distribution<double>()(random);
      else
        for (int64_t &x : array.ints())
          x = random() % 2;
      inputs.push_back(array);
    }
    auto results = nn::Evaluator(module).run(function, inputs);
    EXPECT_TRUE(succeeded(results));
    return succeeded(results) ? *results : SmallVector<nn::Array>();
  }

  void check(const fusion::PipelineOptions &options);

  MLIRContext context;
};

void PrecisionTest::check(const fusion::PipelineOptions &options) {
  auto module = parseSourceString<ModuleOp>(kLayer, &context);
  ASSERT_TRUE(module);
  fillWeights(*module);
  auto function = module->lookupSymbol<func::FuncOp>("main");
  FunctionType signature = function.getFunctionType();
  auto expected = evaluate(*module);
  PassManager passes(&context);
  fusion::buildPipeline(passes, options);
  ASSERT_TRUE(succeeded(passes.run(*module)));
  EXPECT_EQ(function.getFunctionType(), signature);
  bool isNarrow = false;
  module->walk([&](nn::ContractOp op) {
    isNarrow |= op.getAccumulate() || op.getTf32();
  });
  EXPECT_TRUE(isNarrow);
  auto found = evaluate(*module);
  ASSERT_EQ(found.size(), expected.size());
  for (auto [a, b] : llvm::zip(found, expected))
    for (int64_t i = 0; i < b.size(); ++i)
      ASSERT_NEAR(a.floats()[i], b.floats()[i], 1e-12);
}

TEST_P(PrecisionTest, ChangesNoValue) {
  for (const char *attention : {"fused", "unfused"})
    for (bool fuse : {true, false}) {
      fusion::PipelineOptions options;
      options.precision = GetParam();
      options.attention = attention;
      options.fuse = fuse;
      check(options);
    }
}

INSTANTIATE_TEST_SUITE_P(Types, PrecisionTest,
                         testing::Values("tf32", "f16", "bf16"));

} // namespace
