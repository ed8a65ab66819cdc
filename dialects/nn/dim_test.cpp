// Dims form a commutative ring with canonical representatives: equal
// polynomials are the same attribute, and arithmetic agrees with arithmetic on
// values.
#include "dialects/nn/NN.h"
#include <gtest/gtest.h>
#include <random>

using namespace attune::nn;

namespace {

struct DimTest : testing::Test {
  DimTest() { context.loadDialect<NNDialect>(); }
  DimAttr symbol(llvm::StringRef name) {
    return DimAttr::symbol(&context, name);
  }
  DimAttr constant(int64_t value) { return DimAttr::constant(&context, value); }
  mlir::MLIRContext context;
};

TEST_F(DimTest, EqualPolynomialsAreTheSameAttribute) {
  DimAttr p = symbol("P"), s = symbol("S");
  EXPECT_EQ((p + s) * 2, p * 2 + s * 2);
  EXPECT_EQ(s * (p + s), s * p + s * s);
  EXPECT_EQ(p * s, s * p);
  EXPECT_EQ((p + s) - s, p);
  EXPECT_EQ((p - p).getConstant(), 0);
}

TEST_F(DimTest, ExactDivisionUndoesMultiplication) {
  DimAttr b = symbol("B"), p = symbol("P"), s = symbol("S");
  EXPECT_EQ((b * (p + s)).exactDiv(p + s), b);
  EXPECT_EQ((b * s * 768).exactDiv(b * 64), s * 12);
  EXPECT_EQ(((p + s) * (p + s)).exactDiv(p + s), p + s);
  EXPECT_FALSE((b * s + 1).exactDiv(b));
  EXPECT_FALSE((s * 7).exactDiv(constant(2)));
  EXPECT_FALSE(s.exactDiv(constant(0)));
}

TEST_F(DimTest, DivisionRoundsTowardsMinusInfinity) {
  EXPECT_EQ(constant(-7).floorDiv(constant(2)).getConstant(), -4);
  EXPECT_EQ(constant(-7).mod(constant(2)).getConstant(), 1);
  EXPECT_EQ(constant(7).ceilDiv(constant(2)).getConstant(), 4);
}

TEST_F(DimTest, MaxOfDimsAConstantApartIsDecided) {
  DimAttr s = symbol("S");
  EXPECT_EQ((s + 1).max(s), s + 1);
  EXPECT_EQ((s + 1).min(s), s);
  EXPECT_EQ(s.max(symbol("P")).str(), "max(S, P)");
}

TEST_F(DimTest, OverflowGivesNullAndNullIsAbsorbing) {
  DimAttr huge = constant(INT64_MAX);
  EXPECT_FALSE(huge * 2);
  EXPECT_FALSE(huge + 1);
  EXPECT_FALSE((huge * 2) - huge);
  llvm::StringMap<int64_t> symbols{{"S", INT64_MAX}};
  EXPECT_FALSE((symbol("S") * 2).evaluate(symbols));
}

TEST_F(DimTest, NamesThatAreNoIdentifiersAreQuoted) {
  EXPECT_EQ((symbol("past len") + 1).str(), "\"past len\" + 1");
}

// Builds random expressions twice: as dims and as values.
TEST_F(DimTest, ArithmeticAgreesWithValues) {
  uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  auto draw = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  for (int round = 0; round < 200; ++round) {
    llvm::StringMap<int64_t> symbols{
        {"A", draw(1, 9)}, {"B", draw(1, 9)}, {"C", draw(1, 9)}};
    std::vector<std::pair<DimAttr, int64_t>> pool;
    for (auto &entry : symbols)
      pool.emplace_back(symbol(entry.getKey()), entry.getValue());
    pool.emplace_back(constant(draw(1, 5)), 0);
    pool.back().second = *pool.back().first.getConstant();
    for (int step = 0; step < 8; ++step) {
      auto [a, x] = pool[draw(0, pool.size() - 1)];
      auto [b, y] = pool[draw(0, pool.size() - 1)];
      switch (draw(0, 6)) {
      case 0:
        pool.emplace_back(a + b, x + y);
        break;
      case 1:
        pool.emplace_back(a - b, x - y);
        break;
      case 2:
        pool.emplace_back(a * b, x * y);
        break;
      case 3:
        pool.emplace_back(a.max(b), std::max(x, y));
        break;
      case 4:
        pool.emplace_back(a.min(b), std::min(x, y));
        break;
      case 5:
        if (y > 0)
          pool.emplace_back(a.floorDiv(b), x / y - (x % y < 0));
        break;
      case 6:
        if (y > 0)
          pool.emplace_back(a.mod(b), (x % y + y) % y);
        break;
      }
      if (std::abs(pool.back().second) > 1000000)
        pool.pop_back();
      ASSERT_EQ(pool.back().first.evaluate(symbols), pool.back().second)
          << pool.back().first.str();
    }
  }
}

// What a file may ask for has an end: powers of sums and nested quotients that
// share their parts would take for ever.
TEST(Dim, GrowthIsBounded) {
  mlir::MLIRContext context;
  context.loadDialect<NNDialect>();
  DimAttr sum = DimAttr::symbol(&context, "A") +
                DimAttr::symbol(&context, "B") +
                DimAttr::symbol(&context, "C") + 1;
  DimAttr power = sum;
  for (int i = 0; i < 40 && power; ++i)
    power = power * power;
  EXPECT_FALSE(power);
  EXPECT_TRUE(sum * sum * sum);
  DimAttr nested = DimAttr::symbol(&context, "A");
  for (int i = 0; i < 60 && nested; ++i)
    nested = (nested * nested + 1).floorDiv(DimAttr::constant(&context, 2));
  EXPECT_FALSE(nested);
  DimAttr halves = DimAttr::symbol(&context, "A");
  for (int i = 0; i < 200; ++i)
    halves = (halves + 1).floorDiv(DimAttr::constant(&context, 2));
  EXPECT_TRUE(halves);
}

} // namespace
