// The double-precision evaluator: what every nn op means, as straightforward
// code. It is the reference of `attune diff`, the folder of constants and what
// computes derived weights; its own tests are closed forms and invariants.
#pragma once

#include "dialects/nn/NN.h"
#include "dialects/nn/reference/Array.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

namespace attune::nn {
class Evaluator;
} // namespace attune::nn

#include "dialects/nn/reference/EvaluateInterface.h.inc"

namespace attune::nn {

/// Attaches the evaluation models to the nn dialect.
void registerEvaluators(mlir::DialectRegistry &registry);

/// Values of the symbols of `dims` under a concrete shape. Fails, with an error
/// at `location`, where the shape does not fit.
mlir::LogicalResult bindSymbols(mlir::Location location,
                                llvm::ArrayRef<Dims> dims,
                                llvm::ArrayRef<Extents> shapes,
                                llvm::StringMap<int64_t> &symbols);

/// Runs functions and computes weights of one module. Not thread-safe; the
/// module must outlive it and not change.
class Evaluator {
public:
  explicit Evaluator(mlir::ModuleOp module);

  /// Called with each value once it is known, for `diff`.
  using Observer = std::function<void(mlir::Value, const Array &)>;

  /// Runs a function on inputs of the right element types. Symbols are bound
  /// from the inputs' shapes. Errors are diagnostics of the op concerned.
  mlir::FailureOr<llvm::SmallVector<Array>> run(mlir::func::FuncOp function,
                                                llvm::ArrayRef<Array> inputs,
                                                Observer observer = nullptr);

  /// The value of a weight, computed by its init region if it has one. Not
  /// kept: a caller that needs it twice holds it.
  mlir::FailureOr<Array> weight(WeightOp weight);
  mlir::FailureOr<Array> weight(llvm::StringRef name, mlir::Operation *user);

  /// The concrete extents of a type under the bound symbols.
  mlir::FailureOr<Extents> extents(mlir::RankedTensorType type,
                                   mlir::Operation *user);
  mlir::FailureOr<Extents> extents(llvm::ArrayRef<DimAttr> dims,
                                   mlir::Operation *user);

  /// Evaluates a block up to its terminator and gives the terminator's
  /// operands.
  mlir::FailureOr<llvm::SmallVector<Array>>
  runBlock(mlir::Block &block, llvm::ArrayRef<Array> arguments);

private:
  mlir::FailureOr<llvm::SmallVector<Array>> runOp(mlir::Operation &op);

  mlir::SymbolTable weights;
  llvm::StringMap<int64_t> symbols;
  llvm::DenseMap<mlir::Value, Array> values;
  llvm::DenseMap<WeightOp, Array> derived;
  int derivedDepth = 0;
  Observer observer;
};

/// The value of `op` if all its operands are constants (arith.constant) and the
/// result has at most `maxElements` elements; used to fold in storage type.
std::optional<llvm::SmallVector<mlir::DenseElementsAttr>>
foldToConstants(mlir::Operation *op, int64_t maxElements);

} // namespace attune::nn
