//===- CifarDataset.cpp - CIFAR-10 and CIFAR-100, binary version ----------===//
//
// Records (cs.toronto.edu/~kriz/cifar.html) of a label, or a coarse and a fine
// one, and 32 x 32 pixels of three channels, one channel after the other: as
// the model has them, so files are mapped. Of two labels the fine one counts.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/PictureDataset.h"
#include "runtime/train/Utf8.h"
#include <algorithm>

namespace attune::train {

static constexpr PictureSize kSize = {3, 32, 32};

namespace {
struct Layout {
  std::vector<const char *> training;
  const char *validation;
  const char *names; ///< A file of the classes' names, which need not be there.
  uint64_t labelBytes;
  int64_t classes;
};
} // namespace

static Layout layoutOf(int64_t classes) {
  if (classes == 10)
    return {{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
             "data_batch_4.bin", "data_batch_5.bin"},
            "test_batch.bin",
            "batches.meta.txt",
            1,
            classes};
  return {{"train.bin"}, "test.bin", "fine_label_names.txt", 2, classes};
}

static Error readBatch(const std::string &path, const Layout &layout,
                       Pictures &pictures) {
  PictureBlock block;
  if (Error error = mapFile(path, block.memory))
    return error;
  block.offset = layout.labelBytes;
  block.stride = layout.labelBytes + uint64_t(kSize.bytes());
  uint64_t size = block.memory.size();
  if (size == 0 || size % block.stride != 0)
    return badData(path, cat("expected records of ", block.stride,
                             " bytes, found ", size / block.stride, " and ",
                             size % block.stride, " bytes"));
  block.count = int64_t(size / block.stride);
  for (int64_t i = 0; i < block.count; ++i) {
    auto label = int32_t(block.memory.data()[uint64_t(i) * block.stride +
                                             layout.labelBytes - 1]);
    if (label >= layout.classes)
      return badData(path, cat("record ", i, " has label ", label,
                               ", expected 0 to ", layout.classes - 1));
    pictures.labels.push_back(label);
  }
  pictures.blocks.push_back(std::move(block));
  return {};
}

/// One name a line; the original ends with an empty one.
static Error readNames(const std::string &path, Vocabulary &vocabulary) {
  if (!isFile(path))
    return {};
  core::Mapping file;
  if (Error error = mapFile(path, file))
    return error;
  std::string_view rest(reinterpret_cast<const char *>(file.data()),
                        file.size());
  int64_t lines = 0;
  while (!rest.empty()) {
    size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    if (!line.empty() && ++lines <= vocabulary.size)
      vocabulary.words.emplace_back(line);
  }
  for (const std::string &word : vocabulary.words)
    if (!isUtf8(word))
      return badData(path, "expected UTF-8");
  if (lines != vocabulary.size)
    return badData(path, cat("expected the names of ", vocabulary.size,
                             " classes, one a line, found ", lines));
  return {};
}

Error openCifar(const std::string &folder, int64_t classes, Part part,
                const Row &data, const Row &labels, OpenedDataset &out) {
  if (Error error = checkPictureDtypes(folder, data, labels))
    return error;
  Pictures pictures;
  pictures.size = kSize;
  if (Error error = checkPictureSize(folder, kSize, data))
    return error;
  Layout layout = layoutOf(classes);
  std::vector<const char *> files = layout.training;
  if (part == Part::Validation)
    files = {layout.validation};
  for (const char *name : files)
    if (Error error = readBatch(cat(folder, "/", name), layout, pictures))
      return error;
  pictures.vocabulary.size = classes;
  if (Error error =
          readNames(cat(folder, "/", layout.names), pictures.vocabulary))
    return error;
  out = makePictureDataset(std::move(pictures), labels);
  return {};
}

} // namespace attune::train
