//===- Groups.h - nn groups, compiled and run -------------------*- C++ -*-===//
//
// For tests: takes a module whose @main consists of nn.group ops, makes kernels
// of them (build-kernels), compiles these for one target, and runs the launches
// on buffers in memory. The same function is evaluated in double precision
// beside it. Buffers lie between guards.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/testing/TestTarget.h"
#include "dialects/nn/reference/Evaluator.h"
#include "mlir/IR/MLIRContext.h"

namespace attune::target::common::testing {

class Groups {
public:
  /// Null after errors, which go to stderr.
  static std::unique_ptr<Groups> compile(const std::string &text,
                                         const TestTarget &target);

  mlir::MLIRContext &context() { return *owner; }
  RunnableKernels &code() { return *kernels; }
  /// Kernels that the launch with most of them has to choose from.
  unsigned variants();

  /// How launches are made.
  struct Options {
    uint64_t order = 0; ///< of the work: see RunnableKernels::run
    /// A launch's result lies where its `in_place` input lay.
    bool inPlace = false;
    /// Elements by which tensors begin behind an aligned address.
    int64_t shift = 0;
    /// Which kernel of launches that have several, counted round.
    unsigned variant = 0;
  };
  /// Results of the compiled kernels. Fails after an error, or if memory
  /// outside a result was written.
  mlir::FailureOr<std::vector<nn::Array>> run(llvm::ArrayRef<nn::Array> inputs,
                                              Options options);
  /// Results in double precision.
  mlir::FailureOr<llvm::SmallVector<nn::Array>>
  evaluate(llvm::ArrayRef<nn::Array> inputs);

  /// A launch with its buffers.
  struct Call {
    std::string kernel;
    std::vector<Argument> arguments;
    int64_t grid; ///< as the launch has it
  };
  /// The call of a function that is one launch, for timing; its buffers live as
  /// long as this object. `bytes`: what the launch reads and writes.
  mlir::FailureOr<Call> prepareOnly(llvm::ArrayRef<nn::Array> inputs,
                                    int64_t &bytes);

private:
  struct Buffer;
  using Buffers = llvm::DenseMap<mlir::Value, Buffer>;
  Groups() = default;
  mlir::func::FuncOp mainOf(mlir::ModuleOp module) {
    return module.lookupSymbol<mlir::func::FuncOp>("main");
  }
  mlir::FailureOr<llvm::StringMap<int64_t>>
  bind(llvm::ArrayRef<nn::Array> inputs, Buffers &buffers, int64_t shift);
  Call prepare(nn::LaunchOp op, const llvm::StringMap<int64_t> &symbols,
               Buffers &buffers, Options options);
  mlir::LogicalResult launch(nn::LaunchOp op,
                             const llvm::StringMap<int64_t> &symbols,
                             Buffers &buffers, Options options);

  std::unique_ptr<mlir::MLIRContext> owner;
  mlir::OwningOpRef<mlir::ModuleOp> source, lowered;
  std::unique_ptr<RunnableKernels> kernels;
  std::vector<std::shared_ptr<void>> kept; ///< of prepareOnly
};

/// max |a - b| / max |b| over all elements; integers and bools: the number of
/// elements that differ. A NaN or infinity must be one in both.
double errorOf(const nn::Array &computed, const nn::Array &expected);

} // namespace attune::target::common::testing
