// Runs lld as a library. It works on files, so the object and the result pass
// through a private temporary directory.
#include "compiler/target/package/LinkObject.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <mutex>

LLD_HAS_DRIVER(elf)

namespace attune::target::package {

using namespace mlir;

// Once lld says that it cannot run again, its state is unknown for good.
static std::mutex lldMutex;
static bool lldUsable = true;

static LogicalResult runLld(ArrayRef<const char *> arguments,
                            std::string &error) {
  std::lock_guard lock(lldMutex);
  if (!lldUsable) {
    error = "the linker failed earlier and cannot run again in this process";
    return failure();
  }
  llvm::raw_string_ostream messages(error);
  lld::Result result = lld::lldMain(arguments, llvm::nulls(), messages,
                                    {{lld::Gnu, &lld::elf::link}});
  lldUsable = result.canRunAgain;
  return success(result.retCode == 0);
}

static std::error_code writeFile(StringRef path, ArrayRef<char> bytes) {
  std::error_code code;
  llvm::raw_fd_ostream file(path, code);
  if (!code) {
    file.write(bytes.data(), bytes.size());
    file.close();
    code = file.error();
  }
  return code;
}

FailureOr<std::vector<char>> linkSharedObject(ArrayRef<char> object,
                                              std::string &error) {
  SmallString<128> folder;
  if (std::error_code code =
          llvm::sys::fs::createUniqueDirectory("attune-link", folder)) {
    error = "cannot make a temporary directory: " + code.message();
    return failure();
  }
  SmallString<128> input = folder, output = folder;
  llvm::sys::path::append(input, "kernels.o");
  llvm::sys::path::append(output, "kernels.so");
  llvm::FileRemover removeInput(input), removeOutput(output);
  llvm::scope_exit removeFolder([&] { (void)llvm::sys::fs::remove(folder); });
  if (std::error_code code = writeFile(input, object)) {
    error = "cannot write " + input.str().str() + ": " + code.message();
    return failure();
  }
  // No build id and no symbols but those that dlsym needs: the same object
  // gives the same bytes. Kernels call each other directly (-Bsymbolic).
  std::vector<const char *> arguments = {"ld.lld",
                                         "-shared",
                                         "-nostdlib",
                                         "--no-undefined",
                                         "--gc-sections",
                                         "-Bsymbolic",
                                         "--strip-all",
                                         "--build-id=none",
                                         "--threads=1",
                                         "--color-diagnostics=never",
                                         "-z",
                                         "noexecstack",
                                         "-z",
                                         "now",
                                         "--hash-style=gnu",
                                         "-o",
                                         output.c_str(),
                                         input.c_str()};
  if (failed(runLld(arguments, error)))
    return failure();
  auto buffer = llvm::MemoryBuffer::getFile(output, /*IsText=*/false);
  if (!buffer) {
    error = "cannot read the linked file: " + buffer.getError().message();
    return failure();
  }
  return std::vector<char>((*buffer)->getBufferStart(),
                           (*buffer)->getBufferEnd());
}

} // namespace attune::target::package
