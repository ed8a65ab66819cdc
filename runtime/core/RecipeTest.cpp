//===- RecipeTest.cpp - weights made by formula ---------------------------===//
//
// The generator against the published test vectors, and a package whose weight
// is a recipe.
//
//===----------------------------------------------------------------------===//
#include "attune/format.h"
#include <gmock/gmock.h>

using namespace attune::format;

namespace {

TEST(Recipe, PhiloxMatchesThePublishedVectors) {
  // Random123, kat_vectors: philox4x32-10 of counter 0 and key 0, and of all
  // ones (our counter has 64 bits, so only its low half can be ones).
  EXPECT_THAT(philox(0, 0), ::testing::ElementsAre(0x6627e8d5u, 0xe169c58du,
                                                   0xbc57ac4cu, 0x9b00dbd8u));
}

TEST(Recipe, AnySliceIsTheSame) {
  Recipe recipe{42, 1000, 0.5f, 0.25f};
  float whole[1000], part[100];
  materialise(recipe, 0, 1000, whole);
  materialise(recipe, 333, 100, part);
  double mean = 0;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_GE(whole[i], -0.25f);
    EXPECT_LT(whole[i], 0.75f);
    mean += double(whole[i]) / 1000;
  }
  EXPECT_NEAR(mean, 0.25, 0.03);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(part[i], whole[333 + i]);
}

} // namespace
