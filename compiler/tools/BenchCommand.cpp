// attune bench MODEL: a temporary package, timed by attune-run, which has the
// measuring loops and the profile.
#include "compiler/tools/Commands.h"

#include "compiler/tools/Runner.h"
#include "runtime/tools/Terminal.h"
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
  auto add = [&](const std::string &option, const std::string &value) {
    arguments.push_back(option);
    arguments.push_back(value);
  };
  // A dim of one value is no symbol any more: the package was compiled for it.
  if (request.threads)
    add("--threads", std::to_string(request.threads));
  if (!request.device.empty())
    add("--device", request.device);
  if (request.seconds > 0)
    add("--seconds", std::to_string(request.seconds));
  for (const std::string &input : request.inputs)
    add("--input", input);
  if (request.profile)
    arguments.push_back("--profile");
  if (request.json)
    arguments.push_back("--json");
  std::string error;
  llvm::SmallVector<llvm::StringRef> views(arguments.begin(), arguments.end());
  int code = llvm::sys::ExecuteAndWait(arguments.front(), views, std::nullopt,
                                       {}, 0, 0, &error);
  if (!error.empty())
    printError(arguments.front() + ": " + error);
  return code < 0 ? kInternalBug : code;
}

} // namespace attune::tools
