//===- BuiltAttentionTest.cpp - attention groups down to PTX --------------===//
//
// The kernels that compiler/kernels writes for a GPU, in every precision, as
// PTX on the emulator, against the evaluation of their groups in double
// precision. Inputs are drawn from a printed seed (ATTUNE_TEST_SEED repeats
// one).
//
//===----------------------------------------------------------------------===//
#include "compiler/fusion/Cost.h"
#include "compiler/kernels/Passes.h"
#include "compiler/target/common/testing/Draws.h"
#include "compiler/target/cuda/testing/SimulatedKernels.h"
#include "dialects/nn/reference/Evaluator.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace attune;
using namespace attune::target::common::testing;
using target::cuda::testing::Argument;
using target::cuda::testing::SimulatedKernels;

namespace {

std::string elementOf(const std::string &precision) {
  return precision == "tf32" ? "f32" : precision;
}

struct Shape {
  int64_t heads, kvHeads, queries, keys, depth, columns;
  const char *mask = ""; ///< attributes of nn.attention
  bool bias = false, padding = false;
  bool headBias = false; ///< a bias of each head's own
};

/// Queries come as [B, S, H * D] and results leave so, as projections have
/// them.
std::string textOf(const Shape &s, const std::string &precision,
                   const std::string &result) {
  std::string element = elementOf(precision);
  std::string x = llvm::formatv("tensor<2x{0}x{1}x{2}>", s.queries,
                                s.heads * s.depth, element),
              split = llvm::formatv("tensor<2x{0}x{1}x{2}x{3}>", s.queries,
                                    s.heads, s.depth, element),
              q = llvm::formatv("tensor<2x{0}x{1}x{2}x{3}>", s.heads, s.queries,
                                s.depth, element),
              k = llvm::formatv("tensor<2x{0}x{1}x{2}x{3}>", s.kvHeads, s.keys,
                                s.depth, element),
              v = llvm::formatv("tensor<2x{0}x{1}x{2}x{3}>", s.kvHeads, s.keys,
                                s.columns, element),
              bias = llvm::formatv("tensor<{0}{1}x{2}xf32>",
                                   s.headBias ? std::to_string(s.heads) + "x"
                                              : std::string(),
                                   s.queries, s.keys),
              mask = llvm::formatv("tensor<2x{0}xi1>", s.keys),
              o = llvm::formatv("tensor<2x{0}x{1}x{2}x{3}>", s.heads, s.queries,
                                s.columns, result),
              y = llvm::formatv("tensor<2x{0}x{1}x{2}x{3}>", s.queries, s.heads,
                                s.columns, result);
  std::string types = llvm::formatv("{0}, {1}, {2}", q, k, v), operands;
  for (auto [wanted, name, type] :
       {std::tuple(s.bias || s.headBias, "bias %b", bias),
        {s.padding, "key_mask %m", mask}})
    if (wanted) {
      operands += std::string(" ") + name;
      types += ", " + type;
    }
  if (precision == "tf32")
    operands += " tf32";
  return llvm::formatv(R"(
func.func @main(%x0: {0}, %k0: {3}, %v0: {4}, %b0: {5}, %m0: {6}) -> {8} {{
  %r = nn.group attention (%x = %x0, %k = %k0, %v = %v0, %b = %b0, %m = %m0)
      : ({0}, {3}, {4}, {5}, {6}) -> {8} {{
    %h = nn.reshape %x : ({0}) -> {1}
    %q = nn.transpose %h [0, 2, 1, 3] : ({1}) -> {2}
    %o = nn.attention %q, %k, %v scale 0.2 {9}{10} : ({11}) -> {7}
    %t = nn.transpose %o [0, 2, 1, 3] : ({7}) -> {8}
    nn.yield %t : {8}
  }
  return %r : {8}
})",
                       x, split, q, k, v, bias, mask, o, y, s.mask, operands,
                       types);
}

/// max |a - b| / max |b|.
double errorOf(const nn::Array &found, const nn::Array &expected) {
  double worst = 0, greatest = 0;
  for (int64_t i = 0; i < expected.size(); ++i) {
    double difference = std::fabs(found.floats()[i] - expected.floats()[i]);
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
    greatest = std::max(greatest, std::fabs(expected.floats()[i]));
  }
  return worst / greatest;
}

/// Weights and result are rounded to 11 and 8 bits; for tf32 operands and
/// weights to 11.
double tolerance(const std::string &precision) {
  return precision == "f32" ? 1e-5 : precision == "bf16" ? 1.2e-2 : 1.5e-3;
}

class BuiltAttention : public ::testing::TestWithParam<const char *>,
                       protected Draws {
protected:
  BuiltAttention() : context(registry(), MLIRContext::Threading::DISABLED) {
    context.loadAllAvailableDialects();
  }
  static DialectRegistry registry() {
    DialectRegistry registry;
    registry.insert<nn::NNDialect, tile::TileDialect, func::FuncDialect>();
    nn::registerEvaluators(registry);
    fusion::registerCostModels(registry);
    return registry;
  }
  static RankedTensorType typeOf(Value value) {
    return cast<RankedTensorType>(value.getType());
  }

  /// As a kernel reads it.
  std::vector<char> draw(RankedTensorType type) {
    nn::Array array(type.getElementType(), type.getShape());
    std::normal_distribution<double> normal;
    if (array.isFloat())
      for (double &value : array.floats())
        value = normal(random);
    else
      for (int64_t &value : array.ints())
        value = random() % 3 != 0;
    return array.toBytes();
  }

  Argument argumentOf(std::vector<char> &bytes, MemRefType type) {
    auto [strides, offset] = type.getStridesAndOffset();
    return Argument(bytes.data(), type.getShape().vec(),
                    std::vector<int64_t>(strides.begin(), strides.end()));
  }

  void check(const Shape &shape, std::string result = elementOf(GetParam()));

  MLIRContext context;
};

void BuiltAttention::check(const Shape &shape, std::string resultElement) {
  std::string text = textOf(shape, GetParam(), resultElement);
  SCOPED_TRACE(text);
  auto model = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(model);
  OwningOpRef<ModuleOp> built = model->clone();
  PassManager passes(&context);
  kernels::BuildKernelsOptions options;
  options.target = "sm_80";
  passes.addPass(kernels::createBuildKernels(options));
  passes.addPass(kernels::createVerifyKernels());
  ASSERT_TRUE(succeeded(passes.run(*built)));

  auto function = built->lookupSymbol<func::FuncOp>("main");
  auto launch = *function.getOps<nn::LaunchOp>().begin();
  auto kernel = built->lookupSymbol<tile::KernelOp>(launch.getKernel());
  std::string kernelText;
  llvm::raw_string_ostream stream(kernelText);
  kernel->print(stream, OpPrintingFlags().useLocalScope());
  auto compiled = SimulatedKernels::compile(kernelText);
  ASSERT_TRUE(compiled);

  std::vector<std::vector<char>> inputs;
  std::vector<nn::Array> rounded;
  for (Value argument : function.getArguments()) {
    RankedTensorType type = typeOf(argument);
    inputs.push_back(draw(type));
    rounded.push_back(*nn::Array::fromBytes(type.getElementType(),
                                            type.getShape(), inputs.back()));
  }
  RankedTensorType type = typeOf(launch.getResult(0));
  std::vector<char> output =
      nn::Array(type.getElementType(), type.getShape()).toBytes();
  std::vector<Argument> arguments;
  for (auto [number, argument] : llvm::enumerate(kernel.getArguments())) {
    auto memref = cast<MemRefType>(argument.getType());
    if (number == launch.getInputs().size())
      arguments.push_back(argumentOf(output, memref));
    else
      arguments.push_back(
          argumentOf(inputs[cast<BlockArgument>(launch.getInputs()[number])
                                .getArgNumber()],
                     memref));
  }
  auto report = compiled->run(kernel.getSymName().str(), arguments, random());
  ASSERT_TRUE(report.ok()) << report.text();
  auto expected = nn::Evaluator(*model).run(
      model->lookupSymbol<func::FuncOp>("main"), rounded);
  ASSERT_TRUE(succeeded(expected));
  auto found =
      nn::Array::fromBytes(type.getElementType(), type.getShape(), output);
  EXPECT_LE(errorOf(*found, expected->front()), tolerance(GetParam()));
}

TEST_P(BuiltAttention, WholeBlocksAndTails) {
  check({2, 2, 150, 197, 64, 64});
  check({1, 1, 10, 40, 80, 80});
}

TEST_P(BuiltAttention, GroupsOfHeadsUnderACausalMask) {
  check({4, 2, 70, 70, 32, 32, "causal top_left"});
  check({2, 1, 20, 90, 128, 64, "causal bottom_right window 30"});
}

TEST_P(BuiltAttention, BiasPaddingAndSoftcap) {
  check({2, 2, 33, 65, 32, 48, "softcap 5.0", true, true});
}

TEST_P(BuiltAttention, BiasOfEachHeadInAGroup) {
  check({6, 2, 33, 40, 16, 16, "", false, false, /*headBias=*/true});
}

TEST_P(BuiltAttention, AResultOfF32) { check({1, 1, 64, 64, 64, 64}, "f32"); }

INSTANTIATE_TEST_SUITE_P(Precisions, BuiltAttention,
                         ::testing::Values("f16", "bf16", "tf32", "f32"),
                         [](const auto &info) {
                           return std::string(info.param);
                         });

} // namespace
