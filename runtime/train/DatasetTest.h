//===- DatasetTest.h - a folder of dataset files, for tests ---------------===//
//
// Enters: bytes that a test puts into files. Leaves: the dataset, or the error,
// that they open as, and its samples as numbers.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/testing/TestPackage.h"
#include "runtime/train/Dataset.h"
#include "runtime/train/TestFiles.h"
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>

namespace attune::train::test {

using Floats = std::vector<float>;
using Integers = std::vector<int64_t>;

inline Row pictures(std::vector<int64_t> dims) {
  return {"x", ATTUNE_F32, dims};
}
inline const Row kLabel = {"y", ATTUNE_I64, {}};
inline Row tokens(int64_t length, attune_dtype dtype = ATTUNE_I64) {
  return {"tokens", dtype, {length}};
}

class DatasetTest : public ::testing::Test {
protected:
  std::string put(const std::string &name, const std::string &bytes) {
    std::filesystem::path path = folder.file(name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  /// Opens `out` and, unless its share is 0, `held`; the error, or "".
  std::string open(const DatasetOptions &options, const Row &data,
                   const Row &labels) {
    Parts parts;
    Error error = openDataset(options, data, labels, parts);
    EXPECT_TRUE(error || parts.training);
    EXPECT_TRUE(error || bool(parts.validation) == (options.validation != 0));
    out = std::move(parts.training);
    held = std::move(parts.validation);
    return error.message();
  }
  /// What is there for training in the test's folder.
  std::string open(const Row &data, const Row &labels = kLabel) {
    return open({folder.path, "char", 0}, data, labels);
  }
  /// All in it; leaves the validation part as `out`.
  std::string openHeld(const Row &data, const Row &labels = kLabel) {
    std::string error = open({folder.path}, data, labels);
    out = std::move(held);
    return error;
  }

  Floats picture(int64_t index, size_t elements, int64_t &label) {
    Floats data(elements);
    out->read(index, reinterpret_cast<std::byte *>(data.data()),
              reinterpret_cast<std::byte *>(&label));
    return data;
  }
  template <typename T>
  std::pair<std::vector<T>, std::vector<T>> window(int64_t index,
                                                   size_t length) {
    std::vector<T> data(length), labels(length);
    out->read(index, reinterpret_cast<std::byte *>(data.data()),
              reinterpret_cast<std::byte *>(labels.data()));
    return {data, labels};
  }

  std::string at(const std::string &name) { return folder.file(name) + ": "; }

  testing::TempFolder folder;
  std::unique_ptr<Dataset> out, held;
};

} // namespace attune::train::test
