//===- Draws.h - what tests draw at random ----------------------*- C++ -*-===//
#pragma once
#include <cstdio>
#include <cstdlib>
#include <random>

namespace attune::target::common::testing {

/// A generator seeded by ATTUNE_TEST_SEED or, if that is not set, anew; the
/// seed is printed, so that a failure can be repeated.
inline std::mt19937 seededRandom() {
  const char *given = std::getenv("ATTUNE_TEST_SEED");
  unsigned seed = given ? std::atoi(given) : std::random_device()();
  std::printf("ATTUNE_TEST_SEED=%u\n", seed);
  return std::mt19937(seed);
}

/// A base of fixtures: each test has a generator of its own.
class Draws {
protected:
  int64_t draw(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }
  std::mt19937 random = seededRandom();
};

} // namespace attune::target::common::testing
