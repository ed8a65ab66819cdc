//===- FmaLoopTest.cpp - the peak is a peak -------------------------------===//
//
// Timings are not asserted; what the loop computes and which units it could
// have used are.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/FmaLoop.h"
#include "attune/format.h"
#include <gtest/gtest.h>

using namespace attune;
using namespace attune::cpu;

namespace {

TEST(FmaLoop, IsaOfFeatures) {
  EXPECT_EQ(isaOf(0), Isa::Sse);
  EXPECT_EQ(isaOf(format::kX86V2), Isa::Sse);
  EXPECT_EQ(isaOf(format::kX86V3), Isa::Avx2);
  EXPECT_EQ(isaOf(format::kX86V4), Isa::Avx512);
  EXPECT_EQ(isaLanes(Isa::Avx512), 16);
  EXPECT_STREQ(isaName(Isa::Avx2), "avx2");
}

TEST(FmaLoop, PlausibleIsOneOrTwoUnits) {
  auto of = [](Isa isa, double perCycle) {
    return isPlausible(isa, PeakSample{1, 1, perCycle});
  };
  EXPECT_TRUE(of(Isa::Avx2, 32));
  EXPECT_TRUE(of(Isa::Avx2, 30));
  EXPECT_TRUE(of(Isa::Avx2, 16));
  EXPECT_FALSE(of(Isa::Avx2, 24));
  EXPECT_FALSE(of(Isa::Avx2, 48));
  EXPECT_TRUE(of(Isa::Avx512, 32));
  EXPECT_FALSE(of(Isa::Avx512, 100));
}

TEST(FmaLoop, Measures) {
  PeakSample sample = measurePeak(Isa::Sse);
  EXPECT_GT(sample.gflops, 0);
  EXPECT_GT(sample.clockGhz, 0);
  EXPECT_GT(measurePeakOfThreads(Isa::Sse, 2), 0);
}

} // namespace
