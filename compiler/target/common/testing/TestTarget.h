//===- TestTarget.h - what runs the kernels of a test -----------*- C++ -*-===//
//
// Tests of kernels are written once for all targets. A target's testing library
// says how its code is run; a test program is linked with one of them.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/testing/KernelArguments.h"
#include <memory>
#include <ostream>
#include <string>

namespace attune::target::common::testing {

/// Kernels as the product compiles them.
class RunnableKernels {
public:
  virtual ~RunnableKernels() = default;
  /// Runs all work items of a kernel. `order` decides what the target leaves
  /// open: how items are cut into tasks, or which come first. False after an
  /// error, which goes to stderr: above all, an access outside of a buffer or
  /// of scratch.
  virtual bool run(const std::string &name,
                   const std::vector<Argument> &arguments, uint64_t order) = 0;
};

/// One code version of a target.
struct TestTarget {
  std::string name;    ///< for names of test cases: "v3", "sm_80"
  std::string machine; ///< as compiler/kernels has it
  /// How its errors end: "on the CPU".
  std::string place;
  bool hasF16 = true, hasBF16 = true;
  /// Whether it knows an element type.
  bool has(llvm::StringRef element) const {
    return element == "f16" ? hasF16 : element != "bf16" || hasBF16;
  }
  /// From text. Null after errors, which go to stderr.
  std::unique_ptr<RunnableKernels> (*compile)(const std::string &text,
                                              const std::string &machine);
};

/// All that can run here: each target's testing library has its own.
const std::vector<TestTarget> &testTargets();

/// For the reports of GoogleTest.
inline void PrintTo(const TestTarget &target, std::ostream *stream) {
  *stream << target.name;
}

} // namespace attune::target::common::testing
