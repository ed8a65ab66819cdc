// raw_fd_ostream ends the program when an error is left in it: it is asked for
// here, everywhere.
#include "compiler/tools/Output.h"

#include "runtime/tools/Terminal.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Process.h"

namespace attune::tools {

static bool complain(llvm::StringRef where, std::error_code error) {
  printError((where + ": cannot write: " + error.message()).str());
  return false;
}

static std::error_code finish(llvm::raw_fd_ostream &stream) {
  stream.flush();
  std::error_code error = stream.error();
  stream.clear_error();
  return error;
}

bool flushStandardOutput() {
  std::error_code error = finish(llvm::outs());
  return error ? complain("standard output", error) : true;
}

static std::error_code
writeFile(llvm::StringRef path,
          llvm::function_ref<void(llvm::raw_ostream &)> write) {
  std::error_code error;
  llvm::raw_fd_ostream file(path, error);
  if (error)
    return error;
  write(file);
  return finish(file);
}

bool writeOutput(llvm::StringRef path,
                 llvm::function_ref<void(llvm::raw_ostream &)> write) {
  if (path.empty() || path == "-") {
    write(llvm::outs());
    return flushStandardOutput();
  }
  // Devices and pipes have no place where another file could wait.
  bool isSpecial =
      llvm::sys::fs::exists(path) && !llvm::sys::fs::is_regular_file(path);
  std::string target = path.str();
  if (!isSpecial)
    target += ".tmp-" + std::to_string(llvm::sys::Process::getProcessId());
  std::error_code error = writeFile(target, write);
  if (!error && !isSpecial)
    error = llvm::sys::fs::rename(target, path);
  if (error && !isSpecial)
    llvm::sys::fs::remove(target);
  return error ? complain(path, error) : true;
}

} // namespace attune::tools
