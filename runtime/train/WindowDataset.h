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

/// Tokens of one or two bytes each in a piece of memory.
struct Tokens {
  core::Mapping memory;
  uint64_t offset = 0; ///< Of the first in bytes.
  int64_t first = 0;   ///< Of the part.
  int64_t count = 0;   ///< Of the part.
  Vocabulary vocabulary;
};

/// Whether the model takes windows: [T] of i64 or i32, and as many labels.
Error checkWindowRows(const std::string &path, const Row &data,
                      const Row &labels);

/// Makes tokens those of a part: all but the last share of the file, or it.
void takePart(Tokens &tokens, Part part, double validation);

/// Checks that there is a window and its next token.
Error makeWindows(const std::string &path, Tokens tokens, size_t tokenBytes,
                  const Row &data, const Row &labels, OpenedDataset &out);

} // namespace attune::train
