// What the tests of the evaluator share: running a function that is written in
// the test on arrays made in the test.
#pragma once

#include "dialects/nn/reference/Evaluator.h"
#include "mlir/Parser/Parser.h"
#include <cmath>
#include <gtest/gtest.h>

namespace attune::nn {

using namespace mlir;

struct EvaluatorTest : testing::Test {
  EvaluatorTest() {
    DialectRegistry registry;
    registry.insert<NNDialect, func::FuncDialect, arith::ArithDialect>();
    registerEvaluators(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  // Runs @main of `text` on float inputs given as (shape, values).
  SmallVector<Array> run(StringRef text, ArrayRef<Array> inputs) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    if (!module)
      return {};
    Evaluator evaluator(*module);
    auto results =
        evaluator.run(module->lookupSymbol<func::FuncOp>("main"), inputs);
    EXPECT_TRUE(succeeded(results));
    return succeeded(results) ? *results : SmallVector<Array>();
  }

  Array floats(ArrayRef<int64_t> shape, ArrayRef<double> values) {
    Array array(Float32Type::get(&context), shape);
    llvm::copy(values, array.floats().begin());
    return array;
  }
  Array bools(ArrayRef<int64_t> shape, ArrayRef<int64_t> values) {
    Array array(IntegerType::get(&context, 1), shape);
    llvm::copy(values, array.ints().begin());
    return array;
  }
  Array integers(ArrayRef<int64_t> shape, ArrayRef<int64_t> values) {
    Array array(IntegerType::get(&context, 64), shape);
    llvm::copy(values, array.ints().begin());
    return array;
  }
  // Distinct, unordered values.
  Array filled(ArrayRef<int64_t> shape, double phase = 0) {
    Array array(Float32Type::get(&context), shape);
    for (int64_t i = 0; i < array.size(); ++i)
      array.floats()[i] = std::sin(1.7 * double(i) + phase);
    return array;
  }

  MLIRContext context;
};

} // namespace attune::nn
