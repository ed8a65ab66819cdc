// What buildGradients is judged by. A program of tests is linked with one of
//  - CheckByDifferences: central differences, in double precision
//  - CheckByKernels of compiler/kernels/test: kernels for f32, by the evaluator
#pragma once

#include "compiler/differentiate/Derivatives.h"
#include "compiler/differentiate/Formula.h"
#include "compiler/target/common/testing/Draws.h"
#include "dialects/nn/reference/Evaluator.h"
#include "mlir/IR/OwningOpRef.h"
#include <gtest/gtest.h>
#include <variant>

namespace attune::differentiate {

/// One dim of an input: an extent, or a symbol, whose extent is drawn.
using TestDim = std::variant<int, const char *>;

/// What the values of an input are drawn from.
enum class Domain {
  Any,      ///< both signs, all distinct, none near 0
  Positive, ///< above 0.5
  Bool,
  Index, ///< below `limit`
};

struct TestInput {
  std::vector<TestDim> shape;
  Domain domain = Domain::Any;
  int64_t limit = 0;
  /// Whether its gradient is asked for.
  bool isSource = true;
};

/// Builds the function under test: its results from its inputs.
using Build = std::function<llvm::SmallVector<mlir::Value>(
    Site &site, llvm::ArrayRef<Expr> inputs)>;

class DifferencesTest : public testing::Test,
                        protected target::common::testing::Draws {
protected:
  DifferencesTest();

  /// Judges the gradients of a random combination of the results.
  void check(llvm::ArrayRef<TestInput> inputs, const Build &build);
  /// The element type of floats.
  mlir::Type realType();
  /// The extent of a symbol in this test.
  int64_t extentOf(const char *symbol);
  /// Puts values where the test wants them, after they are drawn.
  std::function<void(llvm::MutableArrayRef<nn::Array>)> adjust;

  mlir::MLIRContext context;

private:
  struct Functions {
    mlir::OwningOpRef<mlir::ModuleOp> module;
    /// (inputs) -> results, and (inputs, cotangents of the results) ->
    /// gradients.
    mlir::func::FuncOp forward, backward;
  };
  void checkShapes(llvm::ArrayRef<TestInput> inputs, const Build &build,
                   bool isDynamic);
  Functions buildFunctions(llvm::ArrayRef<TestInput> inputs, const Build &build,
                           bool isDynamic);
  llvm::SmallVector<nn::Array> drawInputs(llvm::ArrayRef<TestInput> inputs);
  nn::Array drawCotangent(const nn::Array &like);

  llvm::StringMap<int64_t> extents;
};

/// All kinds that take so many operands.
std::vector<nn::ElementwiseKind> kindsOf(unsigned arity);
/// Whether a kind has slope zero wherever it has one, or is not for floats.
bool hasNoSlope(nn::ElementwiseKind kind);

/// max |a - b| / max |b|, or against 1e-4 if b is smaller everywhere.
double relativeError(const nn::Array &a, const nn::Array &b);

} // namespace attune::differentiate
