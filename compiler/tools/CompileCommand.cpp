// attune compile: a model to a package, an executable, or the IR of a stage.
#include "compiler/tools/Commands.h"

#include "compiler/Pipeline.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace attune::tools {

using namespace mlir;

// Prints IR to --output, or to standard output.
static int printTo(const std::string &output, ModuleOp module) {
  if (output.empty() || output == "-") {
    printModule(module, llvm::outs());
    return kSuccess;
  }
  std::error_code error;
  llvm::raw_fd_ostream file(output, error);
  if (error) {
    llvm::errs() << "attune: " << output << ": " << error.message() << '\n';
    return kUserError;
  }
  printModule(module, file);
  return kSuccess;
}

static int emitStage(Driver &driver, StringRef stage) {
  if (stage == "onnx" || stage == "nn")
    return printTo(driver.request.output, driver.module());
  bool shared = llvm::is_contained({"cleanup", "detect", "fusion"}, stage);
  if (!driver.runShared(driver.module(), shared ? stage : StringRef("fusion")))
    return driver.exitCode();
  if (!shared && !driver.runTarget(driver.module(),
                                   driver.options.versions.front(), stage))
    return driver.exitCode();
  return printTo(driver.request.output, driver.module());
}

static std::string sizeText(uint64_t bytes) {
  llvm::StringRef units[] = {"B", "KB", "MB", "GB"};
  double size = double(bytes);
  size_t unit = 0;
  while (size >= 1000 && unit < 3) {
    size /= 1000;
    ++unit;
  }
  std::string text;
  llvm::raw_string_ostream(text)
      << llvm::format(unit ? "%.1f " : "%.0f ", size) << units[unit];
  return text;
}

int runCompile(Driver &driver) {
  const Request &request = driver.request;
  std::string emit = request.emit.empty() ? "package" : request.emit;
  bool isStage = llvm::any_of(
      stages(), [&](const Stage &stage) { return stage.name == emit; });
  if (emit != "package" && emit != "exe" && (!isStage || emit == "target")) {
    llvm::errs() << "attune: --emit " << emit
                 << ": expected package, exe or a stage (attune-compile stages "
                    "lists them)\n";
    return kUsage;
  }
  if (!driver.load())
    return driver.exitCode();
  if (isStage)
    return emitStage(driver, emit);

  std::string output = request.output;
  if (output.empty())
    output = (llvm::sys::path::stem(request.model) +
              (emit == "exe" ? "" : ".attune"))
                 .str();
  if (!driver.runShared(driver.module()) ||
      !driver.writePackage(driver.module(), output, emit == "exe"))
    return driver.exitCode();
  uint64_t bytes = 0;
  llvm::sys::fs::file_size(output, bytes);
  if (!request.quiet) {
    llvm::errs() << output << ": " << sizeText(bytes);
    for (auto version : driver.options.versions)
      llvm::errs() << ", " << target::cpu::codeVersionName(version);
    llvm::errs() << '\n';
  }
  return kSuccess;
}

int runStages() {
  for (const Stage &stage : stages())
    llvm::outs() << stage.name << " | " << stage.enters << " | " << stage.leaves
                 << '\n';
  return kSuccess;
}

} // namespace attune::tools
