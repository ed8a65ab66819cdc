// The way in for ONNX models.
//
// Enters: an .onnx file, which is not trusted. Leaves: a module with
// - func.func @main, whose arguments and results carry the model's names as
//   `nn.name`, with the symbols of its shapes and their ranges in `nn.symbols`;
// - nn.weight symbols over the mapped file (no weight is copied; the mapping
//   lives as long as the blobs in the MLIR context do);
// - locations that name the ONNX node behind each op.
//
// Not thread-safe with respect to one MLIRContext; otherwise nothing is shared.
#ifndef ATTUNE_FRONTENDS_ONNX_IMPORT_H
#define ATTUNE_FRONTENDS_ONNX_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace attune::onnx {

/// What a symbolic dimension may be at run time. Equal bounds make it static.
struct DimBinding {
  int64_t min = 1;
  std::optional<int64_t> max; ///< None: unbounded.
};

struct ImportOptions {
  /// Bounds by the name of a dim_param (or of an unnamed dim: INPUT_dimN).
  llvm::StringMap<DimBinding> shapes;
  /// Model inputs to keep as arguments; empty keeps all. Others must be unused
  /// or have an initializer of the same name.
  std::vector<std::string> inputs;
  /// Whether the model is to be trained: parameters of its layers are weights,
  /// however small they are.
  bool trains = false;
  /// Then these are weights to be trained as well, whatever reads them.
  std::vector<std::string> trained;
};

/// Imports into the nn dialect. Null on failure, with one or more lines in
/// `error`; an unsupported model is one line per unsupported node.
mlir::OwningOpRef<mlir::ModuleOp> importOnnx(const std::filesystem::path &file,
                                             const ImportOptions &options,
                                             mlir::MLIRContext &context,
                                             std::string &error);

/// Stops at the onnx dialect: the file as it is, with local functions expanded
/// and attribute defaults filled in. What `--emit=onnx` prints.
mlir::OwningOpRef<mlir::ModuleOp>
importOnnxGraph(const std::filesystem::path &file, mlir::MLIRContext &context,
                std::string &error);

/// An operator that the importer knows.
struct SupportedOperator {
  std::string domain; ///< "" is ai.onnx.
  std::string name;
  int64_t since; ///< The first opset whose version is supported.
};

/// All of them, sorted by domain and name.
std::vector<SupportedOperator> supportedOperators();

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_IMPORT_H
