//===- WarpTest.cpp - what lanes tell each other; atomics -----------------===//
//
// Shuffles against the manual's pseudo code, votes, matches and reductions
// against plain loops, atomics against doing them one after the other.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/machine/Numbers.h"
#include "tests/gpusim/test/Support.h"
#include <functional>
#include <random>

using namespace attune::gpusim;
using namespace attune::gpusim::test;

namespace {

using V = uint64_t;

std::vector<V> draw(uint32_t bits, uint32_t salt) {
  std::mt19937_64 random(testSeed() + salt);
  std::vector<V> out(32);
  for (V &value : out)
    value = random() & ((V(1) << bits) - 1);
  return out;
}

std::vector<V> run(const std::vector<std::vector<V>> &in,
                   const std::string &body) {
  Lanewise setup;
  setup.inputs = in;
  setup.registers = ".reg .pred %q<4>; .reg .b32 %x<8>;";
  return runLanewise(setup, body);
}

/// The manual's pseudo code of shfl, as it is written there.
std::pair<unsigned, bool> shuffleSource(const std::string &mode, unsigned lane,
                                        unsigned b, unsigned c) {
  unsigned bval = b & 0x1f, cval = c & 0x1f, mask = c >> 8 & 0x1f;
  int maxLane = int((lane & mask) | (cval & ~mask & 0x1f));
  int minLane = int(lane & mask);
  int j = 0;
  bool pval = false;
  if (mode == "up")
    j = int(lane) - int(bval), pval = j >= maxLane;
  else if (mode == "down")
    j = int(lane + bval), pval = j <= maxLane;
  else if (mode == "bfly")
    j = int(lane ^ bval), pval = j <= maxLane;
  else
    j = minLane | int(bval & ~mask), pval = j <= maxLane;
  return {pval ? unsigned(j) : lane, pval};
}

TEST(Warp, ShufflesOfEveryKindAndWidth) {
  auto value = draw(32, 0), step = draw(5, 1);
  for (const std::string mode : {"up", "down", "bfly", "idx"})
    for (unsigned width : {32u, 16u, 8u, 4u}) {
      // As CUDA's __shfl builds c.
      unsigned c = (32 - width) << 8 | (mode == "up" ? 0 : 31);
      std::string shuffle = "shfl.sync." + mode + ".b32 %x0|%q0, %in0, %in1, " +
                            std::to_string(c) + ", -1; ";
      auto got = run({value, step}, shuffle + "mov.b32 %out, %x0;");
      auto valid = run({value, step}, shuffle + "selp.b32 %out, 1, 0, %q0;");
      for (unsigned lane = 0; lane < 32; ++lane) {
        auto [from, inRange] =
            shuffleSource(mode, lane, unsigned(step[lane]), c);
        EXPECT_EQ(got[lane], value[from]) << mode << width << " " << lane;
        EXPECT_EQ(valid[lane], V(inRange));
      }
    }
}

TEST(Warp, ShuffleWithinItsMembers) {
  const std::string lower = "setp.lt.u32 %p0, %r0, 16; @!%p0 bra END;\n",
                    end = "\nEND: nanosleep.u32 1;";
  EXPECT_TRUE(
      runBody(lower + "shfl.sync.bfly.b32 %r1, %r0, 8, 31, 0xffff;" + end, 32)
          .ok());
  EXPECT_TRUE(failsWith(
      runBody(lower + "shfl.sync.bfly.b32 %r1, %r0, 16, 31, 0xffff;" + end, 32),
      ErrorKind::InactiveLanes, "reads lane"));
  EXPECT_TRUE(failsWith(
      runBody(lower + "shfl.sync.idx.b32 %r1, %r0, 0, 31, 0xff;" + end, 32),
      ErrorKind::InactiveLanes, "not in its own member mask"));
  EXPECT_TRUE(failsWith(
      runBody("setp.lt.u32 %p0, %r0, 31; selp.b32 %r2, 0x7fffffff, -1, %p0;\n"
              "shfl.sync.idx.b32 %r1, %r0, 0, 31, %r2;",
              32),
      ErrorKind::InactiveLanes, "different member masks"));
}

TEST(Warp, Votes) {
  auto value = draw(1, 2);
  V ballot = 0;
  for (unsigned lane = 0; lane < 32; ++lane)
    ballot |= value[lane] << lane;
  const std::string set = "setp.ne.u32 %q0, %in0, 0; ";
  auto got = run({value}, set + "vote.sync.ballot.b32 %out, %q0, -1;");
  auto inverse = run({value}, set + "vote.sync.ballot.b32 %out, !%q0, -1;");
  auto any = run({value}, set + "vote.sync.any.pred %q1, %q0, -1; selp.b32 "
                                "%out, 1, 0, %q1;");
  auto all = run({value}, set + "vote.sync.all.pred %q1, %q0, -1; selp.b32 "
                                "%out, 1, 0, %q1;");
  for (unsigned lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(got[lane], ballot);
    EXPECT_EQ(inverse[lane], ballot ^ 0xffffffff);
    EXPECT_EQ(any[lane], V(ballot != 0));
    EXPECT_EQ(all[lane], V(ballot == 0xffffffff));
  }
}

TEST(Warp, MatchReduxElect) {
  auto value = draw(2, 3);
  auto any = run({value}, "match.any.sync.b32 %out, %in0, -1;");
  auto elected = run({value}, "elect.sync %x0|%q0, -1; selp.b32 %out, 1, 0, "
                              "%q0;");
  for (unsigned lane = 0; lane < 32; ++lane) {
    V want = 0;
    for (unsigned other = 0; other < 32; ++other)
      want |= V(value[other] == value[lane]) << other;
    EXPECT_EQ(any[lane], want);
    EXPECT_EQ(elected[lane], V(lane == 0));
  }
  auto wide = draw(32, 4);
  const std::pair<const char *, std::function<uint32_t(uint32_t, uint32_t)>>
      operations[] = {
          {"add.u32", [](uint32_t a, uint32_t b) { return a + b; }},
          {"min.u32", [](uint32_t a, uint32_t b) { return std::min(a, b); }},
          {"max.s32",
           [](uint32_t a, uint32_t b) {
             return uint32_t(std::max(int32_t(a), int32_t(b)));
           }},
          {"xor.b32", [](uint32_t a, uint32_t b) { return a ^ b; }}};
  for (const auto &[name, operation] : operations) {
    uint32_t want = uint32_t(wide[0]);
    for (unsigned lane = 1; lane < 32; ++lane)
      want = operation(want, uint32_t(wide[lane]));
    EXPECT_EQ(
        run({wide}, std::string("redux.sync.") + name + " %out, %in0, -1;")[9],
        want)
        << name;
  }
}

struct Atomic {
  const char *name, *type;
  std::function<V(V old, V b)> apply; ///< on bits
};

float f(V bits) { return f32FromBits(uint32_t(bits)); }

/// Each lane adds to one of three cells; old values and what is left must be
/// those of some order of the lanes.
TEST(Atomics, OneAfterTheOther) {
  const Atomic rows[] = {
      {"add", "u32", [](V a, V b) { return uint32_t(a + b); }},
      {"min", "s32",
       [](V a, V b) { return uint32_t(std::min(int32_t(a), int32_t(b))); }},
      {"max", "u32", [](V a, V b) { return std::max(a, b); }},
      {"and", "b32", [](V a, V b) { return a & b; }},
      {"or", "b32", [](V a, V b) { return a | b; }},
      {"xor", "b32", [](V a, V b) { return a ^ b; }},
      {"exch", "b32", [](V, V b) { return b; }},
      {"inc", "u32", [](V a, V b) { return a >= b ? 0 : a + 1; }},
      {"dec", "u32", [](V a, V b) { return a == 0 || a > b ? b : a - 1; }},
      {"add", "f32", [](V a, V b) { return bitsOfF32(f(a) + f(b)); }}};
  for (const Atomic &row : rows) {
    auto value = draw(row.type[0] == 'f' ? 29 : 32, 5);
    // inc and dec wrap at the operand, so that it must be near the cell.
    if (std::string(row.name).ends_with("c"))
      for (unsigned lane = 0; lane < 32; ++lane)
        value[lane] = 0x3f800000 + (lane < 3 ? 0 : value[lane] % 4);
    std::string instruction = std::string("atom.shared.") + row.name + "." +
                              row.type + " %x0, [%x1], %in0; ";
    std::string body = ".shared .align 4 .b32 cells[3];\n"
                       "rem.u32 %x1, %lane, 3; shl.b32 %x1, %x1, 2; "
                       "mov.b32 %x2, cells; add.u32 %x1, %x1, %x2; "
                       "setp.lt.u32 %q0, %lane, 3; "
                       "@%q0 st.shared.b32 [%x1], 0x3f800000; "
                       "bar.warp.sync -1;\n";
    auto old = run({value}, body + instruction + "mov.b32 %out, %x0;");
    auto left = run({value}, body + instruction +
                                 "bar.warp.sync -1; ld.shared.b32 %out, "
                                 "[%x1];");
    V cells[3] = {0x3f800000, 0x3f800000, 0x3f800000};
    for (unsigned lane = 0; lane < 32; ++lane) {
      EXPECT_EQ(old[lane], cells[lane % 3]) << row.name << row.type;
      cells[lane % 3] = row.apply(cells[lane % 3], value[lane]);
    }
    for (unsigned lane = 0; lane < 32; ++lane)
      EXPECT_EQ(left[lane], cells[lane % 3]) << row.name << row.type;
  }
}

TEST(Atomics, CompareAndSwapAndPairs) {
  auto swapped = run({}, R"(
    .shared .align 4 .b32 cell; setp.eq.u32 %q0, %lane, 0;
    @%q0 st.shared.b32 [cell], 7; bar.warp.sync -1;
    add.u32 %x0, %lane, 7; add.u32 %x1, %lane, 8;
    atom.shared.cas.b32 %out, [cell], %x0, %x1;)");
  for (unsigned lane = 0; lane < 32; ++lane)
    EXPECT_EQ(swapped[lane], lane + 7); // each finds what the one before left
  auto halves = run({}, R"(
    .shared .align 4 .b32 cell; setp.eq.u32 %q0, %lane, 0;
    @%q0 st.shared.b32 [cell], 0x3c004000; bar.warp.sync -1;
    mov.b32 %x0, 0x3c003800; red.shared.add.noftz.f16x2 [cell], %x0;
    bar.warp.sync -1; ld.shared.b32 %out, [cell];)");
  EXPECT_EQ(halves[3], 0x50204c80u); // 1 + 32 and 2 + 16
}

TEST(Atomics, SixteenBits) {
  const std::string cell = ".shared .align 4 .b16 cell[2]; .reg .b16 %h<4>; "
                           "setp.eq.u32 %q0, %lane, 0;\n@%q0 st.shared.b16 "
                           "[cell+2], ",
                    read = "bar.warp.sync -1; ld.shared.b16 %h2, [cell+2]; "
                           "cvt.u32.u16 %out, %h2;";
  auto half = run({}, cell +
                          "0x3c00; bar.warp.sync -1; mov.b16 %h0, 0x3800; "
                          "atom.shared.add.noftz.f16 %h1, [cell+2], %h0; " +
                          read);
  EXPECT_EQ(half[7], 0x4c40u); // 1 + 32 / 2
  auto swapped = run({}, cell +
                             "5; bar.warp.sync -1; atom.shared.cas.b16 %h1, "
                             "[cell+2], 5, 9; " +
                             read);
  EXPECT_EQ(swapped[7], 9u);
}

/// atom.add.f32 flushes in global memory only.
TEST(Atomics, SubnormalsInGlobalMemory) {
  Device device;
  uint64_t cells = device.upload(std::vector<uint32_t>{1, 0}, "cells");
  std::string text = test::module(
      ".param .u64 x",
      ".shared .align 4 .b32 s; .reg .b64 %d0; .reg .f32 %f<4>; ld.param.u64 "
      "%d0, [x]; mov.b32 %f0, 0f00000002; red.global.add.f32 [%d0], %f0; "
      "st.shared.b32 [s], 1; red.shared.add.f32 [s], %f0; ld.shared.b32 %f1, "
      "[s]; st.global.b32 [%d0+4], %f1;");
  Report report = runBlock(text, 1, 0, Arguments().add(cells), &device);
  ASSERT_TRUE(report.ok()) << report.text();
  EXPECT_EQ(device.download<uint32_t>(cells, 2), (std::vector<uint32_t>{0, 3}));
}

/// All threads of all CTAs count on one cell of global memory.
TEST(Atomics, GlobalAcrossBlocks) {
  Device device({.seed = testSeed(), .residentCtas = 3});
  uint64_t cell = device.upload(std::vector<uint64_t>{5}, "cell");
  std::string error;
  const LoadedModule *module = device.load(
      test::module(".param .u64 x", ".reg .b64 %d0; ld.param.u64 %d0, [x]; "
                                    "red.global.add.u64 [%d0], 3;"),
      error);
  ASSERT_TRUE(module) << error;
  Report report =
      device.launch(*module, "k", {.grid = Shape(7, 2), .block = Shape(48, 2)},
                    Arguments().add(cell));
  ASSERT_TRUE(report.ok()) << report.text();
  EXPECT_EQ(device.download<uint64_t>(cell, 1)[0], 5u + 3 * 14 * 96);
}

} // namespace
