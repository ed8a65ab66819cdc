//===- CodeObject.cpp - kernels of a package, callable --------------------===//
//
// memfd + seals + dlopen: no file on disk that another process could swap, no
// ELF loader of our own.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/CodeObject.h"
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace attune::core {

CodeObject::~CodeObject() {
  if (handle)
    ::dlclose(handle);
}

static Error writeAll(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return {ATTUNE_OUT_OF_MEMORY,
              cat("cannot copy the code to memory: ", systemError())};
    bytes = bytes.subspan(size_t(put));
  }
  return {};
}

Error CodeObject::load(std::span<const std::byte> code, CodeObject &out) {
  // Kernels before 6.3 do not know MFD_EXEC and do not need it.
  unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  FileHandle file(::memfd_create("attune-code", flags | MFD_EXEC));
  if (file.get() < 0)
    file = FileHandle(::memfd_create("attune-code", flags));
  if (file.get() < 0)
    return {ATTUNE_OUT_OF_MEMORY, cat("memfd_create: ", systemError())};
  if (Error error = writeAll(file.get(), code))
    return error;
  if (::fcntl(file.get(), F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
    return {ATTUNE_INTERNAL, cat("cannot seal the code: ", systemError())};
  Mapping sealed;
  if (Error error = Mapping::ofFile(file.get(), 0, code.size(), sealed))
    return error;
  if (std::memcmp(sealed.data(), code.data(), code.size()) != 0)
    return {ATTUNE_IO_ERROR, "the file changed while it was loaded"};

  std::string path = cat("/proc/self/fd/", file.get());
  out = CodeObject();
  out.file = std::move(file);
  out.handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!out.handle) {
    const char *reason = ::dlerror();
    return {ATTUNE_BAD_PACKAGE,
            cat("cannot load the code: ", reason ? reason : "no reason given")};
  }
  return {};
}

Error CodeObject::find(const std::string &symbol, cpu::Task &out) const {
  void *address = ::dlsym(handle, symbol.c_str());
  if (!address)
    return {ATTUNE_BAD_PACKAGE, cat("the plan names kernel \"", symbol,
                                    "\", which the code does not export")};
  out = reinterpret_cast<cpu::Task>(address);
  return {};
}

} // namespace attune::core
