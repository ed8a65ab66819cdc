// attune compile: a model to a package, an executable, or the IR of a stage.
#include "compiler/tools/Commands.h"

#include "compiler/Pipeline.h"
#include "compiler/tools/Output.h"
#include "runtime/tools/Terminal.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace attune::tools {

using namespace mlir;

static int printTo(const std::string &output, ModuleOp module) {
  bool done = writeOutput(
      output, [&](llvm::raw_ostream &os) { printModule(module, os); });
  return done ? kSuccess : kUserError;
}

static int emitStage(Driver &driver, StringRef stage) {
  if (stage == "onnx" || stage == "nn")
    return printTo(driver.request.output, driver.module());
  bool shared = llvm::is_contained(
      {"cleanup", "detect", "differentiate", "fusion"}, stage);
  if (!driver.runShared(driver.module(), shared ? stage : StringRef("fusion")))
    return driver.exitCode();
  if (!shared && !driver.runTarget(driver.module(),
                                   driver.options.versions.front(), stage))
    return driver.exitCode();
  return printTo(driver.request.output, driver.module());
}

int runCompile(Driver &driver) {
  const Request &request = driver.request;
  std::string emit = request.emit.empty() ? "package" : request.emit;
  bool isStage = llvm::any_of(
      stages(), [&](const Stage &stage) { return stage.name == emit; });
  if (emit != "package" && emit != "exe" && (!isStage || emit == "target")) {
    std::string names = "package, exe";
    for (const Stage &stage : stages())
      if (stage.name != "target")
        names += ", " + stage.name.str();
    printError("--emit " + emit + ": expected one of " + names);
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
    llvm::errs() << output << ": " << bytesText(bytes);
    for (const CodeTarget &target : driver.options.versions)
      llvm::errs() << ", " << target.name();
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
