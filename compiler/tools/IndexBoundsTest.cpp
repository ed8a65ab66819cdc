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

// A table of one column says nothing of the others; a boolean is 1 for any
// other number.
TEST(IndexBounds, NotOfAPart) {
  EXPECT_THAT(
      boundsOf(
          "%ids: tensor<2x3xi64> {nn.name = \"ids\"}, %flags: "
          "tensor<6xi64> {nn.name = \"flags\"}",
          "%0 = nn.slice %ids starts <[0, 0]> sizes <[2, 1]> steps [1, 1] : "
          "(tensor<2x3xi64>) -> tensor<2x1xi64>\n"
          "%1 = nn.gather %table[%0] axis 0 : (tensor<9x5x4xf32>, "
          "tensor<2x1xi64>) -> tensor<2x1x5x4xf32>\n"
          "%2 = nn.elementwise cast %flags to i1 : (tensor<6xi64>) -> "
          "tensor<6xi1>\n"
          "%3 = nn.elementwise cast %2 to i64 : (tensor<6xi1>) -> "
          "tensor<6xi64>\n"
          "%4 = nn.gather %table[%3] axis 0 : (tensor<9x5x4xf32>, "
          "tensor<6xi64>) -> tensor<6x5x4xf32>"),
      IsEmpty());
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
