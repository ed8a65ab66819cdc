//===- Dataset.cpp - which reader opens a dataset -------------------------===//
//
// Folders are known by the names of the files in them, files by their
// extension. Also what the readers share.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Dataset.h"
#include "runtime/train/Readers.h"
#include <algorithm>
#include <cstring>
#include <filesystem>

namespace attune::train {

namespace fs = std::filesystem;

int64_t Row::elements() const {
  uint64_t bytes = 0;
  if (tools::tensorBytes(dtype, dims, bytes))
    return -1;
  int64_t count = 1;
  for (int64_t dim : dims)
    count *= dim;
  return count;
}

bool Vocabulary::isText() const {
  return !words.empty() &&
         std::none_of(words.begin(), words.end(), [](const std::string &word) {
           return word.size() == 1 && uint8_t(word[0]) > 127;
         });
}

std::string vocabularyDifference(const std::vector<std::string> &found,
                                 const std::vector<std::string> &expected) {
  if (found == expected)
    return {};
  auto wordOf = [](const std::vector<std::string> &words, size_t i) {
    return i < words.size() ? cat("\"", words[i], "\"") : "missing";
  };
  size_t first = 0;
  while (first < std::min(found.size(), expected.size()) &&
         found[first] == expected[first])
    ++first;
  return cat("token ", first, " is ", wordOf(found, first), " here and ",
             wordOf(expected, first), " there (", found.size(), " tokens and ",
             expected.size(), ")");
}

Error badData(std::string_view path, std::string_view fact) {
  return {ATTUNE_INVALID_ARGUMENT, cat(path, ": ", fact)};
}

bool isFile(const std::string &path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool isFolder(const std::string &path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

Error listFolder(const std::string &path, std::vector<std::string> &names) {
  std::error_code code;
  for (fs::directory_iterator at(path, code), end; !code && at != end;
       at.increment(code))
    if (std::string name = at->path().filename().string(); name[0] != '.')
      names.push_back(std::move(name));
  if (code)
    return {ATTUNE_IO_ERROR, cat(path, ": cannot list: ", code.message())};
  std::sort(names.begin(), names.end());
  return {};
}

std::string describe(const Row &row) {
  return cat("input \"", row.name, "\", ", attune_dtype_name(row.dtype), " ",
             tools::dimsText(row.dims));
}

bool isInteger(const Row &row) {
  return row.dtype == ATTUNE_I64 || row.dtype == ATTUNE_I32;
}

void writeInteger(attune_dtype dtype, std::byte *row, int64_t index,
                  int64_t value) {
  if (dtype == ATTUNE_I64) {
    std::memcpy(row + 8 * index, &value, 8);
    return;
  }
  auto narrow = int32_t(value);
  std::memcpy(row + 4 * index, &narrow, 4);
}

/// The kinds of files that the readers of folders look for.
static bool looksLikeData(const std::string &name) {
  static constexpr std::string_view kEnds[] = {
      "-ubyte", "-ubyte.gz", ".bin", ".png", ".ppm", ".pgm", "_names.txt"};
  return std::any_of(std::begin(kEnds), std::end(kEnds),
                     [&](std::string_view end) { return name.ends_with(end); });
}

bool mayRead(const std::string &dataset, const std::string &file) {
  if (!isFolder(dataset)) {
    std::string other = validationBeside(dataset);
    return core::isSameFile(dataset, file) ||
           (!other.empty() && core::isSameFile(other, file));
  }
  std::error_code code;
  fs::path folder = fs::canonical(dataset, code), at;
  if (!code)
    at = fs::canonical(file, code);
  if (code || !looksLikeData(at.string()))
    return false;
  auto [end, ignored] =
      std::mismatch(folder.begin(), folder.end(), at.begin(), at.end());
  return end == folder.end();
}

static Error openFolder(const std::string &path, Part part, const Row &data,
                        const Row &labels, OpenedDataset &out) {
  auto has = [&](const char *name) { return isFile(cat(path, "/", name)); };
  for (const char *name : {"train-images-idx3-ubyte", "t10k-images-idx3-ubyte"})
    if (has(name) || has(cat(name, ".gz").c_str()))
      return openIdx(path, part, data, labels, out);
  if (has("data_batch_1.bin") || has("test_batch.bin"))
    return openCifar(path, 10, part, data, labels, out);
  if (has("train.bin") && has("test.bin"))
    return openCifar(path, 100, part, data, labels, out);
  if (isFolder(path + "/train"))
    return openImageFolder(path, part, data, labels, out);
  return badData(path, "no dataset in this folder; expected "
                       "train-images-idx3-ubyte[.gz] (IDX), data_batch_1.bin "
                       "(CIFAR-10), train.bin and test.bin (CIFAR-100) or "
                       "train/CLASS/ with pictures");
}

static Error checkRow(const std::string &path, const Row &row) {
  if (row.elements() >= 0)
    return {};
  return badData(path, cat("the model's ", describe(row),
                           ", has no known size; give all its dims"));
}

Error openDataset(const DatasetOptions &options, const Row &data,
                  const Row &labels, Parts &out) {
  const std::string &path = options.path;
  for (const Row *row : {&data, &labels})
    if (Error error = checkRow(path, *row))
      return error;
  if (isFolder(path)) {
    Error error = openFolder(path, Part::Training, data, labels, out.training);
    if (error || options.validation == 0)
      return error;
    return openFolder(path, Part::Validation, data, labels, out.validation);
  }
  // NaN is no share either.
  if (!(options.validation >= 0 && options.validation < 1))
    return badData(path, cat("validation share ", options.validation,
                             ", expected at least 0 and below 1"));
  if (path.ends_with(".bin"))
    return openTokens(options, data, labels, out);
  return openText(options, data, labels, out);
}

} // namespace attune::train
