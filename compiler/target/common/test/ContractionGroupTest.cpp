//===- ContractionGroupTest.cpp - contractions, all of their variants -----===//
//
// Where extents are run-time values a GPU has several kernels to choose from:
// each is run at extents on and off every block, and gives the same bits.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/testing/GroupTest.h"

using namespace attune::target::common::testing;

namespace {

class ContractionGroup : public GroupTest {
protected:
  std::vector<llvm::StringMap<int64_t>> rows() {
    std::vector<llvm::StringMap<int64_t>> result;
    for (int64_t s :
         {int64_t(1), int64_t(16), int64_t(129), draw(2, 15), draw(17, 140)}) {
      llvm::StringMap<int64_t> binding;
      binding["B"] = draw(1, 2);
      binding["S"] = s;
      binding["T"] = draw(1, 70);
      result.push_back(binding);
    }
    return result;
  }
  /// A layer with bias and residual.
  void checkLayer(const std::string &element, double tolerance) {
    bool isGpu = llvm::StringRef(GetParam().machine).starts_with("sm_");
    if (element != "f32" && !isGpu)
      GTEST_SKIP() << "no dots of " << element;
    check({"contraction",
           {{"B, S, 72", element},
            {"72, 136", element, 0.12},
            {"136"},
            {"B, S, 136"}},
           {{"B, S, 136"}},
           "    %p = nn.contract %0, %1 contracting [2] x [0] accumulate f32 : "
           "(@0, @1) -> $0\n"
           "    %b = nn.elementwise add %p, %2 : ($0, @2) -> $0\n"
           "    %r0 = nn.elementwise add %3, %b : (@3, $0) -> $0"},
          rows(), tolerance);
  }
};

TEST_P(ContractionGroup, LayerOfF32) { checkLayer("f32", 4e-6); }
TEST_P(ContractionGroup, LayerOfF16) { checkLayer("f16", 4e-6); }
TEST_P(ContractionGroup, LayerOfBF16) { checkLayer("bf16", 4e-6); }

TEST_P(ContractionGroup, OfALongK) {
  check({"contraction",
         {{"S, 600"}, {"600, 20", "f32", 0.05}},
         {{"S, 20"}},
         "    %r0 = nn.contract %0, %1 contracting [1] x [0] : (@0, @1) -> $0"},
        rows(), 8e-6);
}

/// Rows, columns and products that are run-time values.
TEST_P(ContractionGroup, ScoresOfAnyLengths) {
  check({"contraction",
         {{"B, 2, S, 40"}, {"B, 2, T, 40", "f32", 0.2}},
         {{"B, 2, S, T"}},
         "    %r0 = nn.contract %0, %1 batch [0, 1] x [0, 1] contracting [3] x "
         "[3] : (@0, @1) -> $0"},
        rows(), 8e-6);
}

/// Rows, columns and k that are run-time values.
TEST_P(ContractionGroup, WeightsTimesValues) {
  check({"contraction",
         {{"B, 2, S, T"}, {"B, 2, T, 40"}},
         {{"B, 2, S, 40"}},
         "    %r0 = nn.contract %0, %1 batch [0, 1] x [0, 1] contracting [3] x "
         "[2] : (@0, @1) -> $0"},
        rows(), 8e-6);
}

INSTANTIATE_TEST_SUITE_P(All, ContractionGroup,
                         ::testing::ValuesIn(testTargets()), targetName);

} // namespace
