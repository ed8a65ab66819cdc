// A regular file mapped read-only.
//
// The file must not shrink while it is mapped: reading past the new end raises
// SIGBUS. Nothing in user space can rule that out without copying the weights.
#ifndef ATTUNE_FRONTENDS_ONNX_READER_MAPPEDFILE_H
#define ATTUNE_FRONTENDS_ONNX_READER_MAPPEDFILE_H

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <sys/stat.h>

namespace attune::onnx {

/// Owns a file descriptor; -1 is none.
class Descriptor {
public:
  explicit Descriptor(int fd = -1) : fd(fd) {}
  Descriptor(Descriptor &&other) noexcept : fd(other.release()) {}
  Descriptor &operator=(Descriptor &&other) noexcept;
  ~Descriptor();

  int get() const { return fd; }
  bool valid() const { return fd >= 0; }
  int release() {
    int released = fd;
    fd = -1;
    return released;
  }

private:
  int fd;
};

class MappedFile {
public:
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  /// Maps the open regular file, whose status the caller has read from the
  /// same descriptor. Null on failure, with the reason in `reason`.
  static std::unique_ptr<MappedFile>
  map(const Descriptor &file, const struct stat &status, std::string &reason);

  std::span<const std::byte> bytes() const { return contents; }

private:
  explicit MappedFile(std::span<const std::byte> contents)
      : contents(contents) {}
  std::span<const std::byte> contents;
};

/// "a directory", "a FIFO"...: for messages about files that are not regular.
const char *fileKind(mode_t mode);

/// The text of `error`, an errno value.
std::string errnoText(int error);

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_READER_MAPPEDFILE_H
