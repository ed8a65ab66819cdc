//===- AttentionTest.cpp - flash attention against double precision -------===//
//
// The kernels of target/cpu/test/AttentionTest.cpp, in every precision, as PTX
// on the GPU emulator. Shapes are drawn from a printed seed (ATTUNE_TEST_SEED
// repeats one), on and off every block size.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/testing/AttentionCase.h"
#include "compiler/target/common/testing/Draws.h"
#include "compiler/target/cuda/testing/SimulatedKernels.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Regex.h"
#include <gtest/gtest.h>

using namespace attune::target::common::testing;
using attune::target::cuda::testing::SimulatedKernels;

namespace {

/// Of results between -5 and 5: weights and result are rounded to the type; to
/// tf32 the weights alone, by 2^-11.
double tolerance(const std::string &precision) {
  return precision == "f32"    ? 1e-5
         : precision == "tf32" ? 1.5e-3
         : precision == "f16"  ? 2e-3
                               : 1.6e-2;
}

bool isWide(const std::string &precision) {
  return precision == "f32" || precision == "tf32";
}

class CudaAttention : public ::testing::TestWithParam<const char *>,
                      protected Draws {
protected:
  void check(AttentionCase c) {
    c.setPrecision(GetParam());
    SCOPED_TRACE(c.description());
    auto kernels = SimulatedKernels::compile(attentionText(c));
    ASSERT_TRUE(kernels);
    AttentionData data(c, random);
    auto report = kernels->run("f", data.arguments(), random());
    ASSERT_TRUE(report.ok()) << report.text();
    auto [result, lse] = data.errors();
    EXPECT_LE(result, tolerance(GetParam()));
    EXPECT_LE(lse, 2e-5);
    EXPECT_EQ(report.sum("ldmatrix").conflicts, 0u);
  }
};

TEST_P(CudaAttention, Plain) {
  check({1, 2, 1, 197, 197, 64, 64, AttentionMask::None, false, false, false, 0,
         128, 64});
  check({1, 1, 1, 1, 1, 1, 1, AttentionMask::None, false, false, false, 0, 64,
         32});
}

TEST_P(CudaAttention, Bands) {
  for (AttentionMask mask : {AttentionMask::Causal, AttentionMask::BottomRight,
                             AttentionMask::Window}) {
    check({1, 1, 1, 100, 100, 64, 64, mask, false, false, false, 0, 64, 32});
    // More queries than keys and the reverse: rows that see nothing are zero.
    check({1, 1, 1, 90, 50, 16, 16, mask, false, false, false, 0, 32, 48});
    check({1, 1, 1, 20, 130, 16, 16, mask, false, false, false, 0, 16, 16});
  }
}

// The first key that a block of rows may see stands on and beside the edge of a
// block of keys.
TEST_P(CudaAttention, WindowsThatStartAtAnEdge) {
  for (int64_t window : {0, 1, 31, 32, 33}) {
    AttentionCase c{1, 1, 1, 100, 100, 32, 32, AttentionMask::Window};
    c.blockRows = c.blockKeys = 32;
    c.window = window;
    check(c);
  }
}

TEST_P(CudaAttention, ValuesBetweenTwoChunksBesideKeysOnOne) {
  AttentionCase c{1, 1, 1, 64, 200, 64, 64};
  c.blockRows = 64;
  c.blockKeys = 32;
  c.valuesFrom = 1;
  check(c);
}

TEST_P(CudaAttention, DataMasks) {
  check({2, 2, 1, 40, 70, 32, 32, AttentionMask::None, true, false, false, 0,
         64, 64});
  check({3, 1, 2, 40, 70, 32, 32, AttentionMask::None, false, true, false, 0,
         64, 32});
  check({3, 2, 1, 40, 70, 32, 32, AttentionMask::Causal, true, true, true, 0,
         48, 32});
}

TEST_P(CudaAttention, ComputedQueries) {
  AttentionCase c{1, 2, 1, 70, 65, 37, 48};
  c.blockRows = 64;
  c.blockKeys = 32;
  c.halvedQueries = true;
  check(c);
}

TEST_P(CudaAttention, AnyHeadSizes) {
  check({1, 1, 1, 70, 65, 128, 128, AttentionMask::Causal, false, false, false,
         0, 128, 32});
  // f32 takes what shared memory there is on any device.
  bool wide = isWide(GetParam());
  int64_t rows = wide ? 32 : 64;
  check({1, 1, 1, 33, 65, 256, 256, AttentionMask::None, false, false, false, 0,
         rows, 32});
  for (int trial = 0; trial < 4; ++trial)
    check({draw(1, 2), draw(1, 2), draw(1, 3), draw(1, 80), draw(1, 150),
           draw(1, 130), draw(1, 130), AttentionMask(draw(0, 3)),
           draw(0, 1) == 1, draw(0, 1) == 1, draw(0, 1) == 1,
           draw(0, 2) ? 0.0 : 20.0, 16 * draw(1, wide ? 4 : 8),
           16 * draw(1, wide ? 2 : 4)});
}

// Rows of whole chunks, which products take as more of them: what lies behind
// a row is another head's, or nobody's.
TEST_P(CudaAttention, HeadsThatEndBetweenProducts) {
  int64_t rows = isWide(GetParam()) ? 32 : 64;
  for (int64_t size : {24, 40, 72, 100, 200})
    check({1, 1, 1, 64, 192, size, size, AttentionMask::None, false, false,
           false, 0, rows, 32});
}

INSTANTIATE_TEST_SUITE_P(Precisions, CudaAttention,
                         ::testing::Values("f16", "bf16", "tf32", "f32"),
                         [](const auto &info) { return info.param; });

class Tf32Attention : public ::testing::Test, protected Draws {
protected:
  static AttentionCase caseOf(int64_t keys) {
    AttentionCase c{1, 1, 1, 70, keys, 64, 64};
    c.blockRows = 64;
    c.blockKeys = 32;
    c.tf32 = true;
    return c;
  }
  /// Errors from double precision, of operands as `judge` takes them.
  AttentionData::Errors run(const AttentionCase &c,
                            const AttentionCase &judge) {
    auto kernels = SimulatedKernels::compile(attentionText(c));
    EXPECT_TRUE(kernels);
    AttentionData data(judge, random);
    auto report = kernels->run("f", data.arguments(), random());
    EXPECT_TRUE(report.ok()) << report.text();
    return data.errors();
  }
};

/// Its weight is 1, but for the last digit, so what is left is the rounding of
/// the value.
TEST_F(Tf32Attention, AKeyAloneGivesItsRoundedValue) {
  AttentionCase c = caseOf(1);
  EXPECT_LE(run(c, c).result, 2e-6);
}

TEST_F(Tf32Attention, OperandsHaveElevenBits) {
  AttentionCase c = caseOf(100), exact = c;
  exact.tf32 = false;
  auto [result, lse] = run(c, exact);
  EXPECT_GT(result, 3e-5);
  EXPECT_LT(result, 3e-3);
  EXPECT_GT(lse, 3e-5);
  EXPECT_LT(lse, 3e-3);
}

/// Else the tensor core would cut them, which no tolerance here shows.
TEST_F(Tf32Attention, EveryOperandOfAProductIsRounded) {
  auto kernels = SimulatedKernels::compile(attentionText(caseOf(100)));
  ASSERT_TRUE(kernels);
  llvm::StringRef text(kernels->ptx().text), statement;
  llvm::StringSet<> rounded;
  static const llvm::Regex reg("%r[0-9]+");
  llvm::SmallVector<llvm::StringRef> match;
  int products = 0;
  while (!text.empty()) {
    std::tie(statement, text) = text.split(';');
    if (statement.contains("cvt.rna.tf32.f32") && reg.match(statement, &match))
      rounded.insert(match[0]);
    if (!statement.contains("mma.sync"))
      continue;
    ++products;
    // { d }, { a }, { b }, { c }
    llvm::SmallVector<llvm::StringRef> lists;
    statement.split(lists, '{');
    ASSERT_EQ(lists.size(), 5u) << statement.str();
    for (llvm::StringRef list : {lists[2], lists[3]})
      for (; reg.match(list, &match); list = list.split(match[0]).second)
        EXPECT_TRUE(rounded.contains(match[0])) << statement.str();
  }
  // Two loops, with and without masks: 8 k of 32 keys, 4 k of 64 columns.
  EXPECT_EQ(products, 2 * (8 * 4 + 4 * 8));
}

} // namespace
