//===- TensorFiles.cpp - tensor files by their extension ------------------===//
//
// Chooses the format, maps and writes files.
//
//===----------------------------------------------------------------------===//
#include "runtime/tools/TensorFiles.h"
#include "runtime/core/Memory.h"
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

namespace attune::tools {

static Error unknownFormat(const std::string &path) {
  return {ATTUNE_INVALID_ARGUMENT,
          cat(path, ": expected the extension .npy, .npz or .safetensors")};
}

Error readTensors(const std::string &path, NamedTensors &out) {
  core::FileHandle file;
  uint64_t bytes = 0;
  if (Error error = core::openForReading(path.c_str(), file, bytes))
    return error;
  core::Mapping mapping;
  if (Error error = core::Mapping::ofFile(file.get(), 0, bytes, mapping))
    return error.in(path);
  if (path.ends_with(".npy")) {
    Tensor tensor;
    if (Error error = parseNpy(mapping.bytes(), tensor))
      return error.in(path);
    out[""] = std::move(tensor);
    return {};
  }
  if (path.ends_with(".npz"))
    return parseNpz(mapping.bytes(), out).in(path);
  if (path.ends_with(".safetensors"))
    return parseSafetensors(mapping.bytes(), out).in(path);
  return unknownFormat(path);
}

static Error writeFile(const std::string &path,
                       std::span<const std::byte> bytes) {
  core::FileHandle file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (file.get() < 0)
    return {ATTUNE_IO_ERROR,
            cat(path, ": cannot write: ", core::systemError())};
  while (!bytes.empty()) {
    ssize_t count = ::write(file.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return {ATTUNE_IO_ERROR,
              cat(path, ": cannot write: ", core::systemError())};
    bytes = bytes.subspan(size_t(count));
  }
  return {};
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
