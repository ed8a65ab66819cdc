//===- Cases.h - the groups that are timed ----------------------*- C++ -*-===//
#pragma once
#include "compiler/target/common/testing/GroupTest.h"

namespace attune::bench {

struct Case {
  const char *name;
  target::common::testing::GroupSpec spec;
  std::vector<std::pair<const char *, int64_t>> symbols = {};
  /// Reads single elements from all over its first input.
  bool scatters = false;
  /// Reduces the first axis of its first input, a matrix.
  bool readsDown = false;
};

std::vector<Case> cases();

} // namespace attune::bench
