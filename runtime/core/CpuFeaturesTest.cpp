//===- CpuFeaturesTest.cpp - features and masks ---------------------------===//
//
// Masks work on any machine; detection is compared with the compiler's own.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/CpuFeatures.h"
#include "attune/format.h"
#include <gtest/gtest.h>

using namespace attune;
using namespace attune::core;

namespace {

TEST(CpuFeatures, AgreesWithTheCompilersBuiltin) {
  uint64_t features = detectCpuFeatures();
  __builtin_cpu_init();
  EXPECT_EQ(bool(features & format::Sse42),
            bool(__builtin_cpu_supports("sse4.2")));
  EXPECT_EQ(bool(features & format::Avx2),
            bool(__builtin_cpu_supports("avx2")));
  EXPECT_EQ(bool(features & format::Fma), bool(__builtin_cpu_supports("fma")));
  EXPECT_EQ(bool(features & format::Bmi2),
            bool(__builtin_cpu_supports("bmi2")));
  EXPECT_EQ(bool(features & format::Avx512f),
            bool(__builtin_cpu_supports("avx512f")));
  EXPECT_EQ(bool(features & format::Avx512vl),
            bool(__builtin_cpu_supports("avx512vl")));
  EXPECT_EQ(bool(features & format::Avx512vnni),
            bool(__builtin_cpu_supports("avx512vnni")));
}

TEST(CpuFeatures, LevelMaskKeepsALevel) {
  uint64_t features = format::kX86V4 | format::Avx512vnni;
  ASSERT_FALSE(applyCpuMask("x86-64-v3", features));
  EXPECT_EQ(features, format::kX86V3);
  EXPECT_STREQ(featureLevel(features), "x86-64-v3");
  ASSERT_FALSE(applyCpuMask("x86-64", features));
  EXPECT_EQ(features, 0u);
  EXPECT_STREQ(featureLevel(features), "x86-64");
}

TEST(CpuFeatures, WhatBuildsOnADroppedFeatureGoesToo) {
  uint64_t features = format::kX86V4;
  ASSERT_FALSE(applyCpuMask("fma", features));
  EXPECT_EQ(features & (format::Fma | format::Avx512f | format::Avx512vl), 0u);
  EXPECT_TRUE(features & format::Avx2);
  features = format::kX86V4;
  ASSERT_FALSE(applyCpuMask("avx512vl,bmi2", features));
  EXPECT_EQ(features, format::kX86V4 & ~(format::Avx512vl | format::Bmi2));
}

TEST(CpuFeatures, UnknownWordsAreErrors) {
  uint64_t features = format::kX86V4;
  Error error = applyCpuMask("avx2,avx9", features);
  ASSERT_TRUE(error);
  EXPECT_EQ(error.message().substr(0, 46),
            "CPU mask: unknown feature or level \"avx9\"; kno");
  EXPECT_EQ(features, format::kX86V4);
}

} // namespace
