// attune bench MODEL: a temporary package, timed by attune-run, which has the
// measuring loops and the profile.
#include "compiler/tools/Commands.h"

#include "compiler/tools/Runner.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

namespace attune::tools {

int runBench(Driver &driver) {
  const Request &request = driver.request;
  TemporaryFolder folder;
  std::string package = folder.file("model.attune");
  if (!driver.load() || !driver.runShared(driver.module()) ||
      !driver.writePackage(driver.module(), package))
    return driver.exitCode();
  std::vector<std::string> arguments = {driver.sibling("attune-run"), "bench",
                                        package};
  for (const auto &[name, value] : request.points.front()) {
    arguments.push_back("--shape");
    arguments.push_back(name + "=" + std::to_string(value));
  }
  if (request.threads) {
    arguments.push_back("--threads");
    arguments.push_back(std::to_string(request.threads));
  }
  if (request.json)
    arguments.push_back("--json");
  std::string error;
  llvm::SmallVector<llvm::StringRef> views(arguments.begin(), arguments.end());
  int code = llvm::sys::ExecuteAndWait(arguments.front(), views, std::nullopt,
                                       {}, 0, 0, &error);
  if (!error.empty())
    llvm::errs() << "attune: " << arguments.front() << ": " << error << '\n';
  return code < 0 ? kInternalBug : code;
}

} // namespace attune::tools
