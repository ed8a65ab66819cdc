// Runs a package through the C API, with the evaluator's arrays in and out:
// what compare, diff and bench share.
#pragma once

#include "attune/attune.h"
#include "dialects/nn/reference/Array.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"
#include <memory>
#include <string>
#include <vector>

namespace attune::tools {

/// Inputs of a function by argument, drawn from `seed`: floats from a normal
/// distribution; integers that index a table lie inside it; other integers and
/// booleans are 1 (an attention mask without padding). Null where a symbol has
/// no value; `error` then names it.
std::optional<std::vector<nn::Array>>
randomInputs(mlir::func::FuncOp function,
             const llvm::StringMap<int64_t> &symbols, uint64_t seed,
             std::string &error);

/// One session on one package. Not thread-safe.
class Runner {
public:
  /// Null on failure, with the runtime's message in `error`. `device` as in
  /// attune_load_options; empty: what there is.
  static std::unique_ptr<Runner> open(const std::string &package,
                                      unsigned threads,
                                      const std::string &device,
                                      std::string &error);
  ~Runner();

  /// Copies `inputs` in and fixes the dims.
  bool setInputs(llvm::ArrayRef<nn::Array> inputs, std::string &error);
  bool run(std::string &error);
  /// Output `index` of the last run.
  nn::Array output(size_t index, mlir::MLIRContext &context);
  size_t outputCount() const;
  attune_cost cost() const;
  std::string codeVersion() const;
  bool isOnDevice() const;
  unsigned threads() const { return attune_session_threads(session); }

private:
  Runner() = default;
  attune_model *model = nullptr;
  attune_session *session = nullptr;
  std::vector<std::vector<char>> inputBytes;
};

/// The element type of the evaluator that stands for `dtype`.
mlir::Type elementType(attune_dtype dtype, mlir::MLIRContext &context);

/// JSON has no infinity; what has no number is as wrong as can be.
llvm::json::Value jsonNumber(double value);

/// max |a - b| / max |b|: the error metric everywhere. NaN on one side only, or
/// a difference in size, is infinite.
double relativeDifference(const nn::Array &a, const nn::Array &b);

/// A path in a private temporary folder, removed with everything in it.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::string file(llvm::StringRef name) const;

private:
  std::string path;
};

} // namespace attune::tools
