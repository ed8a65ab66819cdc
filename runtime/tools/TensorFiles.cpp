//===- TensorFiles.cpp - tensor files by their extension ------------------===//
//
// Chooses the format, maps and writes files.
//
//===----------------------------------------------------------------------===//
#include "runtime/tools/TensorFiles.h"
#include "runtime/core/Memory.h"
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <unistd.h>

namespace attune::tools {

static bool hasKnownFormat(const std::string &path) {
  return path.ends_with(".npy") || path.ends_with(".npz") ||
         path.ends_with(".safetensors");
}

static Error unknownFormat(const std::string &path) {
  return {ATTUNE_INVALID_ARGUMENT,
          cat(path, ": expected the extension .npy, .npz or .safetensors")};
}

static Error parse(const std::string &path, std::span<const std::byte> bytes,
                   NamedTensors &out) {
  if (path.ends_with(".npy"))
    return parseNpy(bytes, out[""]);
  if (path.ends_with(".npz"))
    return parseNpz(bytes, out);
  return parseSafetensors(bytes, out);
}

Error readTensors(const std::string &path, NamedTensors &out) {
  core::Mapping mapping;
  if (Error error = core::mapFile(path, mapping))
    return error;
  if (!hasKnownFormat(path))
    return unknownFormat(path);
  if (Error error = parse(path, mapping.bytes(), out))
    return error.in(path);
  for (auto &[name, tensor] : out)
    tensor.origin = path;
  return {};
}

static Error cannotWrite(const std::string &path) {
  return {ATTUNE_IO_ERROR, cat(path, ": cannot write: ", core::systemError())};
}

static bool writeAll(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return false;
    bytes = bytes.subspan(size_t(count));
  }
  return true;
}

Error checkWritable(const std::string &path) {
  std::string target;
  if (Error error = core::findTarget(path, target))
    return error;
  std::string folder = core::folderOf(target);
  if (::access(folder.c_str(), W_OK | X_OK) == 0)
    return {};
  return {ATTUNE_IO_ERROR, cat(path, ": cannot write into the folder \"",
                               folder, "\": ", core::systemError())};
}

Error writeFile(const std::string &path,
                std::span<const std::span<const std::byte>> parts) {
  std::string target, temporary;
  if (Error error = core::findTarget(path, target))
    return error;
  core::FileHandle file = core::createBeside(target, 0666, temporary);
  if (file.get() < 0)
    return cannotWrite(path);
  bool ok = std::all_of(parts.begin(), parts.end(),
                        [&](auto part) { return writeAll(file.get(), part); });
  if (ok && ::fsync(file.get()) == 0 &&
      ::rename(temporary.c_str(), target.c_str()) == 0)
    return {};
  Error error = cannotWrite(path);
  ::unlink(temporary.c_str());
  return error;
}

static Error writeFile(const std::string &path,
                       std::span<const std::byte> bytes) {
  return writeFile(path, std::span(&bytes, 1));
}

Error writeTensors(const std::string &path, const NamedTensors &tensors) {
  if (path.ends_with(".npz"))
    return writeFile(path, formatNpz(tensors));
  if (path.ends_with(".safetensors"))
    return writeFile(path, formatSafetensors(tensors));
  if (!path.ends_with(".npy"))
    return unknownFormat(path);
  if (tensors.size() != 1)
    return {ATTUNE_INVALID_ARGUMENT,
            cat(path, ": an .npy holds one tensor, there are ", tensors.size(),
                "; use .npz or .safetensors")};
  return writeFile(path, formatNpy(tensors.begin()->second));
}

} // namespace attune::tools
