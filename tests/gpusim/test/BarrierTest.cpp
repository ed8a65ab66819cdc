//===- BarrierTest.cpp - barriers, deadlocks, endless loops ---------------===//
//
// Right and wrong uses of bar and barrier.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/test/Support.h"

using namespace attune::gpusim;
using namespace attune::gpusim::test;

namespace {

TEST(Barrier, CountsThatDoNotFit) {
  EXPECT_TRUE(runBody("bar.sync 3, 64;", 64).ok());
  EXPECT_TRUE(runBody("bar.sync 0;", 40).ok());
  EXPECT_TRUE(failsWith(runBody("bar.sync 0, 48;", 64),
                        ErrorKind::BarrierMisuse, "no multiple of 32"));
  EXPECT_TRUE(failsWith(runBody("bar.sync 0, 128;", 64),
                        ErrorKind::BarrierMisuse, "the block has 64"));
  EXPECT_TRUE(failsWith(runBody("bar.sync 16;", 64), ErrorKind::BarrierMisuse,
                        "no barrier 16"));
  EXPECT_TRUE(failsWith(runBody("setp.lt.u32 %p0, %r0, 32; selp.b32 %r1, 64, "
                                "96, %p0; bar.sync 1, %r1;",
                                96),
                        ErrorKind::BarrierMisuse, "where line"));
  EXPECT_TRUE(failsWith(runBody("bar.sync %r0;", 32), ErrorKind::BarrierMisuse,
                        "different barriers"));
}

/// bar is for all lanes of a warp; barrier may be reached by parts of it.
TEST(Barrier, PartsOfAWarp) {
  std::string half = "and.b32 %r1, %r0, 1; setp.eq.u32 %p0, %r1, 0;\n"
                     "@%p0 bra EVEN;\n";
  EXPECT_TRUE(failsWith(runBody(half + "bar.sync 0; bra END; EVEN: bar.sync 0; "
                                       "END:",
                                64),
                        ErrorKind::BarrierMisuse, "do not take part"));
  EXPECT_TRUE(runBody(half + "barrier.sync 0; bra END; EVEN: barrier.sync 0; "
                             "END:",
                      64)
                  .ok());
}

TEST(Barrier, WhoLeftIsNotWaitedForSilently) {
  std::string body = "setp.ge.u32 %p0, %r0, 32; @%p0 ret; bar.sync 0;";
  EXPECT_TRUE(failsWith(runBody(body, 64), ErrorKind::BarrierMisuse,
                        "32 of 64 threads; 32 threads have returned"));
  EXPECT_TRUE(runBody(body, 32).ok());
  // Lanes of the same warp that returned are gone; the others are all there
  // is of the warp, but the barrier still lacks them.
  EXPECT_TRUE(failsWith(runBody("setp.eq.u32 %p0, %r0, 5; @%p0 ret; bar.sync "
                                "0;",
                                32),
                        ErrorKind::BarrierMisuse, "1 threads have returned"));
}

TEST(Barrier, Deadlocks) {
  // Two warps wait at barriers of their own.
  EXPECT_TRUE(failsWith(runBody("shr.u32 %r1, %r0, 5; bar.sync %r1;", 64),
                        ErrorKind::Deadlock, "32 of 64 threads"));
  // Each waits for what the other does later.
  EXPECT_TRUE(failsWith(
      runBody("setp.lt.u32 %p0, %r0, 32; @%p0 bra A;\nbar.sync 1, 64; "
              "bar.arrive 2, 64; bra END;\nA: bar.sync 2, 64; bar.arrive 1, "
              "64;\nEND:",
              64),
      ErrorKind::Deadlock, "barrier 2"));
  // A barrier in one side of a branch that the other never reaches.
  EXPECT_TRUE(failsWith(runBody("setp.lt.u32 %p0, %r0, 32; @%p0 bra END; "
                                "barrier.sync 0; END: bar.sync 1;",
                                64),
                        ErrorKind::Deadlock));
}

/// The hardware would count one warp for two.
TEST(Barrier, ArrivingTwice) {
  EXPECT_TRUE(failsWith(runBody("shr.u32 %r1, %r0, 5; setp.eq.u32 %p0, %r1, 0; "
                                "setp.eq.u32 %p1, %r1, 3; @%p1 ret; @%p0 bra "
                                "A;\nbar.sync 1, 128; ret;\nA: bar.arrive 1, "
                                "128; bar.arrive 1, 128;",
                                128),
                        ErrorKind::BarrierMisuse, "a second time"));
}

TEST(Barrier, Reductions) {
  EXPECT_TRUE(runBody(R"(
    setp.lt.u32 %p0, %r0, 20;
    bar.red.popc.u32 %r1, 0, %p0;
    setp.ne.u32 %p1, %r1, 20; @%p1 trap;
    bar.red.or.pred %p2, 0, %p0; @!%p2 trap;
    bar.red.and.pred %p2, 0, %p0; @%p2 trap;
    bar.red.and.pred %p2, 0, !%p1; @!%p2 trap;
    bar.red.popc.u32 %r1, 1, 64, !%p0;
    setp.ne.u32 %p1, %r1, 44; @%p1 trap;)",
                      64)
                  .ok());
}

/// A lane that spins until another lane of its warp writes: sides take turns.
TEST(Barrier, SpinLockOfOneWarp) {
  EXPECT_TRUE(runBody(R"(
    mov.b32 %r1, smem; setp.eq.u32 %p0, %r0, 0;
    @%p0 st.shared.b32 [%r1], 0; bar.warp.sync -1;
    @%p0 bra WRITER;
    SPIN: atom.shared.add.u32 %r2, [%r1], 0; setp.eq.u32 %p1, %r2, 0;
    @%p1 bra SPIN; bra END;
    WRITER: atom.shared.exch.b32 %r3, [%r1], 1;
    END: bar.warp.sync -1;)",
                      32, 64)
                  .ok());
}

TEST(Barrier, EndlessLoop) {
  Device device({.maxInstructions = 10000});
  EXPECT_TRUE(
      failsWith(runBlock(module("", "LOOP: bra LOOP;"), 32, 0, {}, &device),
                ErrorKind::TooManyInstructions, "10000"));
}

} // namespace
