// attune-compile: everything that takes a MODEL. Links MLIR; what takes a
// package is attune-run, which does not.
#include "compiler/tools/Commands.h"
#include "compiler/tools/Output.h"

#include "llvm/Support/InitLLVM.h"

using namespace attune::tools;

static int run(const Request &request) {
  if (request.command == "stages")
    return runStages();
  if (request.command == "ops")
    return runOps(request);
  Driver driver(request);
  if (!driver.resolveOptions())
    return driver.exitCode();
  if (request.command == "compile")
    return runCompile(driver);
  if (request.command == "explain")
    return runExplain(driver);
  if (request.command == "diff")
    return runDiff(driver);
  if (request.command == "compare")
    return runCompare(driver);
  return runBench(driver);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  Request request;
  if (auto code = parseCommandLine(argc, argv, request))
    return *code;
  int code = run(request);
  return flushStandardOutput() || code != kSuccess ? code : kUserError;
}
