// Takes a model through the stages. Shared by all commands of attune-compile.
#pragma once

#include "compiler/Options.h"
#include "compiler/target/package/WritePackage.h"
#include "compiler/tools/CommandLine.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include <memory>

namespace attune::tools {

/// Exit codes of every program (README).
enum ExitCode { kSuccess = 0, kUserError = 1, kUsage = 2, kInternalBug = 3 };

/// Not thread-safe; one model at a time.
class Driver {
public:
  explicit Driver(const Request &request);
  ~Driver();

  /// Checks options that do not need the model and fills `options`.
  bool resolveOptions();
  /// Reads the model into nn. Errors are printed.
  bool load();
  /// Runs one of cleanup, detect, differentiate, fusion on `module`, dumps it
  /// where asked.
  bool runStage(llvm::StringRef name, mlir::ModuleOp module);
  /// cleanup, detect, differentiate and fusion, stopping after `last`.
  bool runShared(mlir::ModuleOp module, llvm::StringRef last = "fusion");
  /// kernels and memory for one version, stopping after `last`.
  bool runTarget(mlir::ModuleOp module, const CodeTarget &target,
                 llvm::StringRef last = "memory");
  /// runTarget, then `make`, which says in its argument what the user can do
  /// something about; whatever else goes wrong in it is a bug.
  bool makeOf(mlir::ModuleOp module, const CodeTarget &target,
              llvm::function_ref<bool(std::string &error)> make);
  /// runTarget, then code; the version refers to `module`.
  std::optional<target::package::CodeVersion>
  makeVersion(mlir::ModuleOp module, const CodeTarget &target);
  /// The package of a module after fusion, at `path`.
  bool writePackage(mlir::ModuleOp module, const std::string &path,
                    bool executable = false);

  /// The path of another program of attune, which lie beside this one.
  std::string sibling(llvm::StringRef program) const;

  /// The exit code for what went wrong so far.
  ExitCode exitCode() const { return code; }
  mlir::ModuleOp module() { return *loaded; }
  mlir::OwningOpRef<mlir::ModuleOp> cloneModule() { return {loaded->clone()}; }
  mlir::MLIRContext &context() { return *mlirContext; }
  CompileOptions options;
  const Request &request;

private:
  bool resolveTarget(llvm::StringRef text);
  bool fail(ExitCode newCode, const llvm::Twine &message);
  /// A bug of ours: writes the reproducer and says where it is.
  bool failBroken(llvm::StringRef stage, llvm::StringRef reproducer);
  bool runPasses(llvm::StringRef stage, mlir::ModuleOp module,
                 llvm::function_ref<void(mlir::OpPassManager &)> add);
  bool dump(llvm::StringRef stage, mlir::ModuleOp module);
  void printDiagnostic(mlir::Diagnostic &diagnostic);

  std::unique_ptr<mlir::MLIRContext> mlirContext;
  mlir::OwningOpRef<mlir::ModuleOp> loaded;
  std::string sourceHash;
  std::vector<int64_t> ignoredLabels;
  std::map<std::string, int64_t> indexBounds;
  ExitCode code = kSuccess;
};

/// Prints IR as --emit does: weights' bytes left out.
void printModule(mlir::ModuleOp module, llvm::raw_ostream &os);

} // namespace attune::tools
