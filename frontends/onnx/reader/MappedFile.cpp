// Thin layer over mmap(2) and close(2).
#include "frontends/onnx/reader/MappedFile.h"

#include <cerrno>
#include <limits>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace attune::onnx {

Descriptor &Descriptor::operator=(Descriptor &&other) noexcept {
  std::swap(fd, other.fd);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd >= 0)
    ::close(fd);
}

MappedFile::~MappedFile() {
  if (!contents.empty())
    ::munmap(const_cast<std::byte *>(contents.data()), contents.size());
}

std::unique_ptr<MappedFile> MappedFile::map(const Descriptor &file,
                                            const struct stat &status,
                                            std::string &reason) {
  // mmap refuses length 0, but an empty file is a valid empty range.
  if (status.st_size == 0)
    return std::unique_ptr<MappedFile>(new MappedFile({}));
  if (static_cast<uint64_t>(status.st_size) >
      std::numeric_limits<size_t>::max()) {
    reason = "it is too large for this machine's address space";
    return nullptr;
  }
  auto size = static_cast<size_t>(status.st_size);
  void *base = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (base == MAP_FAILED) {
    reason = errnoText(errno);
    return nullptr;
  }
  return std::unique_ptr<MappedFile>(
      new MappedFile({static_cast<const std::byte *>(base), size}));
}

const char *fileKind(mode_t mode) {
  if (S_ISREG(mode))
    return "a regular file";
  if (S_ISDIR(mode))
    return "a directory";
  if (S_ISFIFO(mode))
    return "a FIFO";
  if (S_ISSOCK(mode))
    return "a socket";
  if (S_ISLNK(mode))
    return "a symbolic link";
  return "a device";
}

std::string errnoText(int error) {
  return std::generic_category().message(error);
}

} // namespace attune::onnx
