//===- Memory.h - mapped memory and open files ----------------------------===//
//
// RAII for file descriptors and mappings. All large memory of the runtime comes
// from here, so that a refused allocation is an Error and never an abort.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/Error.h"
#include <cstddef>
#include <cstdint>
#include <span>

namespace attune::core {

/// A file descriptor that closes itself.
class FileHandle {
public:
  FileHandle() = default;
  explicit FileHandle(int fd) : fd(fd) {}
  FileHandle(FileHandle &&other) noexcept : fd(std::exchange(other.fd, -1)) {}
  FileHandle &operator=(FileHandle &&other) noexcept {
    std::swap(fd, other.fd);
    return *this;
  }
  ~FileHandle();
  int get() const { return fd; }

private:
  int fd = -1;
};

/// Opens a regular file for reading and tells its size. Anything else (a
/// folder, a pipe, a device) is refused without waiting for it.
Error openForReading(const char *path, FileHandle &file, uint64_t &bytes);

/// A mapping that unmaps itself. Movable; the memory does not move with it.
class Mapping {
public:
  Mapping() = default;
  Mapping(Mapping &&other) noexcept
      : base(std::exchange(other.base, nullptr)),
        length(std::exchange(other.length, 0)) {}
  Mapping &operator=(Mapping &&other) noexcept {
    std::swap(base, other.base);
    std::swap(length, other.length);
    return *this;
  }
  ~Mapping();

  /// `bytes` of the file from `offset` (a multiple of the page), read-only.
  static Error ofFile(int fd, uint64_t offset, uint64_t bytes, Mapping &out);

  /// Zeroed memory, on huge pages where the system grants them; 0 bytes is
  /// fine. `what` names it in the error ("arena").
  static Error anonymous(uint64_t bytes, const char *what, Mapping &out);

  /// No writes from now on.
  Error protect();

  /// Of a file: gives its pages back to the system; they come back when read.
  void release();

  std::byte *data() const { return base; }
  uint64_t size() const { return length; }
  std::span<const std::byte> bytes() const { return {base, length}; }

private:
  std::byte *base = nullptr;
  uint64_t length = 0;
};

/// All of a file, read-only; errors name it.
Error mapFile(const std::string &path, Mapping &out);

/// The file that a rename to `path` is to replace: `path` itself, or where a
/// link leads, so that the link stays. An error where that is neither a regular
/// file nor a new one: a rename would put a file in a device's place.
Error findTarget(const std::string &path, std::string &target);

/// A new file beside the target, for reading and writing, under a name that was
/// not used. Not mkstemp, which ignores the umask. On failure errno says why.
FileHandle createBeside(const std::string &target, int mode, std::string &name);

/// Whether both names lead to one file, of files that are there and of new
/// ones; through links.
bool isSameFile(const std::string &one, const std::string &other);

/// "./" of "a", "b/" of "b/a".
std::string folderOf(const std::string &path);

/// The text of errno: "No such file or directory".
std::string systemError();

} // namespace attune::core
