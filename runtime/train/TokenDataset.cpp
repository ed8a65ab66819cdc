//===- TokenDataset.cpp - tokens in a .bin --------------------------------===//
//
// uint16, little endian: raw as nanoGPT writes them, or behind the header of
// llm.c, 256 int32 that begin with magic, version and number of tokens. Mapped;
// opening reads all of it once, for the largest token.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/WindowDataset.h"
#include <algorithm>
#include <cstring>

namespace attune::train {

static constexpr int32_t kMagic = 20240520, kVersion = 1;
static constexpr uint64_t kHeaderBytes = 1024;

static Error readHeader(const std::string &path, Tokens &tokens) {
  int32_t header[3] = {};
  uint64_t size = tokens.memory.size();
  if (size >= sizeof header)
    std::memcpy(header, tokens.memory.data(), sizeof header);
  uint64_t held = size / 2;
  if (header[0] != kMagic) {
    tokens.count = int64_t(held);
    return size % 2 == 0
               ? Error()
               : badData(path, cat("expected tokens of two bytes, found ", size,
                                   " bytes"));
  }
  if (header[1] != kVersion)
    return badData(path, cat("token file of version ", header[1], ", expected ",
                             kVersion, " (uint16)"));
  tokens.offset = kHeaderBytes;
  tokens.count = header[2];
  if (size >= kHeaderBytes && header[2] >= 0 &&
      size - kHeaderBytes == 2 * uint64_t(header[2]))
    return {};
  return badData(path, cat("its header promises ", header[2],
                           " tokens, a file of ", kHeaderBytes,
                           " bytes and 2 "
                           "for each; it has ",
                           size));
}

static int64_t largestOf(const Tokens &tokens) {
  const auto *first =
      reinterpret_cast<const uint16_t *>(tokens.memory.data() + tokens.offset);
  uint16_t largest = 0;
  for (int64_t i = 0; i < tokens.count; ++i)
    largest = std::max(largest, first[i]);
  return largest;
}

/// The validation file beside a training file; empty where there is none.
std::string validationBeside(const std::string &path) {
  static constexpr std::string_view kTraining = "train.bin";
  if (!path.ends_with(kTraining))
    return {};
  std::string other = path.substr(0, path.size() - kTraining.size());
  other += "val.bin";
  return isFile(other) ? other : std::string();
}

static Error readTokens(const std::string &path, Tokens &out) {
  if (Error error = mapFile(path, out.memory))
    return error;
  if (Error error = readHeader(path, out))
    return error;
  out.vocabulary.size = largestOf(out) + 1;
  return {};
}

Error openTokens(const DatasetOptions &options, const Row &data,
                 const Row &labels, Parts &out) {
  const std::string &path = options.path, other = validationBeside(path);
  if (Error error = checkWindowRows(path, data, labels))
    return error;
  Tokens tokens;
  if (Error error = readTokens(path, tokens))
    return error;
  if (other.empty())
    return makeWindows(path, std::move(tokens), options.validation, data,
                       labels, out);
  Error error =
      makeWindows(path, std::move(tokens), data, labels, out.training);
  if (error || options.validation == 0)
    return error;
  Tokens held;
  if (Error failure = readTokens(other, held))
    return failure;
  return makeWindows(other, std::move(held), data, labels, out.validation);
}

} // namespace attune::train
