// The files of golden/, and a model whose weights have the values that PyTorch
// had.
#pragma once

#include "dialects/nn/reference/Evaluator.h"
#include "frontends/dsl/Import.h"
#include "runtime/tools/TensorFiles.h"

namespace attune::golden {

/// Arguments and results of rank 0, by name.
using Scalars = std::map<std::string, double>;

/// What make_golden.py wrote for one model. Names are those of the arrays:
/// "set.width", "input.tokens", "output.logits", "loss"...
class Golden {
public:
  /// Fails the test where the file is no golden file.
  explicit Golden(const std::string &name);

  std::string name; ///< "gpt"
  tools::NamedTensors arrays;

  bool has(const std::string &array) const { return arrays.contains(array); }
  /// An array in double precision or as integers, of `element` type.
  nn::Array array(const std::string &array, mlir::Type element) const;
  double number(const std::string &array) const;
  /// The params of the model as the file has them; `more` come on top.
  std::vector<std::pair<std::string, std::string>> settings(
      const std::vector<std::pair<std::string, std::string>> &more = {}) const;

  std::string path() const; ///< of examples/models/NAME.attn
  std::string text() const; ///< of that file
  /// The settings that give whatever dropout the model has this rate.
  std::vector<std::pair<std::string, std::string>>
  dropout(const std::string &rate) const;

  /// Imports examples/models/NAME.attn. With values, every weight has that of
  /// make_golden.py's parameter().
  mlir::OwningOpRef<mlir::ModuleOp> import(
      mlir::MLIRContext &context, bool values = true,
      const std::vector<std::pair<std::string, std::string>> &more = {}) const;
  /// The arrays for a function's arguments by their `nn.name`; those in `given`
  /// first.
  llvm::SmallVector<nn::Array> arguments(mlir::func::FuncOp function,
                                         const Scalars &given = {}) const;
};

/// make_golden.py's parameter(): a weight's elements from its name.
std::vector<float> parameter(llvm::StringRef name,
                             llvm::ArrayRef<int64_t> shape);

/// A context in which nn modules can be evaluated.
std::unique_ptr<mlir::MLIRContext> makeContext();

/// max |a - b| / max |b|
double distance(const nn::Array &a, const nn::Array &b);

/// Runs a function of the module; fails the test if it cannot.
llvm::SmallVector<nn::Array> evaluate(mlir::ModuleOp module,
                                      llvm::StringRef function,
                                      llvm::ArrayRef<nn::Array> inputs);

} // namespace attune::golden
