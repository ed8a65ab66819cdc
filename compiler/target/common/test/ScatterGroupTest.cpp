//===- ScatterGroupTest.cpp - sums by index against double precision ------===//
#include "compiler/target/common/testing/GroupTest.h"
#include "llvm/Support/FormatVariadic.h"

using namespace attune::target::common::testing;

namespace {

class ScatterGroup : public GroupTest {
protected:
  std::vector<llvm::StringMap<int64_t>> sizes() {
    std::vector<llvm::StringMap<int64_t>> result;
    for (int64_t t : {int64_t(1), int64_t(16), int64_t(0), draw(1, 300)}) {
      llvm::StringMap<int64_t> binding;
      binding["B"] = draw(1, 3);
      binding["S"] = draw(1, 40);
      binding["T"] = t;
      result.push_back(binding);
    }
    return result;
  }
};

// Indices of either sign, and some outside, which count for nothing. The order
// of the work must not show in one bit.
TEST_P(ScatterGroup, GradientOfAnEmbedding) {
  for (const char *index : {"i64", "i32"})
    for (const char *element : {"f32", "f64"})
      for (const char *columns : {"96", "1", "17", "T"})
        check({"scatter",
               {{llvm::formatv("B, T, {0}", columns), element},
                {"B, T", index, 1, -80, 80}},
               {{llvm::formatv("65, {0}", columns), element}},
               "    %r0 = nn.scatter %0[%1] axis 0 : (@0, @1) -> $0"},
              sizes());
}

// So large that items are rows of it. An emulated GPU, whose items are rows
// anyway, has a small one.
TEST_P(ScatterGroup, LargeTables) {
  int64_t rows =
      llvm::StringRef(GetParam().machine).starts_with("sm_") ? 19 : 900;
  for (const char *columns : {"200", "4101"})
    check({"scatter",
           {{llvm::formatv("T, {0}", columns)},
            {"T", "i64", 1, double(-rows), double(rows - 1)}},
           {{llvm::formatv("{0}, {1}", rows, columns)}},
           "    %r0 = nn.scatter %0[%1] axis 0 : (@0, @1) -> $0"},
          sizes());
}

TEST_P(ScatterGroup, AlongAnyAxis) {
  check({"scatter",
         {{"B, T, 3, 20"}, {"T, 3", "i64", 1, -9, 9}},
         {{"B, 11, 20"}},
         "    %r0 = nn.scatter %0[%1] axis 1 : (@0, @1) -> $0"},
        sizes());
  check({"scatter",
         {{"B, S, T"}, {"T", "i64", 1, -9, 9}},
         {{"B, S, 7"}},
         "    %r0 = nn.scatter %0[%1] axis 2 : (@0, @1) -> $0"},
        sizes());
}

// Relative positions: the gradient of a bias [heads, i, j] into a table
// [distances, heads].
TEST_P(ScatterGroup, UpdatesThroughATransposedView) {
  check({"scatter",
         {{"4, T, 9"}, {"T, 9", "i64", 1, 0, 168}},
         {{"169, 4"}},
         R"(
    %t = nn.transpose %0 [1, 2, 0] : (@0) -> tensor<?x9x4xf32, #nn.shape<[T, 9, 4]>>
    %r0 = nn.scatter %t[%1] axis 0 : (tensor<?x9x4xf32, #nn.shape<[T, 9, 4]>>, @1) -> $0)"},
        sizes());
}

INSTANTIATE_TEST_SUITE_P(Targets, ScatterGroup,
                         ::testing::ValuesIn(testTargets()), targetName);

} // namespace
