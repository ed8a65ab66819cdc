//===- ExprTest.cpp - checked arithmetic on sizes -------------------------===//
//
// Values, poison and text of expression tables.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Expr.h"
#include <gmock/gmock.h>
#include <limits>

using namespace attune::core;

namespace {

/// Value of one operation on two constants.
std::optional<int64_t> apply(ExprKind kind, int64_t a, int64_t b) {
  Expr table[] = {
      {ExprKind::Const, a, 0}, {ExprKind::Const, b, 0}, {kind, 0, 1}};
  ExprValues values;
  values.evaluate(table, {});
  return values.has(2) ? std::optional(values[2]) : std::nullopt;
}

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

TEST(Expr, Operations) {
  EXPECT_EQ(apply(ExprKind::Add, 3, 4), 7);
  EXPECT_EQ(apply(ExprKind::Sub, 3, 4), -1);
  EXPECT_EQ(apply(ExprKind::Mul, -3, 4), -12);
  EXPECT_EQ(apply(ExprKind::Max, 3, 4), 4);
  EXPECT_EQ(apply(ExprKind::Min, 3, 4), 3);
  // Rounding is towards minus (plus) infinity, also below zero.
  EXPECT_EQ(apply(ExprKind::FloorDiv, 7, 2), 3);
  EXPECT_EQ(apply(ExprKind::FloorDiv, -7, 2), -4);
  EXPECT_EQ(apply(ExprKind::FloorDiv, -8, 2), -4);
  EXPECT_EQ(apply(ExprKind::CeilDiv, 7, 2), 4);
  EXPECT_EQ(apply(ExprKind::CeilDiv, -7, 2), -3);
  EXPECT_EQ(apply(ExprKind::CeilDiv, 8, 2), 4);
  EXPECT_EQ(apply(ExprKind::Mod, 7, 4), 3);
  EXPECT_EQ(apply(ExprKind::Mod, -7, 4), 1);
}

TEST(Expr, DivisionInvariantsAtTheEdges) {
  for (int64_t a : {kMin, kMin + 1, int64_t(-5), int64_t(0), int64_t(5), kMax})
    for (int64_t b : {int64_t(1), int64_t(2), int64_t(7), kMax}) {
      int64_t floor = *apply(ExprKind::FloorDiv, a, b);
      int64_t mod = *apply(ExprKind::Mod, a, b);
      EXPECT_EQ(__int128(floor) * b + mod, __int128(a));
      EXPECT_TRUE(mod >= 0 && mod < b);
      EXPECT_EQ(*apply(ExprKind::CeilDiv, a, b), floor + (mod != 0));
    }
}

TEST(Expr, OverflowHasNoValue) {
  EXPECT_EQ(apply(ExprKind::Add, kMax, 1), std::nullopt);
  EXPECT_EQ(apply(ExprKind::Sub, kMin, 1), std::nullopt);
  EXPECT_EQ(apply(ExprKind::Mul, kMax / 2 + 1, 2), std::nullopt);
  EXPECT_EQ(apply(ExprKind::FloorDiv, 1, 0), std::nullopt);
  EXPECT_EQ(apply(ExprKind::CeilDiv, 1, -1), std::nullopt);
  EXPECT_EQ(apply(ExprKind::Mod, 1, 0), std::nullopt);
}

TEST(Expr, PoisonSpreadsAndIsReportedWhereUsed) {
  Expr table[] = {{ExprKind::Sym, 0, 0},
                  {ExprKind::Mul, 0, 0},
                  {ExprKind::Add, 1, 0},
                  {ExprKind::Sub, 0, 2},
                  {ExprKind::Const, -1, 0}};
  int64_t symbols[] = {int64_t(1) << 40};
  ExprValues values;
  values.evaluate(table, symbols);
  EXPECT_TRUE(values.has(0));
  EXPECT_FALSE(values.has(1));
  EXPECT_FALSE(values.has(3));
  int64_t size = 0;
  EXPECT_EQ(values.size(3, "buffer 2", size).message(),
            "buffer 2: expression 3 of the plan overflows 64 bits or divides "
            "by zero at these dims");
  EXPECT_EQ(values.size(4, "grid", size).message(),
            "grid: expression 4 of the plan is -1 at these dims, expected at "
            "least 0");
}

TEST(Expr, Text) {
  std::string names[] = {"seq", "past"};
  Expr table[] = {{ExprKind::Sym, 0, 0},     {ExprKind::Sym, 1, 0},
                  {ExprKind::Add, 0, 1},     {ExprKind::Const, 2, 0},
                  {ExprKind::Mul, 3, 2},     {ExprKind::Sub, 0, 2},
                  {ExprKind::CeilDiv, 4, 4}, {ExprKind::Add, 2, 5}};
  EXPECT_THAT(exprText(table, names),
              testing::ElementsAre("seq", "past", "seq+past", "2",
                                   "2*(seq+past)", "seq-(seq+past)",
                                   "ceil(2*(seq+past)/(2*(seq+past)))",
                                   "seq+past+seq-(seq+past)"));
}

TEST(Expr, ALongChainIsCutNotExponential) {
  std::vector<Expr> table = {{ExprKind::Sym, 0, 0}};
  for (int64_t i = 0; i < 100000; ++i)
    table.push_back({ExprKind::Add, i, i});
  std::string names[] = {"n"};
  for (const std::string &text : exprText(table, names))
    ASSERT_LE(text.size(), 120u);
}

} // namespace
