// Gradients in f32, as kernels compute them, against the evaluator's double
// precision, which central differences judge. See Differences.h.
#include "compiler/differentiate/test/Differences.h"
#include "compiler/kernels/test/RunKernels.h"
#include "compiler/target/cpu/testing/CompiledKernels.h"

namespace attune::differentiate {

using namespace mlir;
using kernels::testing::Comparison;
using kernels::testing::Symbols;
using nn::Array;

/// Of the greatest element of a gradient.
static constexpr double kTolerance = 1e-5;

Type DifferencesTest::realType() { return Float32Type::get(&context); }

// What both read must be one number.
static void roundToF32(MutableArrayRef<Array> arrays) {
  for (Array &array : arrays)
    if (array.isFloat())
      for (double &x : array.floats())
        x = double(float(x));
}

static std::string textOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os, OpPrintingFlags().useLocalScope());
  return text;
}

// Symbolic, since kernels of known sizes are a simpler case of the same.
void DifferencesTest::checkShapes(ArrayRef<TestInput> inputs,
                                  const Build &build, bool isDynamic) {
  Functions functions = buildFunctions(inputs, build, isDynamic);
  if (HasFailure())
    return;
  SmallVector<Array> values = drawInputs(inputs);
  auto results =
      nn::Evaluator(*functions.module).run(functions.forward, values);
  if (failed(results)) {
    ADD_FAILURE() << "the evaluator failed";
    return;
  }
  for (const Array &result : *results)
    values.push_back(drawCotangent(result));
  roundToF32(values);
  functions.forward->erase();
  functions.backward.setName("main");
  // In the order in which kernels count arguments; of that side's context.
  auto fill = [&](MutableArrayRef<Array> arrays) {
    ASSERT_EQ(arrays.size(), values.size());
    for (auto [array, value] : llvm::zip(arrays, values)) {
      ASSERT_EQ(array.size(), value.size());
      if (array.isFloat())
        llvm::copy(value.floats(), array.floats().begin());
      else
        llvm::copy(value.ints(), array.ints().begin());
    }
  };
  Symbols symbols;
  for (const auto &entry : extents)
    symbols.emplace_back(entry.getKey().str(), entry.getValue());
  std::string text = textOf(*functions.module);
  for (const char *attention : {"fused", "unfused"}) {
    Comparison found = kernels::testing::compareWithEvaluator(
        text, {symbols}, 1, target::cpu::testing::runnableVersions().back(),
        attention, fill);
    EXPECT_EQ(found.failure, "") << text;
    EXPECT_LE(found.error, kTolerance) << attention << "\n" << text;
    if (text.find("nn.attention") == std::string::npos)
      break;
  }
}

void DifferencesTest::check(ArrayRef<TestInput> inputs, const Build &build) {
  checkShapes(inputs, build, /*isDynamic=*/true);
}

} // namespace attune::differentiate
