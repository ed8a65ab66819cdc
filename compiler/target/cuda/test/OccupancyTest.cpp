//===- OccupancyTest.cpp - the rule of residency --------------------------===//
//
// Each limit in turn is what decides, one step on either side of it. The
// rule gives what cuda_occupancy.h of CUDA 13.0 gives.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cuda/Occupancy.h"
#include <gtest/gtest.h>

using namespace attune::target::cuda;

namespace {

constexpr int64_t kKiB = 1024;
const Machine &ampere() { return *Machine::find("sm_80"); }
const Machine &hopper() { return *Machine::find("sm_90a"); }

TEST(Occupancy, Blocks) {
  EXPECT_EQ(residentBlocks(ampere(), {32, 16, 0}), 32);
  EXPECT_EQ(residentBlocks(ampere(), {64, 16, 0}), 32);
}

TEST(Occupancy, Threads) {
  EXPECT_EQ(residentBlocks(ampere(), {128, 32, 0}), 16);
  EXPECT_EQ(residentBlocks(ampere(), {1024, 32, 0}), 2);
  // 33 threads are two warps.
  EXPECT_EQ(residentBlocks(ampere(), {96, 16, 0}), 21);
  EXPECT_EQ(residentBlocks(ampere(), {65, 16, 0}), 21);
}

TEST(Occupancy, Registers) {
  // 128 registers: four warps in each part; 129 count as 136: three.
  EXPECT_EQ(residentBlocks(ampere(), {128, 128, 0}), 4);
  EXPECT_EQ(residentBlocks(ampere(), {128, 129, 0}), 3);
  EXPECT_EQ(residentBlocks(ampere(), {128, 168, 0}), 3);
  EXPECT_EQ(residentBlocks(ampere(), {128, 169, 0}), 2);
  EXPECT_EQ(residentBlocks(ampere(), {256, 255, 0}), 1);
  EXPECT_EQ(residentBlocks(ampere(), {512, 129, 0}), 0);
  EXPECT_EQ(residentBlocks(ampere(), {128, 256, 0}), 0);
}

TEST(Occupancy, SharedMemory) {
  EXPECT_EQ(residentBlocks(ampere(), {128, 32, 81 * kKiB}), 2);
  EXPECT_EQ(residentBlocks(ampere(), {128, 32, 81 * kKiB + 1}), 1);
  EXPECT_EQ(residentBlocks(ampere(), {128, 32, 163 * kKiB}), 1);
  EXPECT_EQ(residentBlocks(ampere(), {128, 32, 163 * kKiB + 1}), 0);
  EXPECT_EQ(residentBlocks(hopper(), {128, 32, 113 * kKiB}), 2);
  EXPECT_EQ(residentBlocks(hopper(), {128, 32, 227 * kKiB}), 1);
}

TEST(Occupancy, IsAShareOfAllWarps) {
  EXPECT_DOUBLE_EQ(occupancy(ampere(), {128, 128, 0}), 0.25);
  EXPECT_DOUBLE_EQ(occupancy(ampere(), {128, 32, 163 * kKiB}), 0.0625);
}

} // namespace
