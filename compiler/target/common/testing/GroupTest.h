//===- GroupTest.h - a fixture for tests of groups --------------*- C++ -*-===//
//
// Writes the text of a function that is one group, draws its inputs from a
// printed seed (ATTUNE_TEST_SEED repeats one), and compares the compiled code
// with the evaluation in double precision, for every code version that can run
// here and for several orders of the work, whose results must be equal bit by
// bit.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/testing/Draws.h"
#include "compiler/target/common/testing/Groups.h"
#include <gtest/gtest.h>
#include <random>

namespace attune::target::common::testing {

/// A tensor of the test: dims as in #nn.shape, separated by commas ("B, S, 64";
/// empty: rank 0), and an element type.
struct TensorSpec {
  std::string dims, element = "f32";
  /// How inputs are drawn: normal(0, spread) or integers in [low, high].
  double spread = 1, low = -9, high = 9;

  std::string type() const;
};

struct GroupSpec {
  std::string kind; ///< row, map
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> results;
  /// Ops on %0, %1, ... that define %r0, %r1, ...; @0, @1, ... stand for the
  /// types of inputs, $0, $1, ... for those of results.
  std::string body;
};

std::string textOf(const GroupSpec &spec);

/// An input, of the extents that its symbols have.
nn::Array drawArray(mlir::MLIRContext &context, const TensorSpec &spec,
                    const llvm::StringMap<int64_t> &symbols,
                    std::mt19937 &random);

class GroupTest : public ::testing::TestWithParam<TestTarget>, protected Draws {
protected:
  /// Values of the symbols from now on.
  void bind(std::initializer_list<std::pair<const char *, int64_t>> values);
  /// Relative error of each result at most `tolerance`; integers are equal.
  void check(const GroupSpec &spec, double tolerance = 2e-6);
  /// The same for each binding of the symbols, compiled once.
  void check(const GroupSpec &spec,
             llvm::ArrayRef<llvm::StringMap<int64_t>> bindings,
             double tolerance = 2e-6);

  llvm::StringMap<int64_t> symbols;
};

inline std::string
targetName(const ::testing::TestParamInfo<TestTarget> &info) {
  return info.param.name;
}

} // namespace attune::target::common::testing
