// Enters: any bytes, the first of which says of which format, as the files of
// a dataset. Must leave: one error, or a dataset of which every sample can be
// read and has labels below the size of its vocabulary; training relies on
// that.
#include "runtime/testing/TestPackage.h"
#include "runtime/train/Dataset.h"
#include <cstring>
#include <filesystem>

using namespace attune::train;

namespace {

constexpr int64_t kLength = 4; // Of windows; a picture has as many pixels.

/// Each input has a folder of its own, on memory where there is such.
class Folder {
public:
  void put(const std::string &name, std::string_view bytes) {
    std::filesystem::path path = folder.file(name);
    std::filesystem::create_directories(path.parent_path());
    attune::testing::writeFile(path, {bytes.begin(), bytes.end()});
  }
  std::string path(const std::string &name = "") const {
    return name.empty() ? folder.path : folder.file(name);
  }

private:
  attune::testing::TempFolder folder;
};

void readAll(const Dataset &dataset, const Row &data, const Row &labels) {
  int64_t size = dataset.size();
  if (size < 1)
    __builtin_trap();
  std::vector<std::byte> row(size_t(data.elements()) * 8);
  std::vector<int64_t> label(size_t(labels.elements()));
  for (int64_t index = 0; index < size; ++index) {
    dataset.read(index, row.data(),
                 reinterpret_cast<std::byte *>(label.data()));
    for (int64_t value : label)
      if (value < 0 || value >= dataset.vocabulary().size)
        __builtin_trap();
  }
}

/// Without a validation part and with one, which may be what is not sound.
void readParts(DatasetOptions options, const Row &data, const Row &labels) {
  for (double share : {0.0, 0.1}) {
    Parts parts;
    options.validation = share;
    if (openDataset(options, data, labels, parts))
      continue;
    readAll(*parts.training, data, labels);
    if (parts.validation)
      readAll(*parts.validation, data, labels);
  }
}

void readPictures(const Folder &folder, std::vector<int64_t> dims) {
  readParts({folder.path()}, {"x", ATTUNE_F32, dims}, {"y", ATTUNE_I64, {}});
}

void readWindows(const DatasetOptions &options) {
  const Row row = {"x", ATTUNE_I64, {kLength}};
  readParts(options, row, row);
}

/// Two files in one: the first byte says where the second begins.
std::pair<std::string_view, std::string_view> split(std::string_view bytes) {
  if (bytes.empty())
    return {};
  size_t first =
      std::min(size_t(static_cast<unsigned char>(bytes[0])), bytes.size() - 1);
  return {bytes.substr(1, first), bytes.substr(1 + first)};
}

void readIdx(std::string_view bytes, const std::string &extension) {
  auto [labels, images] = split(bytes);
  Folder folder;
  folder.put("train-images-idx3-ubyte" + extension, images);
  folder.put("train-labels-idx1-ubyte" + extension, labels);
  readPictures(folder, {kLength});
}

void readCifar(std::string_view bytes) {
  auto [names, records] = split(bytes);
  Folder folder;
  folder.put("train.bin", records);
  folder.put("test.bin", records);
  folder.put("fine_label_names.txt", names);
  readPictures(folder, {3, 32, 32});
}

/// As a picture of one channel and of three, and beside a sound one.
void readImages(std::string_view bytes) {
  Folder folder;
  folder.put("train/a/1.png", bytes);
  folder.put("val/a/1.pgm", std::string("P5 2 2 255\n1234"));
  folder.put("val/a/2.png", bytes);
  readPictures(folder, {1, 2, 2});
  readPictures(folder, {3, 2, 2});
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  std::string_view bytes(reinterpret_cast<const char *>(data) + 1, size - 1);
  Folder folder;
  switch (data[0]) {
  case 'i':
    readIdx(bytes, "");
    break;
  case 'z':
    readIdx(bytes, ".gz");
    break;
  case 'c':
    readCifar(bytes);
    break;
  case 'p':
    readImages(bytes);
    break;
  case 't':
    folder.put("t.bin", bytes);
    readWindows({folder.path("t.bin")});
    break;
  default:
    folder.put("t.txt", bytes);
    readWindows({folder.path("t.txt"), "char"});
    readWindows({folder.path("t.txt"), "byte"});
  }
  return 0;
}
