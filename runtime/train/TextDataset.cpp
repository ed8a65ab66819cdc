//===- TextDataset.cpp - text as bytes or as code points ------------------===//
//
// Bytes are tokens as they lie in the file, which is mapped. Code points become
// two bytes each: the number of the code point among those of the whole file,
// in the order of Unicode, so that both parts have one vocabulary.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Utf8.h"
#include "runtime/train/WindowDataset.h"
#include <cstring>

namespace attune::train {

/// As many as two bytes can tell apart; no language has half of it.
static constexpr size_t kMostCodePoints = 65536;

static std::string_view textOf(const core::Mapping &file) {
  return {reinterpret_cast<const char *>(file.data()), file.size()};
}

/// Which code points there are, and how many in all.
static Error countCodePoints(const std::string &path, std::string_view text,
                             std::vector<bool> &seen, int64_t &count) {
  for (size_t at = 0; at < text.size(); ++count) {
    char32_t point = 0;
    size_t length = readCodePoint(text.substr(at), point);
    if (length == 0)
      return badData(path, cat("not UTF-8 at byte ", at,
                               "; convert it, or use "
                               "the vocabulary \"byte\""));
    seen[point] = true;
    at += length;
  }
  return {};
}

/// The token of each code point that is there; how many there are.
static size_t numberCodePoints(const std::vector<bool> &seen,
                               std::vector<uint32_t> &tokens) {
  uint32_t next = 0;
  for (char32_t point = 0; point < kCodePoints; ++point)
    if (seen[point])
      tokens[point] = next++;
  return next;
}

static void writeTokens(std::string_view text,
                        const std::vector<uint32_t> &tokens, std::byte *to,
                        std::vector<std::string> &words) {
  for (size_t at = 0; at < text.size(); to += 2) {
    char32_t point = 0;
    size_t length = readCodePoint(text.substr(at), point);
    auto token = uint16_t(tokens[point]);
    std::memcpy(to, &token, 2);
    if (words[token].empty())
      words[token] = text.substr(at, length);
    at += length;
  }
}

static Error tokenize(const std::string &path, std::string_view text,
                      Tokens &out) {
  std::vector<bool> seen(kCodePoints);
  if (Error error = countCodePoints(path, text, seen, out.count))
    return error;
  std::vector<uint32_t> tokens(kCodePoints);
  size_t distinct = numberCodePoints(seen, tokens);
  if (distinct > kMostCodePoints)
    return badData(path, cat(distinct, " different characters, at most ",
                             kMostCodePoints,
                             " are supported; use the vocabulary \"byte\""));
  uint64_t bytes = out.bytes * uint64_t(out.count);
  if (Error error = checkMemory(path, bytes))
    return error;
  if (Error error = core::Mapping::anonymous(bytes, "the dataset", out.memory))
    return error.in(path);
  out.vocabulary.size = int64_t(distinct);
  out.vocabulary.words.resize(distinct);
  writeTokens(text, tokens, out.memory.data(), out.vocabulary.words);
  return {};
}

static void takeBytes(core::Mapping file, Tokens &out) {
  out.count = int64_t(file.size());
  out.memory = std::move(file);
  out.bytes = 1;
  out.vocabulary.size = 256;
  for (int byte = 0; byte < 256; ++byte)
    out.vocabulary.words.emplace_back(1, char(byte));
}

Error openText(const DatasetOptions &options, const Row &data,
               const Row &labels, Parts &out) {
  const std::string &path = options.path;
  bool areBytes = options.vocabulary == "byte";
  if (!areBytes && options.vocabulary != "char")
    return badData(path, cat("vocabulary \"", options.vocabulary,
                             "\", expected \"char\" or \"byte\""));
  if (Error error = checkWindowRows(path, data, labels))
    return error;
  core::Mapping file;
  if (Error error = mapFile(path, file))
    return error;
  Tokens tokens;
  if (areBytes)
    takeBytes(std::move(file), tokens);
  else if (Error error = tokenize(path, textOf(file), tokens))
    return error;
  return makeWindows(path, std::move(tokens), options.validation, data, labels,
                     out);
}

} // namespace attune::train
