//===- CompiledGroups.h - nn groups, compiled and run -----------*- C++ -*-===//
//
// For tests: takes a module whose @main consists of nn.group ops, makes kernels
// of them (build-kernels), compiles these for one code version, and runs the
// launches on buffers in memory, in chunks that take turns among workers. The
// same function is evaluated in double precision beside it. Buffers lie between
// guards.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cpu/testing/CompiledKernels.h"
#include "dialects/nn/reference/Evaluator.h"
#include "mlir/IR/MLIRContext.h"

namespace attune::target::cpu::testing {

class CompiledGroups {
public:
  /// Null after errors, which go to stderr.
  static std::unique_ptr<CompiledGroups> compile(const std::string &text,
                                                 CodeVersion version);

  mlir::MLIRContext &context() { return *owner; }
  /// The object file, for tests of the code itself.
  const std::vector<char> &object() const { return kernels->object(); }

  /// Results of the compiled kernels. `chunk`: work items of one call. With
  /// `inPlace` a launch's result lies where its `in_place` input lay. Fails
  /// after an error, or if memory outside a result or the scratch was written.
  mlir::FailureOr<std::vector<nn::Array>>
  run(llvm::ArrayRef<nn::Array> inputs, int64_t chunk, bool inPlace = false);
  /// Results in double precision.
  mlir::FailureOr<llvm::SmallVector<nn::Array>>
  evaluate(llvm::ArrayRef<nn::Array> inputs);

  /// The call of a function that is one launch, for timing, on buffers of its
  /// own; it stays valid as long as this object. `bytes`: what the launch reads
  /// and writes.
  mlir::FailureOr<CompiledKernels::Call>
  prepareOnly(llvm::ArrayRef<nn::Array> inputs, int64_t &bytes);

private:
  struct Buffer;
  using Buffers = llvm::DenseMap<mlir::Value, Buffer>;
  CompiledGroups() = default;
  mlir::func::FuncOp mainOf(mlir::ModuleOp module) {
    return module.lookupSymbol<mlir::func::FuncOp>("main");
  }
  mlir::FailureOr<llvm::StringMap<int64_t>>
  bind(llvm::ArrayRef<nn::Array> inputs, Buffers &buffers);
  CompiledKernels::Call prepare(nn::LaunchOp op,
                                const llvm::StringMap<int64_t> &symbols,
                                Buffers &buffers, bool inPlace);
  mlir::LogicalResult launch(nn::LaunchOp op,
                             const llvm::StringMap<int64_t> &symbols,
                             Buffers &buffers, int64_t chunk, bool inPlace);

  std::unique_ptr<mlir::MLIRContext> owner;
  mlir::OwningOpRef<mlir::ModuleOp> source, lowered;
  std::unique_ptr<CompiledKernels> kernels;
  std::vector<std::shared_ptr<void>> kept; ///< of prepareOnly
};

/// max |a - b| / max |b| over all elements; integers and bools: the number of
/// elements that differ. A NaN or infinity must be one in both.
double errorOf(const nn::Array &computed, const nn::Array &expected);

} // namespace attune::target::cpu::testing
