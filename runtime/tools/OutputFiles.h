//===- OutputFiles.h - files that a command would write over --------------===//
//
// Enters: what a command line names. Leaves: an error where an output is an
// input, or two outputs are one file: each would be lost without a word.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/Error.h"
#include <functional>
#include <span>
#include <string>

namespace attune::tools {

using core::Error;

/// A file and the option that names it; "" names none.
struct NamedFile {
  std::string option, path;
};

struct NamedInput : NamedFile {
  /// An output that may replace it, as --save may --resume.
  std::string replacedBy = {};
  /// Whether it is read from a file, where it is more than the one.
  std::function<bool(const std::string &)> reads = {};
};

Error checkOverwrites(std::span<const NamedFile> outputs,
                      std::span<const NamedInput> inputs);

} // namespace attune::tools
