// The way in for .attn models.
//
// Enters: an .attn file, which is not trusted. Leaves: a module with
// - nn.weight symbols, named by the path of modules, `h.0.attn.qkv.weight`;
// - func.func @main, the model as it is used: arguments and results carry the
//   model's names as `nn.name`, the symbols of its shapes are in `nn.symbols`;
// - where weights have no value, func.func @init, whose results are what they
//   begin with (`nn.updates`);
// - where the file has a train section, func.func @loss and @eval and the
//   attribute `nn.training` of the module;
// - locations that name the layer behind each op.
//
// Not thread-safe with respect to one MLIRContext; otherwise nothing is shared.
#ifndef ATTUNE_FRONTENDS_DSL_IMPORT_H
#define ATTUNE_FRONTENDS_DSL_IMPORT_H

#include "mlir/IR/BuiltinAttributeInterfaces.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace attune::dsl {

/// What a symbolic dim may be at run time. Equal bounds make it static.
struct DimBinding {
  int64_t min = 1;
  std::optional<int64_t> max; ///< None: as the model says.
};

/// Where the values of weights come from, by name.
struct WeightSource {
  /// All names that there are.
  std::vector<std::string> names;
  /// The value of a weight of this type; null with what is wrong in the text.
  std::function<mlir::ElementsAttr(
      llvm::StringRef name, mlir::RankedTensorType type, std::string &why)>
      get;
};

struct ImportOptions {
  /// Bounds by the name of a symbol.
  llvm::StringMap<DimBinding> shapes;
  /// Values for `param`s: NAME and an expression without names.
  std::vector<std::pair<std::string, std::string>> parameters;
  /// Null: weights begin with what @init gives.
  const WeightSource *weights = nullptr;
};

/// Imports into the nn dialect. Null on failure, with one or more errors in
/// `error`, each with the line it is about.
mlir::OwningOpRef<mlir::ModuleOp> importDsl(const std::string &file,
                                            const ImportOptions &options,
                                            mlir::MLIRContext &context,
                                            std::string &error);

/// The same of a text in memory, for tests.
mlir::OwningOpRef<mlir::ModuleOp>
importDslText(std::string text, std::string name, const ImportOptions &options,
              mlir::MLIRContext &context, std::string &error);

} // namespace attune::dsl

#endif // ATTUNE_FRONTENDS_DSL_IMPORT_H
