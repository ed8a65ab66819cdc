// What differences cannot see: slopes at kinks, ties, and of what has none.
#include "compiler/differentiate/Gradients.h"
#include "compiler/differentiate/test/Differences.h"
#include <cmath>

using namespace attune;
using namespace attune::differentiate;
using namespace mlir;
using nn::Array;
using Kind = nn::ElementwiseKind;

namespace {

struct ConventionsTest : DifferencesTest {
  // The gradients of the sum of `build`'s result at the given inputs.
  SmallVector<Array>
  gradients(ArrayRef<std::vector<double>> inputs,
            function_ref<Expr(Site &, ArrayRef<Expr>)> build);
};

SmallVector<Array>
ConventionsTest::gradients(ArrayRef<std::vector<double>> inputs,
                           function_ref<Expr(Site &, ArrayRef<Expr>)> build) {
  OpBuilder builder(&context);
  Location loc = builder.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder, loc);
  builder.setInsertionPointToEnd(module->getBody());
  SmallVector<Type> types;
  SmallVector<Array> arrays;
  for (const std::vector<double> &values : inputs) {
    types.push_back(
        RankedTensorType::get(int64_t(values.size()), builder.getF64Type()));
    arrays.emplace_back(builder.getF64Type(), int64_t(values.size()));
    llvm::copy(values, arrays.back().floats().begin());
  }
  auto function = func::FuncOp::create(builder, loc, "main",
                                       builder.getFunctionType(types, types));
  Block *block = function.addEntryBlock();
  builder.setInsertionPointToEnd(block);
  auto end = func::ReturnOp::create(builder, loc, block->getArguments());
  builder.setInsertionPoint(end);
  Site site{builder, loc};
  SmallVector<Expr> values;
  SmallVector<Source> sources;
  for (Value argument : block->getArguments()) {
    values.push_back({site, argument});
    sources.push_back({argument, "input"});
  }
  Expr sum = sumTo(build(site, values), {});
  SmallVector<Value> results;
  EXPECT_TRUE(succeeded(buildGradients(sum, sum.number(1), sources, results)));
  for (auto [result, value] : llvm::zip(results, values))
    if (!result) // none: as if it were 0
      result = value * 0;
  end->setOperands(results);
  auto evaluated = nn::Evaluator(*module).run(function, arrays);
  EXPECT_TRUE(succeeded(evaluated));
  return succeeded(evaluated) ? *evaluated : SmallVector<Array>();
}

TEST_F(ConventionsTest, EqualOperandsShareAMaximumEvenly) {
  for (Kind kind : {Kind::Max, Kind::Min}) {
    auto g = gradients({{1, 2}, {1, 3}}, [&](Site &, ArrayRef<Expr> in) {
      return apply(kind, {in[0], in[1]});
    });
    bool isMax = kind == Kind::Max;
    EXPECT_EQ(g[0].floats(), ArrayRef<double>({0.5, isMax ? 0.0 : 1.0}));
    EXPECT_EQ(g[1].floats(), ArrayRef<double>({0.5, isMax ? 1.0 : 0.0}));
  }
  auto g = gradients({{3, 1, 3, 3}}, [&](Site &, ArrayRef<Expr> in) {
    return reduceKeeping(nn::ReduceKind::Max, in[0], {0});
  });
  EXPECT_EQ(g[0].floats(), ArrayRef<double>({1 / 3., 0, 1 / 3., 1 / 3.}));
}

TEST_F(ConventionsTest, AtTheirKinksFunctionsHaveSlopeZero) {
  for (Kind kind : {Kind::Relu, Kind::Abs}) {
    auto g = gradients({{0.0, 2}}, [&](Site &, ArrayRef<Expr> in) {
      return apply(kind, {in[0]});
    });
    EXPECT_EQ(g[0].floats(), ArrayRef<double>({0, 1}));
  }
}

// 0^0, 0^2, 2^0 by base and exponent: PyTorch's values, no NaN.
TEST_F(ConventionsTest, PowersOfZero) {
  auto g = gradients({{0, 0, 2}, {0, 2, 0}}, [&](Site &, ArrayRef<Expr> in) {
    return apply(Kind::Pow, {in[0], in[1]});
  });
  EXPECT_EQ(g[0].floats(), ArrayRef<double>({0, 0, 0}));
  EXPECT_EQ(g[1].floats(), ArrayRef<double>({0, 0, std::log(2.0)}));
}

TEST_F(ConventionsTest, WhatHasNoSlopeGivesNoGradient) {
  for (unsigned arity : {1, 2})
    for (Kind kind : kindsOf(arity)) {
      if (!hasNoSlope(kind) || kind == Kind::Not || kind == Kind::And ||
          kind == Kind::Or || kind == Kind::Xor)
        continue;
      SCOPED_TRACE(nn::stringifyEnum(kind).str());
      auto g =
          gradients({{0.3, 1.2}, {0.4, 2}}, [&](Site &, ArrayRef<Expr> in) {
            Expr y = apply(kind, in.take_front(arity));
            return castTo(y, in[0].elementType()) + in[0] * 3;
          });
      EXPECT_EQ(g[0].floats(), ArrayRef<double>({3, 3}));
    }
}

} // namespace
