//===- DivergenceTest.cpp - lanes that part and meet ----------------------===//
//
// What each lane computes must not depend on the others, and lanes must be
// together again where the assembler would join them: warp-wide instructions
// tell. Random control flow is compared with running each lane by itself.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/test/Support.h"
#include <functional>
#include <memory>
#include <random>

using namespace attune::gpusim;
using namespace attune::gpusim::test;

namespace {

/// %out of a body that has %lane, and %x to work with.
std::vector<uint64_t> run(const std::string &body) {
  Lanewise setup;
  setup.registers = ".reg .b32 %x<8>; .reg .pred %q<8>;";
  return runLanewise(setup, "mov.b32 %out, 0;" + body);
}

/// All lanes are here; else an error.
const std::string kTogether = "activemask.b32 %x7; setp.ne.u32 %q7, %x7, -1; "
                              "@%q7 trap;\n";

TEST(Divergence, NestedBranchesJoin) {
  auto got = run(R"(
    and.b32 %x0, %lane, 1; setp.eq.u32 %q0, %x0, 0;
    and.b32 %x1, %lane, 2; setp.eq.u32 %q1, %x1, 0;
    @%q0 bra EVEN;
    add.u32 %out, %out, 1;
    @%q1 bra JOIN1; add.u32 %out, %out, 10; JOIN1:
    activemask.b32 %x2; setp.ne.u32 %q2, %x2, 0xaaaaaaaa; @%q2 trap;
    bra JOIN;
    EVEN: add.u32 %out, %out, 2;
    @!%q1 bra OTHER; add.u32 %out, %out, 100; bra JOIN2;
    OTHER: add.u32 %out, %out, 200;
    JOIN2: activemask.b32 %x2; setp.ne.u32 %q2, %x2, 0x55555555; @%q2 trap;
    JOIN: )" + kTogether);
  for (unsigned lane = 0; lane < 32; ++lane)
    EXPECT_EQ(got[lane],
              lane & 1 ? 1 + (lane & 2 ? 10 : 0) : 2 + (lane & 2 ? 200 : 100));
}

TEST(Divergence, LoopsOfDifferentLengths) {
  auto got = run(R"(
    mov.b32 %x0, 0;
    LOOP: setp.ge.u32 %q0, %x0, %lane; @%q0 bra DONE;
    mov.b32 %x1, 0;
    INNER: add.u32 %out, %out, 1; add.u32 %x1, %x1, 1;
    setp.lt.u32 %q1, %x1, %x0; @%q1 bra INNER;
    add.u32 %x0, %x0, 1; bra LOOP;
    DONE: )" + kTogether);
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned want = 0;
    for (unsigned i = 0; i < lane; ++i)
      want += std::max(i, 1u);
    EXPECT_EQ(got[lane], want);
  }
}

/// A loop that some lanes leave in the middle (break) and others skip parts of
/// (continue).
TEST(Divergence, BreakAndContinue) {
  auto got = run(R"(
    mov.b32 %x0, 0;
    LOOP: add.u32 %x0, %x0, 1;
    setp.gt.u32 %q0, %x0, 10; @%q0 bra DONE;
    add.u32 %x1, %x0, %lane; and.b32 %x2, %x1, 3;
    setp.eq.u32 %q1, %x2, 0; @%q1 bra LOOP;
    add.u32 %out, %out, %x1;
    setp.gt.u32 %q2, %out, 100; @!%q2 bra LOOP;
    DONE: )" + kTogether);
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned want = 0;
    for (unsigned i = 1; i <= 10 && want <= 100; ++i)
      want += (i + lane) % 4 ? i + lane : 0;
    EXPECT_EQ(got[lane], want);
  }
}

/// Lanes that returned are gone; those left meet without them.
TEST(Divergence, EarlyReturn) {
  EXPECT_TRUE(runBody(R"(
    setp.gt.u32 %p0, %r0, 20; @%p0 ret;
    and.b32 %r1, %r0, 1; setp.eq.u32 %p1, %r1, 0; @%p1 bra EVEN;
    setp.eq.u32 %p2, %r0, 7; @%p2 exit;
    bra JOIN;
    EVEN: nanosleep.u32 1;
    JOIN: activemask.b32 %r2; setp.ne.u32 %p3, %r2, 0x1fff7f; @%p3 trap;)",
                      32)
                  .ok());
}

TEST(Divergence, TablesOfLabels) {
  auto got = run(R"(
    rem.u32 %x0, %lane, 3;
    TABLE: .branchtargets ZERO, ONE, TWO;
    brx.idx %x0, TABLE;
    ZERO: add.u32 %out, %lane, 100; bra.uni JOIN;
    ONE: add.u32 %out, %lane, 200; bra.uni JOIN;
    TWO: add.u32 %out, %lane, 300;
    JOIN: )" + kTogether);
  for (unsigned lane = 0; lane < 32; ++lane)
    EXPECT_EQ(got[lane], lane + 100 * (lane % 3 + 1));
  EXPECT_TRUE(failsWith(runBody("T: .branchtargets A; mov.b32 %r1, 1; brx.idx "
                                "%r1, T; A: ret;",
                                32),
                        ErrorKind::OutOfBounds, "index 1 of a table of 1"));
}

TEST(Divergence, WarpWideInstructionsWithoutAllLanes) {
  const std::string body = "setp.lt.u32 %p0, %r0, 31; mov.b32 %r1, smem; "
                           "@!%p0 bra END;\n";
  for (const std::string instruction :
       {"ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r2}, [%r1];",
        "movmatrix.sync.aligned.m8n8.trans.b16 %r2, %r0;",
        "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%f0, %f1, %f2, "
        "%f3}, {%r0, %r0}, {%r0}, {%f0, %f1, %f2, %f3};",
        "shfl.sync.bfly.b32 %r2, %r0, 1, 31, -1;",
        "vote.sync.ballot.b32 %r2, %p0, -1;",
        "redux.sync.add.u32 %r2, %r0, -1;", "match.any.sync.b32 %r2, %r0, -1;"})
    EXPECT_TRUE(failsWith(
        runBody(body + instruction + "\nEND: nanosleep.u32 1;", 32, 256),
        ErrorKind::InactiveLanes))
        << instruction;
}

/// Random structured programs, as text and as a function of the lane.
class RandomProgram {
public:
  explicit RandomProgram(uint32_t seed) : random(seed) { block(3); }
  std::string text;
  uint32_t evaluate(uint32_t lane) {
    uint32_t out = 0;
    bool gone = false;
    body(lane, out, gone);
    return out;
  }

private:
  using Step = std::function<void(uint32_t, uint32_t &, bool &)>;

  std::string label() { return "L" + std::to_string(labels++); }
  /// Sets %q0 to a condition that depends on lane and %out.
  Step condition(bool &holds) {
    uint32_t mask = 1 + random() % 31, limit = random() % (mask + 1);
    text += "add.u32 %x0, %lane, %out; and.b32 %x0, %x0, " +
            std::to_string(mask) + "; setp.lt.u32 %q0, %x0, " +
            std::to_string(limit) + ";\n";
    return [=, &holds](uint32_t lane, uint32_t &out, bool &) {
      holds = ((lane + out) & mask) < limit;
    };
  }
  void block(unsigned depth) {
    std::vector<Step> steps;
    for (unsigned n = 1 + random() % 4; n > 0; --n)
      steps.push_back(step(depth));
    body = [steps](uint32_t lane, uint32_t &out, bool &gone) {
      for (const Step &each : steps)
        if (!gone)
          each(lane, out, gone);
    };
  }
  Step step(unsigned depth) {
    switch (depth ? random() % 4 : 0) {
    default: {
      uint32_t factor = random() % 7 + 1, term = random() % 100;
      text += "mad.lo.u32 %out, %out, " + std::to_string(factor) + ", " +
              std::to_string(term) + ";\n";
      return
          [=](uint32_t, uint32_t &out, bool &) { out = out * factor + term; };
    }
    case 1: { // if and else
      auto holds = std::make_shared<bool>();
      Step test = condition(*holds);
      std::string other = label(), join = label();
      text += "@!%q0 bra " + other + ";\n";
      block(depth - 1);
      Step first = body;
      text += "bra " + join + ";\n" + other + ":\n";
      block(depth - 1);
      Step second = body;
      text += join + ":\n";
      return [=](uint32_t lane, uint32_t &out, bool &gone) {
        test(lane, out, gone);
        (*holds ? first : second)(lane, out, gone);
      };
    }
    case 2: { // a loop of as many rounds as the lane says
      uint32_t mask = random() % 4;
      std::string counter = "%c" + std::to_string(counters++), loop = label(),
                  done = label();
      text += "and.b32 " + counter + ", %lane, " + std::to_string(mask) +
              ";\n" + loop + ": setp.eq.u32 %q0, " + counter +
              ", 0; @%q0 bra " + done + ";\n";
      block(depth - 1);
      Step round = body;
      text += "sub.u32 " + counter + ", " + counter + ", 1; bra " + loop +
              ";\n" + done + ":\n";
      return [=](uint32_t lane, uint32_t &out, bool &gone) {
        for (uint32_t i = lane & mask; i && !gone; --i)
          round(lane, out, gone);
      };
    }
    case 3: { // leave for good
      auto holds = std::make_shared<bool>();
      Step test = condition(*holds);
      text += "@%q0 bra OUT;\n";
      return [=](uint32_t lane, uint32_t &out, bool &gone) {
        test(lane, out, gone);
        gone = *holds;
      };
    }
    }
  }

  std::mt19937 random;
  Step body;
  unsigned labels = 0, counters = 0;
};

TEST(Divergence, RandomPrograms) {
  for (uint32_t i = 0; i < 200; ++i) {
    RandomProgram program(uint32_t(testSeed()) + i);
    auto got = run(".reg .b32 %c<99>;\n" + program.text + "OUT: " + kTogether);
    for (uint32_t lane = 0; lane < 32; ++lane)
      ASSERT_EQ(got[lane], program.evaluate(lane)) << program.text;
  }
}

} // namespace
