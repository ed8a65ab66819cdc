// Gradients against central differences. See Differences.h.
#include "compiler/differentiate/test/Differences.h"
#include <cmath>

namespace attune::differentiate {

using namespace mlir;
using nn::Array;

// The error of the quotient is eps^2 f''' / 6 + 1e-16 |f| / eps: 1e-10 at best.
static constexpr double kEpsilon = 1e-5;
static constexpr double kTolerance = 1e-7;

Type DifferencesTest::realType() { return Float64Type::get(&context); }

static double combine(ArrayRef<Array> results, ArrayRef<Array> cotangents) {
  double sum = 0;
  for (auto [result, cotangent] : llvm::zip(results, cotangents))
    for (int64_t i = 0; i < result.size(); ++i)
      sum += result.floats()[i] * cotangent.floats()[i];
  return sum;
}

// A copy that owns its elements.
static Array copyOf(const Array &array) {
  Array copy(array.getElementType(), array.getShape());
  llvm::copy(array.floats(), copy.floats().begin());
  return copy;
}

void DifferencesTest::checkShapes(ArrayRef<TestInput> inputs,
                                  const Build &build, bool isDynamic) {
  Functions functions = buildFunctions(inputs, build, isDynamic);
  if (HasFailure())
    return;
  nn::Evaluator evaluator(*functions.module);
  SmallVector<Array> values = drawInputs(inputs);
  auto run = [&](func::FuncOp function, ArrayRef<Array> arguments) {
    auto results = evaluator.run(function, arguments);
    EXPECT_TRUE(succeeded(results));
    return succeeded(results) ? *results : SmallVector<Array>();
  };
  SmallVector<Array> cotangents, arguments = values;
  for (const Array &result : run(functions.forward, values))
    cotangents.push_back(drawCotangent(result));
  llvm::append_range(arguments, cotangents);
  SmallVector<Array> gradients = run(functions.backward, arguments);
  if (HasFailure())
    return;
  size_t next = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].isSource)
      continue;
    Array expected(values[i].getElementType(), values[i].getShape());
    for (int64_t k = 0; k < expected.size(); ++k) {
      double side[2];
      for (int up : {0, 1}) {
        SmallVector<Array> moved = values;
        moved[i] = copyOf(values[i]);
        moved[i].floats()[k] += up ? kEpsilon : -kEpsilon;
        side[up] = combine(run(functions.forward, moved), cotangents);
      }
      expected.floats()[k] = (side[1] - side[0]) / (2 * kEpsilon);
    }
    EXPECT_LE(relativeError(gradients[next++], expected), kTolerance)
        << "of input " << i << (isDynamic ? ", symbolic" : ", static");
  }
}

void DifferencesTest::check(ArrayRef<TestInput> inputs, const Build &build) {
  for (bool isDynamic : {false, true}) {
    checkShapes(inputs, build, isDynamic);
    if (HasFailure())
      return;
  }
}

} // namespace attune::differentiate
