//===- WindowDataset.h - windows of a line of tokens ----------------------===//
//
// Enters: tokens in memory, checked by a reader. Leaves: for each place where
// one begins, a window of them as data and the same window one further, the
// next tokens, as labels.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/train/Readers.h"

namespace attune::train {

/// The tokens of a file in a piece of memory.
struct Tokens {
  core::Mapping memory;
  uint64_t offset = 0; ///< Of the first in bytes.
  int64_t count = 0;
  size_t bytes = 2; ///< Of each: 1 or 2.
  Vocabulary vocabulary;
};

/// Whether the model takes windows: [T] of i64 or i32, and as many labels.
Error checkWindowRows(const std::string &path, const Row &data,
                      const Row &labels);

/// Windows over all tokens. Checks that there is one, and its next token.
Error makeWindows(const std::string &path, Tokens tokens, const Row &data,
                  const Row &labels, OpenedDataset &out);
/// Windows over all but the last share of the tokens, and over that, unless it
/// is 0.
Error makeWindows(const std::string &path, Tokens tokens, double validation,
                  const Row &data, const Row &labels, Parts &out);

} // namespace attune::train
