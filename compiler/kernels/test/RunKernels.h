// For tests: runs a function as the product does (layouts, kernels, object
// code) and as the evaluator does, and compares the two.
#pragma once

#include "compiler/target/cpu/CodeVersion.h"
#include "dialects/nn/reference/Array.h"
#include <functional>
#include <memory>
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
/// bools. With an `attention` strategy (as of --attention) ops stand alone, and
/// the fusion stage makes their groups; the evaluator runs them as they are.
/// `adjust` may put other values into the inputs.
Comparison compareWithEvaluator(
    const std::string &text, const std::vector<Symbols> &symbols, unsigned seed,
    target::cpu::CodeVersion version, const std::string &attention = "",
    const std::function<void(llvm::MutableArrayRef<nn::Array>)> &adjust = {});

/// A module made ready once, to be timed: its launches on buffers in memory.
class PreparedModule {
public:
  /// Arguments as of compareWithEvaluator. Null after errors, which go to
  /// stderr.
  static std::unique_ptr<PreparedModule>
  make(const std::string &text, const Symbols &symbols, unsigned seed,
       target::cpu::CodeVersion version, const std::string &attention);
  virtual ~PreparedModule() = default;

  /// Runs all launches in order, on this thread.
  virtual void run() = 0;
  /// Bytes of what the launches leave for others, and of their scratch.
  int64_t bytes = 0, scratchBytes = 0;
};

} // namespace attune::kernels::testing
