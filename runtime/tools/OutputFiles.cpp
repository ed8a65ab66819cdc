//===- OutputFiles.cpp - files that a command would write over ------------===//
#include "runtime/tools/OutputFiles.h"
#include "runtime/core/Memory.h"
#include <filesystem>

namespace attune::tools {

using core::cat;

static bool isReadBy(const NamedInput &input, const std::string &path) {
  if (input.path.empty())
    return false;
  return input.reads ? input.reads(path) : core::isSameFile(input.path, path);
}

/// Devices and pipes take what several write.
static bool isStream(const std::string &path) {
  std::error_code error;
  auto status = std::filesystem::status(path, error);
  return !error && std::filesystem::exists(status) &&
         !std::filesystem::is_regular_file(status) &&
         !std::filesystem::is_directory(status);
}

static Error clash(const NamedFile &output, const NamedFile &other) {
  return {ATTUNE_INVALID_ARGUMENT,
          cat(output.option, " ", output.path,
              ": expected a file of its own, found that of ", other.option, " ",
              other.path, ", which would be lost; give another name")};
}

Error checkOverwrites(std::span<const NamedFile> outputs,
                      std::span<const NamedInput> inputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const NamedFile &output = outputs[i];
    if (output.path.empty() || isStream(output.path))
      continue;
    for (const NamedInput &input : inputs)
      if (input.replacedBy != output.option && isReadBy(input, output.path))
        return clash(output, input);
    for (const NamedFile &other : outputs.first(i))
      if (!other.path.empty() && core::isSameFile(other.path, output.path))
        return clash(output, other);
  }
  return {};
}

} // namespace attune::tools
