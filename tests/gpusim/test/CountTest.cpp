//===- CountTest.cpp - what accesses cost ---------------------------------===//
//
// Passes through the 32 banks of shared memory and sectors of global memory,
// for patterns whose cost is known.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/test/Support.h"

using namespace attune::gpusim;
using namespace attune::gpusim::test;

namespace {

/// Lane i accesses byte i * stride.
LineCount store(const std::string &type, const std::string &value,
                unsigned stride) {
  Report report = runBody("mul.lo.u32 %r1, %r0, " + std::to_string(stride) +
                              "; mov.b64 %d0, 0; mov.b16 %h0, 0; st.shared." +
                              type + " [%r1], " + value + ";",
                          32, 32 * 1024);
  EXPECT_TRUE(report.ok()) << report.text();
  return report.sum("st.shared");
}

TEST(Count, BanksByStride) {
  EXPECT_EQ(store("b32", "%r0", 4).wavefronts, 1u);
  EXPECT_EQ(store("b32", "%r0", 4).conflicts, 0u);
  EXPECT_EQ(store("b32", "%r0", 8).wavefronts, 2u);
  EXPECT_EQ(store("b32", "%r0", 12).wavefronts, 1u); // odd strides are free
  EXPECT_EQ(store("b32", "%r0", 128).wavefronts, 32u);
  EXPECT_EQ(store("b32", "%r0", 128).conflicts, 31u);
  EXPECT_EQ(store("b32", "%r0", 132).conflicts, 0u); // padded by a word
  EXPECT_EQ(store("b16", "%h0", 2).wavefronts, 1u);  // two lanes to a word
}

/// 8 bytes are served by half warps, 16 by quarters.
TEST(Count, WideAccesses) {
  EXPECT_EQ(store("b64", "%d0", 8).wavefronts, 2u);
  EXPECT_EQ(store("b64", "%d0", 8).conflicts, 0u);
  EXPECT_EQ(store("b64", "%d0", 16).conflicts, 2u);
  EXPECT_EQ(store("v4.b32", "{%r0, %r0, %r0, %r0}", 16).wavefronts, 4u);
  EXPECT_EQ(store("v4.b32", "{%r0, %r0, %r0, %r0}", 16).conflicts, 0u);
  EXPECT_EQ(store("v4.b32", "{%r0, %r0, %r0, %r0}", 128).wavefronts, 32u);
  EXPECT_EQ(store("v4.b32", "{%r0, %r0, %r0, %r0}", 144).conflicts, 0u);
}

TEST(Count, ReadingOneWordIsOnePass) {
  Report report = runBody("setp.eq.u32 %p0, %r0, 0; mov.b32 %r1, 0; @%p0 "
                          "st.shared.b32 [%r1], 1; bar.warp.sync -1; "
                          "ld.shared.b32 %r2, [%r1];",
                          32, 64);
  ASSERT_TRUE(report.ok()) << report.text();
  EXPECT_EQ(report.sum("ld.shared").wavefronts, 1u);
  EXPECT_EQ(report.sum("st.shared").lanes, 1u);
  EXPECT_EQ(report.sum("st.shared").executed, 1u);
}

/// Rows of 128 bytes: straight, 8-way conflicts; with the usual swizzle, none.
TEST(Count, MatrixRows) {
  auto load = [](const std::string &swizzle) {
    Report report = runBody(
        "setp.gt.u32 %p0, %r0, 31; shl.b32 %r1, %r0, 7;\n"
        "mov.b32 %r8, 0; LOOP: shl.b32 %r9, %r0, 7; add.u32 %r9, %r9, %r8; "
        "st.shared.b32 [%r9], %r0; add.u32 %r8, %r8, 4; setp.lt.u32 %p1, %r8, "
        "128; @%p1 bra LOOP; bar.sync 0;\n" +
            swizzle +
            "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r2, %r3, %r4, %r5}, "
            "[%r1];",
        32, 4096);
    EXPECT_TRUE(report.ok()) << report.text();
    return report.sum("ldmatrix");
  };
  EXPECT_EQ(load("").wavefronts, 32u);
  EXPECT_EQ(load("").conflicts, 28u);
  LineCount swizzled =
      load("and.b32 %r6, %r0, 7; shl.b32 %r6, %r6, 4; xor.b32 %r1, %r1, %r6;");
  EXPECT_EQ(swizzled.wavefronts, 4u);
  EXPECT_EQ(swizzled.conflicts, 0u);
}

TEST(Count, SectorsOfGlobalMemory) {
  auto load = [](unsigned stride, unsigned offset) {
    Device device;
    Arguments arguments;
    arguments.add(device.upload(std::vector<float>(8192), "x"));
    Report report = runBlock(
        module(".param .u64 x",
               ".reg .b32 %r0; .reg .b64 %d<2>; .reg .f32 %f0; ld.param.u64 "
               "%d0, [x]; mov.u32 %r0, %tid.x; mul.wide.u32 %d1, %r0, " +
                   std::to_string(stride) +
                   "; add.u64 %d0, %d0, %d1; ld.global.f32 %f0, [%d0+" +
                   std::to_string(offset) + "];"),
        32, 0, arguments, &device);
    EXPECT_TRUE(report.ok()) << report.text();
    return report.sum("ld.global");
  };
  EXPECT_EQ(load(4, 0).sectors, 4u);
  EXPECT_EQ(load(4, 16).sectors, 5u);
  EXPECT_EQ(load(4, 16).sectorsNeeded, 4u);
  EXPECT_EQ(load(32, 0).sectors, 32u);
  EXPECT_EQ(load(0, 0).sectors, 1u);
  EXPECT_EQ(load(512, 0).requests, 1u);
}

} // namespace
