//===- CodeObjectTest.cpp - loaded kernels --------------------------------===//
#include "runtime/core/CodeObject.h"
#include "runtime/testing/TestPackage.h"
#include <gtest/gtest.h>

using namespace attune;
using namespace attune::core;

namespace {

// The system's loader takes two objects opened by one path for one object; a
// second model in a process then ran the first one's code.
TEST(CodeObject, TwoLoadedAtOnceAreTwo) {
  std::vector<char> code = attune::testing::testKernels();
  auto bytes = std::as_bytes(std::span(code));
  CodeObject first, second;
  ASSERT_FALSE(CodeObject::load(bytes, first));
  ASSERT_FALSE(CodeObject::load(bytes, second));
  cpu::Task a = nullptr, b = nullptr;
  ASSERT_FALSE(first.find("fill", a));
  ASSERT_FALSE(second.find("fill", b));
  EXPECT_NE(a, b);
}

TEST(CodeObject, AMissingKernelIsNamed) {
  std::vector<char> code = attune::testing::testKernels();
  CodeObject object;
  ASSERT_FALSE(CodeObject::load(std::as_bytes(std::span(code)), object));
  cpu::Task task = nullptr;
  EXPECT_EQ(
      object.find("nowhere", task).message(),
      "the plan names kernel \"nowhere\", which the code does not export");
}

} // namespace
