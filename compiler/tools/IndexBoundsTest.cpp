// Inputs that are indices, directly, through views and casts, and not.
#include "compiler/tools/IndexBounds.h"

#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace attune::tools {
namespace {
using namespace mlir;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

std::map<std::string, int64_t> boundsOf(StringRef arguments, StringRef body) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<nn::NNDialect, func::FuncDialect>();
  std::string text = ("func.func @main(%table: tensor<9x5x4xf32>, " +
                      arguments + ") {\n" + body + "\n  return\n}")
                         .str();
  auto module = parseSourceString<ModuleOp>(text, &context);
  EXPECT_TRUE(module) << text;
  return module ? indexBoundsOf(*module) : std::map<std::string, int64_t>();
}

TEST(IndexBounds, TheSmallestAxisThatIsIndexed) {
  EXPECT_THAT(
      boundsOf("%ids: tensor<2xi64> {nn.name = \"ids\"}",
               "%0 = nn.gather %table[%ids] axis 0 : (tensor<9x5x4xf32>, "
               "tensor<2xi64>) -> tensor<2x5x4xf32>\n"
               "%1 = nn.gather %table[%ids] axis 1 : (tensor<9x5x4xf32>, "
               "tensor<2xi64>) -> tensor<9x2x4xf32>"),
      UnorderedElementsAre(Pair("ids", 5)));
}

TEST(IndexBounds, ThroughViewsAndCasts) {
  EXPECT_THAT(
      boundsOf("%ids: tensor<2x3xi32> {nn.name = \"ids\"}",
               "%0 = nn.reshape %ids : (tensor<2x3xi32>) -> tensor<6xi32>\n"
               "%1 = nn.elementwise cast %0 to i64 : (tensor<6xi32>) -> "
               "tensor<6xi64>\n"
               "%2 = nn.gather %table[%1] axis 0 : (tensor<9x5x4xf32>, "
               "tensor<6xi64>) -> tensor<6x5x4xf32>"),
      UnorderedElementsAre(Pair("ids", 9)));
}

// What is computed from an input may be inside where the input is not; what is
// read by position is no index.
TEST(IndexBounds, OtherIntegersHaveNone) {
  EXPECT_THAT(boundsOf("%ids: tensor<2xi64> {nn.name = \"ids\"}, %of: "
                       "tensor<2xi64> {nn.name = \"of\"}, %at: tensor<1xi64>",
                       "%0 = nn.elementwise min %ids, %of : (tensor<2xi64>, "
                       "tensor<2xi64>) -> tensor<2xi64>\n"
                       "%1 = nn.gather %table[%0] axis 0 : (tensor<9x5x4xf32>, "
                       "tensor<2xi64>) -> tensor<2x5x4xf32>\n"
                       "%2 = nn.gather %of[%at] axis 0 : (tensor<2xi64>, "
                       "tensor<1xi64>) -> tensor<1xi64>"),
              IsEmpty());
}

} // namespace
} // namespace attune::tools
