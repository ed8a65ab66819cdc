//===- Memory.cpp - mapped memory and open files --------------------------===//
//
// mmap and open behind RAII; see Memory.h.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Memory.h"
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace attune::core {

/// The size of a huge page on x86-64. Arenas are rounded up to it, else the
/// tail of an arena would stay on small pages.
static constexpr uint64_t kHugePage = uint64_t(2) << 20;

std::string systemError() {
  char buffer[256];
  // The GNU variant returns the text, which need not be in the buffer.
  return strerror_r(errno, buffer, sizeof buffer);
}

FileHandle::~FileHandle() {
  if (fd >= 0)
    ::close(fd);
}

Error openForReading(const char *path, FileHandle &file, uint64_t &bytes) {
  // O_NONBLOCK: opening a pipe must not wait for a writer.
  FileHandle opened(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (opened.get() < 0)
    return {ATTUNE_IO_ERROR, cat(path, ": cannot open: ", systemError())};
  struct stat info;
  if (::fstat(opened.get(), &info) != 0)
    return {ATTUNE_IO_ERROR, cat(path, ": cannot stat: ", systemError())};
  if (!S_ISREG(info.st_mode))
    return {ATTUNE_IO_ERROR, cat(path, ": not a regular file")};
  bytes = uint64_t(info.st_size);
  file = std::move(opened);
  return {};
}

Mapping::~Mapping() {
  if (base)
    ::munmap(base, length);
}

Error Mapping::ofFile(int fd, uint64_t offset, uint64_t bytes, Mapping &out) {
  out = Mapping();
  if (bytes == 0)
    return {};
  void *base =
      ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd, off_t(offset));
  if (base == MAP_FAILED)
    return {ATTUNE_IO_ERROR,
            cat("cannot map ", bytes, " bytes of the file: ", systemError())};
  out.base = static_cast<std::byte *>(base);
  out.length = bytes;
  return {};
}

Error mapFile(const std::string &path, Mapping &out) {
  FileHandle file;
  uint64_t bytes = 0;
  if (Error error = openForReading(path.c_str(), file, bytes))
    return error;
  return Mapping::ofFile(file.get(), 0, bytes, out).in(path);
}

std::string folderOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == path.npos ? "./" : path.substr(0, slash + 1);
}

Error findTarget(const std::string &path, std::string &target) {
  constexpr int kMostLinks = 40; // as Linux has it
  target = path;
  for (int links = 0; links <= kMostLinks; ++links) {
    struct stat info;
    if (::lstat(target.c_str(), &info) != 0 || S_ISREG(info.st_mode))
      return {};
    if (!S_ISLNK(info.st_mode))
      return {ATTUNE_IO_ERROR,
              cat(path, ": expected a regular file or a new one")};
    char text[PATH_MAX];
    ssize_t length = ::readlink(target.c_str(), text, sizeof text);
    if (length <= 0)
      break;
    std::string next(text, size_t(length));
    if (next.front() != '/')
      next.insert(0, folderOf(target));
    target = std::move(next);
  }
  return {ATTUNE_IO_ERROR, cat(path, ": a link that leads nowhere")};
}

static bool isOneInode(const struct stat &one, const struct stat &other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

bool isSameFile(const std::string &one, const std::string &other) {
  struct stat first, second;
  bool hasFirst = ::stat(one.c_str(), &first) == 0,
       hasSecond = ::stat(other.c_str(), &second) == 0;
  if (hasFirst != hasSecond)
    return false;
  if (hasFirst)
    return isOneInode(first, second);
  // Of files yet to come: the same name in the same folder.
  std::string target, next;
  if (findTarget(one, target) || findTarget(other, next))
    return one == other;
  std::string folder = folderOf(target), where = folderOf(next);
  bool isOneFolder = ::stat(folder.c_str(), &first) == 0 &&
                     ::stat(where.c_str(), &second) == 0 &&
                     isOneInode(first, second);
  return target == next ||
         (isOneFolder && target.substr(target.rfind('/') + 1) ==
                             next.substr(next.rfind('/') + 1));
}

FileHandle createBeside(const std::string &target, int mode,
                        std::string &name) {
  constexpr int kMostAttempts = 1000;
  static std::atomic<uint32_t> counter = 0;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    name = cat(target, ".tmp-", ::getpid(), "-", counter.fetch_add(1));
    int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    FileHandle file(::open(name.c_str(), flags, mode));
    if (file.get() >= 0 || errno != EEXIST)
      return file;
  }
  return {};
}

Error Mapping::anonymous(uint64_t bytes, const char *what, Mapping &out) {
  out = Mapping();
  if (bytes == 0)
    return {};
  uint64_t length = bytes;
  if (bytes >= kHugePage &&
      __builtin_add_overflow(bytes, kHugePage - 1, &length))
    return {ATTUNE_OUT_OF_MEMORY, cat("cannot allocate ", bytes, " bytes for ",
                                      what, ": more than the address space")};
  if (bytes >= kHugePage)
    length &= ~(kHugePage - 1);
  void *base = ::mmap(nullptr, length, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED)
    return {ATTUNE_OUT_OF_MEMORY, cat("cannot allocate ", bytes, " bytes for ",
                                      what, ": ", systemError())};
  // Advice only: a system without huge pages is slower, not wrong. Linux
  // aligns mappings of this size to huge pages by itself since 6.7; before, at
  // most the first and last page stay small.
  if (length >= kHugePage)
    ::madvise(base, length, MADV_HUGEPAGE);
  out.base = static_cast<std::byte *>(base);
  out.length = length;
  return {};
}

Error Mapping::protect() {
  if (base && ::mprotect(base, length, PROT_READ) != 0)
    return {ATTUNE_INTERNAL, cat("mprotect: ", systemError())};
  return {};
}

void Mapping::release() {
  if (base)
    ::madvise(base, length, MADV_DONTNEED);
}

} // namespace attune::core
