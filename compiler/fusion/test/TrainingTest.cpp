// What training adds, through the whole stage: values stay what they were, in
// double precision, and as many groups are formed as memory has to be passed.
#include "compiler/fusion/Cost.h"
#include "compiler/fusion/Passes.h"
#include "dialects/nn/reference/Evaluator.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace attune;
using namespace mlir;

namespace {

// Literals are f32.
constexpr double kTolerance = 1e-7;

struct FusedTrainingTest : testing::Test {
  FusedTrainingTest() {
    DialectRegistry registry;
    registry.insert<nn::NNDialect, func::FuncDialect, arith::ArithDialect>();
    nn::registerEvaluators(registry);
    fusion::registerCostModels(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  nn::Array floats(ArrayRef<int64_t> shape) {
    nn::Array array(Float32Type::get(&context), shape);
    for (double &x : array.floats())
      x = std::normal_distribution<double>()(random);
    return array;
  }
  nn::Array integers(ArrayRef<int64_t> shape, ArrayRef<int64_t> values) {
    nn::Array array(IntegerType::get(&context, 64), shape);
    llvm::copy(values, array.ints().begin());
    return array;
  }

  // Equal before and after, NaN being equal to itself; gives the groups'
  // number.
  int64_t check(const std::string &text, ArrayRef<nn::Array> inputs) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return ADD_FAILURE() << text, 0;
    auto run = [&] {
      return nn::Evaluator(*module).run(
          module->lookupSymbol<func::FuncOp>("main"), inputs);
    };
    auto expected = run();
    PassManager passes(&context);
    fusion::buildPipeline(passes, fusion::PipelineOptions());
    if (failed(expected) || failed(passes.run(*module)))
      return ADD_FAILURE() << text, 0;
    auto found = run();
    if (failed(found))
      return ADD_FAILURE() << text, 0;
    for (auto [number, pair] : llvm::enumerate(llvm::zip(*expected, *found)))
      for (auto [a, b] :
           llvm::zip(std::get<0>(pair).floats(), std::get<1>(pair).floats()))
        EXPECT_TRUE(a == b ||
                    std::abs(a - b) <= kTolerance * (1 + std::abs(a)) ||
                    (std::isnan(a) && std::isnan(b)))
            << "result " << number << ": " << a << " became " << b;
    int64_t groups = 0;
    productResults = 0;
    module->walk([&](nn::GroupOp group) {
      ++groups;
      if (group.getKind() == nn::GroupKind::Contraction)
        productResults += group.getNumResults();
    });
    return groups;
  }

  MLIRContext context;
  std::mt19937 random{7};
  int64_t productResults = 0; ///< of the module checked last
};

std::string lossText(const std::string &attributes) {
  return "!x = tensor<?x?x5xf32, #nn.shape<[B, S, 5]>>\n"
         "!l = tensor<?x?xi64, #nn.shape<[B, S]>>\n"
         "!r = tensor<?x?xf32, #nn.shape<[B, S]>>\n"
         "func.func @main(%x: !x, %l: !l) -> (!r, !r) {\n"
         "%a, %b = nn.cross_entropy %x, %l" +
         attributes +
         " : (!x, !l) -> (!r, !r)\n"
         "return %a, %b : !r, !r }";
}

// With rows of impossible classes, ignored labels and wrong ones, of which one
// is a class if only its low 32 bits are looked at.
TEST_F(FusedTrainingTest, CrossEntropyIsOneGroup) {
  nn::Array x = floats({2, 4, 5});
  for (int i = 0; i < 5; ++i)
    x.floats()[10 + i] = -INFINITY;
  x.floats()[3] = 1000;
  x.floats()[5] = -INFINITY;
  nn::Array labels =
      integers({2, 4}, {3, 1, -100, 2, 4, 5, (int64_t(1) << 32) + 1, -1});
  for (const char *attributes :
       {"", " smoothing 0.1", " ignore 2", " smoothing 0.3 ignore 4"})
    EXPECT_EQ(check(lossText(attributes), {x, labels}), 1) << attributes;
}

// dx along rows; the gradients of scale and bias down the columns, together.
TEST_F(FusedTrainingTest, BackwardOfANormIsTwoGroups) {
  const char *text = R"(
!x = tensor<2x3x8xf32>
!r = tensor<2x3x1xf32>
func.func @main(%x: !x, %dy: !x, %m: !r, %d: !r, %g: tensor<8xf32>) -> (!x, tensor<8xf32>, tensor<8xf32>) {
  %c = nn.elementwise sub %x, %m : (!x, !r) -> !x
  %n = nn.elementwise mul %c, %d : (!x, !r) -> !x
  %h = nn.elementwise mul %dy, %g : (!x, tensor<8xf32>) -> !x
  %p = nn.elementwise mul %h, %n : (!x, !x) -> !x
  %a = nn.reduce mean %h axes [2] keepdims : (!x) -> !r
  %b = nn.reduce mean %p axes [2] keepdims : (!x) -> !r
  %q = nn.elementwise mul %n, %b : (!x, !r) -> !x
  %s = nn.elementwise sub %h, %a : (!x, !r) -> !x
  %u = nn.elementwise sub %s, %q : (!x, !x) -> !x
  %dx = nn.elementwise mul %u, %d : (!x, !r) -> !x
  %e = nn.elementwise mul %dy, %n : (!x, !x) -> !x
  %dg = nn.reduce sum %e axes [0, 1] : (!x) -> tensor<8xf32>
  %db = nn.reduce sum %dy axes [0, 1] : (!x) -> tensor<8xf32>
  return %dx, %dg, %db : !x, tensor<8xf32>, tensor<8xf32>
})";
  EXPECT_EQ(check(text, {floats({2, 3, 8}), floats({2, 3, 8}),
                         floats({2, 3, 1}), floats({2, 3, 1}), floats({8})}),
            2);
}

// The forward pass and the backward one make the same numbers anew.
TEST_F(FusedTrainingTest, RandomNumbersAreCopiedIntoTheirReaders) {
  const char *text = R"(
!x = tensor<?x8xf32, #nn.shape<[B, 8]>>
!b = tensor<?x8xi1, #nn.shape<[B, 8]>>
func.func @main(%x: !x, %dy: !x, %seed: tensor<i64>, %step: tensor<i64>, %first: tensor<i64>) -> (!x, !x, !x) {
  %p = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<0.0> : tensor<f32>
  %u = nn.random id 9 (%seed, %step, %first) : !x
  %k = nn.elementwise greater_equal %u, %p : (!x, tensor<f32>) -> !b
  %m = nn.elementwise select %k, %x, %z : (!b, !x, tensor<f32>) -> !x
  %y = nn.norm layer %m axis 1 epsilon 1.0e-5 : !x -> !x
  %w = nn.elementwise select %k, %dy, %z : (!b, !x, tensor<f32>) -> !x
  %e = nn.elementwise exp %w : (!x) -> !x
  return %y, %e, %u : !x, !x, !x
})";
  // The norm, the exponential, and the numbers themselves, which are returned.
  EXPECT_EQ(check(text, {floats({3, 8}), floats({3, 8}), integers({}, {5}),
                         integers({}, {1}), integers({}, {2})}),
            3);
}

// Of a norm over parameters, tensor by tensor: a row group each.
TEST_F(FusedTrainingTest, SumsOfSquares) {
  const char *text = R"(
func.func @main(%x: tensor<300x256xf32>, %y: tensor<7xf32>) -> tensor<f32> {
  %s = nn.elementwise mul %x, %x : (tensor<300x256xf32>, tensor<300x256xf32>) -> tensor<300x256xf32>
  %a = nn.reduce sum %s axes [0, 1] : (tensor<300x256xf32>) -> tensor<f32>
  %t = nn.elementwise mul %y, %y : (tensor<7xf32>, tensor<7xf32>) -> tensor<7xf32>
  %b = nn.reduce sum %t axes [0] : (tensor<7xf32>) -> tensor<f32>
  %c = nn.elementwise add %a, %b : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %r = nn.elementwise sqrt %c : (tensor<f32>) -> tensor<f32>
  return %r : tensor<f32>
})";
  // Rows of the large one, their sum, the small one, the root.
  EXPECT_EQ(check(text, {floats({300, 256}), floats({7})}), 4);
}

// The product stores the gradient and not its squares; one group sums these and
// gives the three new values, each of which can lie where the old one did.
TEST_F(FusedTrainingTest, AnOptimizerIsNoEpilogue) {
  const char *text = R"(
!w = tensor<8x16xf32>
nn.weight @w trainable state parameter : !w = dense<0.5> : !w
nn.weight @w.m state optimizer : !w = dense<0.25> : !w
nn.weight @w.v state optimizer : !w = dense<0.125> : !w
func.func @main(%x: tensor<4x8xf32>, %dy: tensor<4x16xf32>) -> (tensor<8xf32>, !w {nn.updates = @w}, !w {nn.updates = @w.m}, !w {nn.updates = @w.v}) {
  %d = nn.contract %x, %dy contracting [0] x [0] : (tensor<4x8xf32>, tensor<4x16xf32>) -> !w
  %q = nn.elementwise mul %d, %d : (!w, !w) -> !w
  %n = nn.reduce sum %q axes [1] : (!w) -> tensor<8xf32>
  %w = nn.load_weight @w : !w
  %m = nn.load_weight @w.m : !w
  %v = nn.load_weight @w.v : !w
  %m1 = nn.elementwise add %m, %d : (!w, !w) -> !w
  %v1 = nn.elementwise add %v, %q : (!w, !w) -> !w
  %s = nn.elementwise sqrt %v1 : (!w) -> !w
  %u = nn.elementwise div %m1, %s : (!w, !w) -> !w
  %w1 = nn.elementwise sub %w, %u : (!w, !w) -> !w
  return %n, %w1, %m1, %v1 : tensor<8xf32>, !w, !w, !w
})";
  EXPECT_EQ(check(text, {floats({4, 8}), floats({4, 16})}), 2);
  EXPECT_EQ(productResults, 1);
}

// What leaves the product is the gradient of the norm's result and nothing made
// of it; the row group makes the rest, the normalised input included.
TEST_F(FusedTrainingTest, BackwardOfANormBehindAProduct) {
  const char *text = R"(
!x = tensor<6x8xf32>
!r = tensor<6x1xf32>
func.func @main(%x: !x, %dz: tensor<6x4xf32>, %k: tensor<8x4xf32>, %m: !r, %d: !r, %g: tensor<8xf32>) -> (!x, tensor<8xf32>, tensor<8xf32>) {
  %dy = nn.contract %dz, %k contracting [1] x [1] : (tensor<6x4xf32>, tensor<8x4xf32>) -> !x
  %c = nn.elementwise sub %x, %m : (!x, !r) -> !x
  %n = nn.elementwise mul %c, %d : (!x, !r) -> !x
  %h = nn.elementwise mul %dy, %g : (!x, tensor<8xf32>) -> !x
  %p = nn.elementwise mul %h, %n : (!x, !x) -> !x
  %a = nn.reduce mean %h axes [1] keepdims : (!x) -> !r
  %b = nn.reduce mean %p axes [1] keepdims : (!x) -> !r
  %q = nn.elementwise mul %n, %b : (!x, !r) -> !x
  %s = nn.elementwise sub %h, %a : (!x, !r) -> !x
  %u = nn.elementwise sub %s, %q : (!x, !x) -> !x
  %dx = nn.elementwise mul %u, %d : (!x, !r) -> !x
  %e = nn.elementwise mul %dy, %n : (!x, !x) -> !x
  %dg = nn.reduce sum %e axes [0] : (!x) -> tensor<8xf32>
  %db = nn.reduce sum %dy axes [0] : (!x) -> tensor<8xf32>
  return %dx, %dg, %db : !x, tensor<8xf32>, tensor<8xf32>
})";
  EXPECT_EQ(check(text, {floats({6, 8}), floats({6, 4}), floats({8, 4}),
                         floats({6, 1}), floats({6, 1}), floats({8})}),
            3);
  EXPECT_EQ(productResults, 1);
}

// A gradient that is only added to is part of its product.
TEST_F(FusedTrainingTest, AccumulationIsAnEpilogue) {
  const char *text = R"(
nn.weight @w.grad state gradient : tensor<8x16xf32> = dense<0.5> : tensor<8x16xf32>
func.func @main(%x: tensor<4x8xf32>, %dy: tensor<4x16xf32>, %scale: tensor<f32>) -> (tensor<8x16xf32> {nn.updates = @w.grad}) {
  %d = nn.contract %x, %dy contracting [0] x [0] : (tensor<4x8xf32>, tensor<4x16xf32>) -> tensor<8x16xf32>
  %c = nn.elementwise mul %d, %scale : (tensor<8x16xf32>, tensor<f32>) -> tensor<8x16xf32>
  %g = nn.load_weight @w.grad : tensor<8x16xf32>
  %s = nn.elementwise add %g, %c : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  return %s : tensor<8x16xf32>
})";
  EXPECT_EQ(check(text, {floats({4, 8}), floats({4, 16}),
                         floats(ArrayRef<int64_t>())}),
            1);
}

} // namespace
