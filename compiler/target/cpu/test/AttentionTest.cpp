//===- AttentionTest.cpp - flash attention against double precision -------===//
//
// Shapes and options are drawn from a printed seed (ATTUNE_TEST_SEED repeats
// one), for every code version that this machine runs: grouped heads, head
// sizes 1 to 256 and different for V, causal bands of both alignments, windows,
// additive bias with broadcast dimensions, key padding, key lengths, softcap,
// log-sum-exp; heads side by side in a row, as the projections leave them.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/testing/AttentionCase.h"
#include "compiler/target/common/testing/Draws.h"
#include "compiler/target/cpu/testing/CompiledKernels.h"
#include <gtest/gtest.h>

using namespace attune::target::common::testing;
using namespace attune::target::cpu;
using namespace attune::target::cpu::testing;

namespace {

void check(const AttentionCase &c, CodeVersion version, std::mt19937 &random) {
  SCOPED_TRACE(codeVersionName(version).str() + " " + c.description());
  auto kernels = CompiledKernels::compile(attentionText(c), version);
  ASSERT_TRUE(kernels);
  AttentionData data(c, random);
  auto call = kernels->prepare("f", data.arguments(), 2);
  call.runAll(1 + int64_t(random() % 5), 2);
  EXPECT_TRUE(call.scratchIsIntact());
  auto [result, lse] = data.errors();
  EXPECT_LE(result, 1e-5);
  EXPECT_LE(lse, 2e-5);
  // Other chunks, other workers: the same bits.
  TypedBuffer first = data.result();
  call.runAll();
  EXPECT_TRUE(first == data.result());
}

class AttentionKernel : public ::testing::TestWithParam<CodeVersion>,
                        protected Draws {
protected:
};

TEST_P(AttentionKernel, Plain) {
  check({2, 2, 1, 197, 197, 64, 64}, GetParam(), random);
  check({1, 1, 1, 1, 1, 1, 1}, GetParam(), random);
}

TEST_P(AttentionKernel, OneBlockOfKeysOrSeveral) {
  check({1, 1, 2, 30, 300, 32, 48, AttentionMask::None, false, false, false, 0,
         16, 64},
        GetParam(), random);
  check({1, 1, 2, 30, 300, 32, 48, AttentionMask::None, false, false, false, 0,
         16, 512},
        GetParam(), random);
}

TEST_P(AttentionKernel, Bands) {
  for (AttentionMask mask : {AttentionMask::Causal, AttentionMask::BottomRight,
                             AttentionMask::Window}) {
    check({1, 1, 1, 100, 100, 64, 64, mask, false, false, false, 0, 48, 32},
          GetParam(), random);
    // More queries than keys and the reverse: rows that see nothing are zero.
    check({1, 1, 1, 90, 50, 16, 16, mask, false, false, false, 0, 20, 48},
          GetParam(), random);
    check({1, 1, 1, 20, 130, 16, 16, mask, false, false, false, 0, 20, 48},
          GetParam(), random);
  }
}

TEST_P(AttentionKernel, DataMasks) {
  check({2, 2, 1, 40, 70, 32, 32, AttentionMask::None, true}, GetParam(),
        random);
  check({3, 1, 2, 40, 70, 32, 32, AttentionMask::None, false, true}, GetParam(),
        random);
  check({3, 2, 1, 40, 70, 32, 32, AttentionMask::Causal, true, true, true, 0,
         48, 32},
        GetParam(), random);
}

TEST_P(AttentionKernel, ComputedQueries) {
  AttentionCase c{1, 2, 1, 70, 65, 37, 48};
  c.blockRows = 64;
  c.blockKeys = 32;
  c.halvedQueries = true;
  check(c, GetParam(), random);
}

TEST_P(AttentionKernel, AnyHeadSizes) {
  check({1, 1, 1, 33, 65, 256, 256}, GetParam(), random);
  for (int trial = 0; trial < 4; ++trial)
    check({draw(1, 2), draw(1, 2), draw(1, 3), draw(1, 80), draw(1, 150),
           draw(1, 130), draw(1, 130), AttentionMask(draw(0, 3)),
           draw(0, 1) == 1, draw(0, 1) == 1, draw(0, 1) == 1,
           draw(0, 2) ? 0.0 : 20.0, draw(1, 70), 16 * draw(1, 8)},
          GetParam(), random);
}

INSTANTIATE_TEST_SUITE_P(Versions, AttentionKernel,
                         ::testing::ValuesIn(runnableVersions()),
                         [](const auto &info) {
                           std::string name = codeVersionName(info.param).str();
                           return name.substr(name.size() - 2);
                         });

} // namespace
