// For tests: runs a function as the product does (layouts, kernels, object
// code) and as the evaluator does, and compares the two.
#pragma once

#include "compiler/target/cpu/CodeVersion.h"
#include "dialects/nn/reference/Array.h"
#include <string>
#include <vector>

namespace attune::kernels::testing {

struct Comparison {
  /// max |kernel - evaluator| / max |evaluator| over all outputs; infinite
  /// where the kernel gives NaN and the evaluator does not.
  double error = 0;
  unsigned kernels = 0, launches = 0;
  /// What went wrong before there was a result; also: writes beyond a buffer, a
  /// result that depends on how work was divided, a grid or scratch that is not
  /// the kernel's.
  std::string failure;
};

using Symbols = std::vector<std::pair<std::string, int64_t>>;

/// `text` is a module with @main. It is compiled once and run with each of
/// `symbols`; inputs are drawn from `seed`: floats in -1..1, integers below 8,
/// bools.
Comparison compareWithEvaluator(const std::string &text,
                                const std::vector<Symbols> &symbols,
                                unsigned seed,
                                target::cpu::CodeVersion version);

} // namespace attune::kernels::testing
