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
static std::string besides(const std::string &path) {
  static constexpr std::string_view kTraining = "train.bin";
  if (!path.ends_with(kTraining))
    return {};
  std::string other = path.substr(0, path.size() - kTraining.size());
  other += "val.bin";
  return isFile(other) ? other : std::string();
}

Error openTokens(const DatasetOptions &options, Part part, const Row &data,
                 const Row &labels, OpenedDataset &out) {
  std::string path = options.path, other = besides(path);
  if (part == Part::Validation && !other.empty())
    path = other;
  if (Error error = checkWindowRows(path, data, labels))
    return error;
  Tokens tokens;
  if (Error error = mapFile(path, tokens.memory))
    return error;
  if (Error error = readHeader(path, tokens))
    return error;
  tokens.vocabulary.size = largestOf(tokens) + 1;
  if (other.empty())
    takePart(tokens, part, options.validation);
  return makeWindows(path, std::move(tokens), sizeof(uint16_t), data, labels,
                     out);
}

} // namespace attune::train
