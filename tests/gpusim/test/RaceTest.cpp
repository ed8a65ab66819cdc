//===- RaceTest.cpp - accesses to shared memory without order -------------===//
//
// Pairs of accesses with and without what orders them. A race is reported
// whichever of the two warps happened to come first, so every case is run with
// many seeds.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/test/Support.h"

using namespace attune::gpusim;
using namespace attune::gpusim::test;

namespace {

/// Runs with `threads` and 64 KiB under several seeds; all must agree.
void expectRace(bool race, const std::string &body, unsigned threads = 64) {
  std::string text = module(
      "",
      ".reg .b32 %r<16>; .reg .b16 %h<4>; .reg .pred %p<8>;\n"
      "mov.u32 %r0, %tid.x; shr.u32 %r1, %r0, 5; and.b32 %r2, %r0, 31;\n"
      "shl.b32 %r3, %r0, 2; setp.eq.u32 %p0, %r1, 0; setp.eq.u32 %p1, %r1, "
      "1;\nmov.b16 %h0, 1;\n" +
          body,
      ".extern .shared .align 16 .b8 smem[];\n");
  for (uint64_t i = 0; i < 20; ++i) {
    Device device({.seed = testSeed() + i});
    std::string error;
    const LoadedModule *module = device.load(text, error);
    ASSERT_TRUE(module) << error;
    Report report = device.launch(
        *module, "k", {.block = Shape(threads), .dynamicShared = 1 << 16}, {});
    if (race)
      ASSERT_TRUE(failsWith(report, ErrorKind::Race, "no barrier since"))
          << body;
    else
      ASSERT_TRUE(report.ok()) << report.text() << "\n" << body;
  }
}

TEST(Race, WriteThenReadOfAnotherWarp) {
  std::string write = "st.shared.b32 [%r3], %r0;\n", barrier = "bar.sync 0;\n",
              read = "xor.b32 %r4, %r3, 128; ld.shared.b32 %r5, [%r4];\n";
  expectRace(false, write + barrier + read);
  // Which of the two is wrong depends on the order: a race or nothing written.
  std::string both = "@%p0 st.shared.b32 [%r3], %r0;\n" + barrier;
  expectRace(true, both + "@%p0 st.shared.b32 [%r3], %r0;\n"
                          "and.b32 %r4, %r3, 127; ld.shared.b32 %r5, [%r4];");
}

TEST(Race, ReadThenWriteOfAnotherWarp) {
  std::string setup = "st.shared.b32 [%r3], %r0; bar.sync 0;\n",
              read = "@%p0 ld.shared.b32 %r5, [%r3];\n",
              write = "and.b32 %r4, %r3, 127; @%p1 st.shared.b32 [%r4], %r0;";
  expectRace(true, setup + read + write);
  expectRace(false, setup + read + "bar.sync 0;\n" + write);
}

TEST(Race, TwoWriters) {
  expectRace(true, "mov.b32 %r4, 0; setp.eq.u32 %p2, %r2, 0; @%p2 "
                   "st.shared.b32 [%r4], %r1;");
  expectRace(true, "mov.b32 %r4, 0; st.shared.b32 [%r4], %r2;", 32);
}

/// Neighbouring bytes of one word are no race; the same byte is one.
TEST(Race, BytesApart) {
  std::string two = "shl.b32 %r4, %r1, 1; setp.eq.u32 %p2, %r2, 0;\n"
                    "@%p2 st.shared.b16 [%r4], %h0;\n";
  expectRace(false, two);
  expectRace(false, two + "@%p2 ld.shared.b16 %h1, [%r4];\n");
  expectRace(true, "setp.eq.u32 %p2, %r2, 0; shl.b32 %r4, %r1, 1;\n"
                   "@%p2 st.shared.b16 [%r4], %h0;\n"
                   "mov.b32 %r5, 3; @%p2 st.shared.b8 [%r5], %h0;\n");
}

/// Each warp reads a byte of its own; then one writes what the other read.
TEST(Race, BytesReadByOthers) {
  std::string reads = "setp.eq.u32 %p2, %r0, 0; mov.b32 %r4, 0;\n"
                      "@%p2 st.shared.b32 [%r4], 0; bar.sync 0;\n"
                      "ld.shared.b8 %h1, [%r1];\n"
                      "setp.eq.u32 %p3, %r0, 32;\n",
              write = "@%p3 st.shared.b8 [%r4], %h0;\n";
  expectRace(true, reads + write);
  expectRace(false, reads + "bar.sync 0;\n" + write);
  expectRace(false, reads + "@%p3 st.shared.b8 [%r4+1], %h0;\n");
}

/// Lanes of one warp are not ordered by the program alone.
TEST(Race, WithinAWarp) {
  std::string exchange = "st.shared.b32 [%r3], %r0;\n";
  std::string read = "xor.b32 %r4, %r3, 4; ld.shared.b32 %r5, [%r4];";
  expectRace(true, exchange + read, 32);
  expectRace(false, exchange + "bar.warp.sync -1;\n" + read, 32);
  expectRace(false, exchange + "ld.shared.b32 %r5, [%r3];", 32);
}

TEST(Race, Atomics) {
  std::string zero = "setp.eq.u32 %p2, %r0, 0; mov.b32 %r4, 0;\n"
                     "@%p2 st.shared.b32 [%r4], 0; bar.sync 0;\n";
  std::string add = "red.shared.add.u32 [%r4], 1;\n";
  expectRace(false, zero + add);
  expectRace(true, zero + add + "@%p1 ld.shared.b32 %r5, [%r4];");
  expectRace(true, zero + add + "@%p2 st.shared.b32 [%r4], 3;");
  expectRace(false, zero + add + "bar.sync 0; ld.shared.b32 %r5, [%r4];");
}

/// Producer and consumer with bar.arrive: the producer may run ahead, the
/// consumer may not.
TEST(Race, NamedBarriersOrderOneWay) {
  std::string produce = "@%p1 bra CONSUME;\n st.shared.b32 [%r3], %r0;\n",
              consume = "bra END;\nCONSUME:\n",
              read = "and.b32 %r4, %r3, 127; ld.shared.b32 %r5, [%r4];\nEND:";
  expectRace(false, produce + "bar.arrive 1, 64;\n" + consume +
                        "bar.sync 1, 64;\n" + read);
  // What the producer does after it arrived is not ordered.
  expectRace(true, "st.shared.b32 [%r3], %r0; bar.sync 0;\n" + produce +
                       "bar.arrive 1, 64;\n st.shared.b32 [%r3], %r0;\n" +
                       consume + "bar.sync 1, 64;\n" + read);
}

/// Order that goes through a third warp holds; another pair's barrier does not.
TEST(Race, OrderIsTransitive) {
  std::string chain = R"(
    setp.eq.u32 %p2, %r1, 2;
    @%p1 bra SECOND; @%p2 bra THIRD;
    st.shared.b32 [%r3], %r0; bar.sync 1, 64; bra END;
    SECOND: bar.sync 1, 64; bar.sync 2, 64; bra END;
    THIRD: )";
  std::string read = "shl.b32 %r4, %r2, 2; ld.shared.b32 %r5, [%r4]; END:";
  expectRace(false, chain + "bar.sync 2, 64;\n" + read, 96);
  std::string wrong = "st.shared.b32 [%r3], %r0; bar.sync 0;\n" + chain;
  expectRace(true,
             wrong + read +
                 " bra OUT; OUT: setp.eq.u32 %p3, %r1, 2; "
                 "@%p3 bar.sync 2, 64;",
             96);
}

/// The report names both parties.
TEST(Race, ReportNamesTheOther) {
  Report report = runBody(
      "setp.lt.u32 %p0, %r0, 32; mov.b32 %r1, 0;\n@%p0 bra FIRST;\n"
      "st.shared.b32 [%r1+64], %r0; bra END;\nFIRST:\nEND: bar.sync 0;\n"
      "ld.shared.b32 %r2, [%r1+64];",
      33, 128);
  EXPECT_TRUE(report.ok()) << report.text();
  report = runBody("mov.b32 %r1, 0;\nst.shared.b32 [%r1], %r0;", 2, 128);
  EXPECT_TRUE(failsWith(report, ErrorKind::Race,
                        "write by warp 0 lane 0, byte 0 of shared memory, in "
                        "line 11: st.shared.b32 [%r1], %r0;"));
}

} // namespace
