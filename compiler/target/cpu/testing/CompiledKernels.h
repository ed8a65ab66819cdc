//===- CompiledKernels.h - tile kernels, compiled and callable --*- C++ -*-===//
//
// For tests and benchmarks: takes kernels as text, compiles them for one code
// version exactly as the product does, links and loads the object, and calls a
// kernel on buffers in memory. Scratch is given out filled with NaN and checked
// for writes beyond its end.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/testing/TestTarget.h"
#include "compiler/target/cpu/CodeVersion.h"
#include "dialects/tile/Tile.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <memory>
#include <string>
#include <vector>

namespace attune::target::cpu::testing {

/// The code versions that this machine can run.
std::vector<CodeVersion> runnableVersions();
/// A code version, which this machine may be able to run or not, as tests of
/// all targets have it.
common::testing::TestTarget targetOf(CodeVersion version);

using common::testing::Argument;

class CompiledKernels : public common::testing::RunnableKernels {
public:
  /// Null after errors, which go to stderr.
  static std::unique_ptr<CompiledKernels> compile(const std::string &text,
                                                  CodeVersion version);
  ~CompiledKernels() override;

  /// In chunks of one to three items that take turns among workers; all at once
  /// if `order` is 0.
  bool run(const std::string &name, const std::vector<Argument> &arguments,
           uint64_t order) override;

  /// Prepares a call: slots, scratch for `workers` workers, the size of the
  /// grid.
  struct Call {
    using Function = void (*)(const int64_t *, int64_t, int64_t, int64_t);
    Function function;
    std::vector<int64_t> slots;
    std::vector<char> scratch;
    int64_t items = 0, scratchBytes = 0;

    void run(int64_t begin, int64_t end, int64_t worker = 0) const {
      function(slots.data(), worker, begin, end);
    }
    /// All items, in chunks of `chunk`, taking turns among workers.
    void runAll(int64_t chunk = 1 << 30, int64_t workers = 1) const;
    /// Whether nothing was written beyond the scratch.
    bool scratchIsIntact() const;
  };
  Call prepare(const std::string &name, const std::vector<Argument> &arguments,
               int64_t workers = 1);

  /// The object file, for tests of the code itself.
  const std::vector<char> &object() const { return bytes; }

private:
  CompiledKernels() = default;

  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<char> bytes;
  void *library = nullptr;
};

} // namespace attune::target::cpu::testing
