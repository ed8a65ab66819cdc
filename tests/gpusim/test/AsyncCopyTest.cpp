//===- AsyncCopyTest.cpp - cp.async ---------------------------------------===//
//
// What it copies, and that the target is nobody's until it was waited for, and
// only the waiting lane's until a barrier.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/test/Support.h"

using namespace attune::gpusim;
using namespace attune::gpusim::test;

namespace {

/// 64 threads copy 16 bytes each of 0, 1, 2... to 16 * tid; %r1 is that
/// address, %d0 the source, %d1 where 64 words of results go.
struct Outcome {
  Report report;
  std::vector<uint32_t> out;
};
Outcome run(const std::string &body, unsigned threads = 64) {
  Device device;
  std::vector<uint32_t> values(1024);
  for (uint32_t i = 0; i < values.size(); ++i)
    values[i] = i;
  uint64_t out = device.upload(std::vector<uint32_t>(64, 99), "out");
  Arguments arguments;
  arguments.add(device.upload(values, "x")).add(out);
  Outcome result;
  result.report = runBlock(
      module(
          ".param .u64 x, .param .u64 y",
          ".reg .b32 %r<8>; .reg .b64 %d<8>; .reg .pred %p<4>;\n"
          "ld.param.u64 %d0, [x]; ld.param.u64 %d1, [y]; mov.u32 %r0, "
          "%tid.x;\nmul.wide.u32 %d2, %r0, 4; add.u64 %d1, %d1, %d2; "
          "mul.wide.u32 %d2, %r0, 16; add.u64 %d0, %d0, %d2;\n"
          "mov.b32 %r1, smem; shl.b32 %r2, %r0, 4; add.u32 %r1, %r1, %r2;\n" +
              body,
          ".extern .shared .align 16 .b8 smem[];\n"),
      threads, 4096, arguments, &device);
  result.out = device.download<uint32_t>(out, 64);
  return result;
}

const std::string kCopy = "cp.async.cg.shared.global [%r1], [%d0], 16;\n",
                  kCommit = "cp.async.commit_group;\n",
                  kWait = "cp.async.wait_group 0;\n",
                  kOwn = "ld.shared.b32 %r4, [%r1+4]; st.global.b32 [%d1], "
                         "%r4;\n",
                  kOther = "xor.b32 %r5, %r1, 512; ld.shared.b32 %r4, [%r5]; "
                           "st.global.b32 [%d1], %r4;\n";

TEST(AsyncCopy, LandsForTheLaneThenForAll) {
  Outcome own = run(kCopy + kCommit + kWait + kOwn);
  ASSERT_TRUE(own.report.ok()) << own.report.text();
  Outcome other = run(kCopy + kCommit + kWait + "bar.sync 0;\n" + kOther);
  ASSERT_TRUE(other.report.ok()) << other.report.text();
  for (uint32_t i = 0; i < 64; ++i) {
    EXPECT_EQ(own.out[i], 4 * i + 1);
    EXPECT_EQ(other.out[i], 4 * (i ^ 32));
  }
}

TEST(AsyncCopy, PoisonedUntilWaitedFor) {
  EXPECT_TRUE(failsWith(run(kCopy + kCommit + kOwn).report, ErrorKind::InFlight,
                        "has not landed"));
  // A barrier is no wait.
  EXPECT_TRUE(failsWith(run(kCopy + kCommit + "bar.sync 0;\n" + kOwn).report,
                        ErrorKind::InFlight));
  EXPECT_TRUE(failsWith(
      run(kCopy + kCommit + "st.shared.b32 [%r1], 0;\n" + kWait).report,
      ErrorKind::InFlight, "write to the target"));
  EXPECT_TRUE(failsWith(run(kCopy + kCopy + kCommit + kWait).report,
                        ErrorKind::InFlight));
}

TEST(AsyncCopy, OthersNeedABarrier) {
  Report report = run(kCopy + kCommit + kWait + kOther).report;
  EXPECT_TRUE(failsWith(report, ErrorKind::Race) ||
              failsWith(report, ErrorKind::InFlight) ||
              failsWith(report, ErrorKind::Uninitialised))
      << report.text();
}

/// wait_group n waits for all but the newest n groups.
TEST(AsyncCopy, GroupsLandInOrder) {
  std::string two = kCopy + kCommit +
                    "cp.async.ca.shared.global [%r1+1024], [%d0], 16;\n" +
                    kCommit + "cp.async.wait_group 1;\n";
  std::string second = "ld.shared.b32 %r4, [%r1+1024];\n";
  EXPECT_TRUE(run(two + kOwn + kWait + second).report.ok());
  EXPECT_TRUE(failsWith(run(two + second + kWait).report, ErrorKind::InFlight));
}

TEST(AsyncCopy, UncommittedAndUnfinished) {
  EXPECT_TRUE(failsWith(run(kCopy + kWait).report, ErrorKind::UnfinishedCopy,
                        "was not waited for: cp.async.cg"));
  EXPECT_TRUE(run(kCopy + "cp.async.wait_all;\n" + kOwn).report.ok());
  EXPECT_TRUE(
      failsWith(run(kCopy + kCommit).report, ErrorKind::UnfinishedCopy));
}

/// A smaller source fills up with zeros and reads nothing beyond it.
TEST(AsyncCopy, ZeroFill) {
  for (unsigned bytes : {0u, 4u, 8u, 12u, 16u}) {
    for (unsigned word = 0; word < 4; ++word) {
      Outcome result =
          run("mov.b32 %r3, " + std::to_string(bytes) +
              "; cp.async.cg.shared.global [%r1], [%d0], 16, %r3;\n" + kCommit +
              kWait + "ld.shared.b32 %r4, [%r1+" + std::to_string(4 * word) +
              "]; st.global.b32 [%d1], %r4;");
      ASSERT_TRUE(result.report.ok()) << result.report.text();
      EXPECT_EQ(result.out[5], 4 * word < bytes ? 20 + word : 0);
    }
  }
  // Past the end of x, but nothing is read there.
  EXPECT_TRUE(run("add.u64 %d0, %d0, 4096; mov.b32 %r3, 0; "
                  "cp.async.cg.shared.global [%r1], [%d0], 16, %r3; "
                  "cp.async.wait_all;")
                  .report.ok());
  EXPECT_TRUE(failsWith(run("add.u64 %d0, %d0, 4096; "
                            "cp.async.cg.shared.global [%r1], [%d0], 16; "
                            "cp.async.wait_all;")
                            .report,
                        ErrorKind::OutOfBounds, "past the end of x"));
}

TEST(AsyncCopy, PredicateToIgnoreTheSource) {
  Outcome result =
      run("setp.lt.u32 %p0, %r0, 3; cp.async.ca.shared.global [%r1], "
          "[%d0], 8, %p0; cp.async.wait_all; ld.shared.b32 %r4, "
          "[%r1+4]; st.global.b32 [%d1], %r4;");
  ASSERT_TRUE(result.report.ok()) << result.report.text();
  for (uint32_t i = 0; i < 64; ++i)
    EXPECT_EQ(result.out[i], i < 3 ? 0 : 4 * i + 1);
}

TEST(AsyncCopy, SizesAndAlignment) {
  EXPECT_THAT(loadError(module("", ".reg .b64 %d0; .reg .b32 %r0; "
                                   "cp.async.cg.shared.global [%r0], [%d0], "
                                   "8;")),
              testing::HasSubstr("4, 8 or 16 bytes, .cg 16 only"));
  EXPECT_TRUE(
      failsWith(run("add.u32 %r1, %r1, 8; " + kCopy + kCommit + kWait).report,
                ErrorKind::Misaligned, "of shared memory"));
  EXPECT_TRUE(
      failsWith(run("add.u64 %d0, %d0, 8; " + kCopy + kCommit + kWait).report,
                ErrorKind::Misaligned, "of x (4096 bytes)"));
}

} // namespace
