//===- PictureDataset.cpp - pictures of one size with a class each --------===//
//
// See PictureDataset.h. Pictures stay bytes until they are read: a quarter of
// the memory of f32, and files that lie on disk like that stay there.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/PictureDataset.h"
#include <array>
#include <cstring>

namespace attune::train {

namespace {

class PictureDataset final : public Dataset {
public:
  PictureDataset(Pictures pictures, attune_dtype labelDtype)
      : pictures(std::move(pictures)), labelDtype(labelDtype) {}

  int64_t size() const override { return int64_t(pictures.labels.size()); }
  const Vocabulary &vocabulary() const override { return pictures.vocabulary; }
  void read(int64_t index, std::byte *data, std::byte *labels) const override;

private:
  const std::byte *find(int64_t index) const {
    size_t block = 0;
    while (index >= pictures.blocks[block].count)
      index -= pictures.blocks[block++].count;
    const PictureBlock &found = pictures.blocks[block];
    return found.memory.data() + found.offset + uint64_t(index) * found.stride;
  }

  Pictures pictures;
  attune_dtype labelDtype;
};

} // namespace

/// Divided, not multiplied by 1/255, which would round twice.
static constexpr std::array<float, 256> kShades = [] {
  std::array<float, 256> result{};
  for (int i = 0; i < 256; ++i)
    result[size_t(i)] = float(i) / 255.0f;
  return result;
}();

void PictureDataset::read(int64_t index, std::byte *data,
                          std::byte *labels) const {
  const std::byte *from = find(index);
  for (int64_t i = 0; data && i < pictures.size.bytes(); ++i)
    std::memcpy(data + 4 * i, &kShades[size_t(from[i])], 4);
  if (labels)
    writeInteger(labelDtype, labels, 0, pictures.labels[size_t(index)]);
}

Error checkPictureDtypes(const std::string &path, const Row &data,
                         const Row &labels) {
  if (data.dtype != ATTUNE_F32)
    return badData(
        path, cat("pictures are f32, the model's data is ", describe(data)));
  if (!isInteger(labels) || labels.elements() != 1)
    return badData(path, cat("a picture has one label, i64 or i32, the "
                             "model's labels are ",
                             describe(labels)));
  return {};
}

Error checkPictureSize(const std::string &path, const PictureSize &size,
                       const Row &data) {
  if (size.bytes() == data.elements())
    return {};
  return badData(path, cat("pictures are [", size.channels, ", ", size.height,
                           ", ", size.width, "], ", size.bytes(),
                           " numbers, the model's data is ", describe(data),
                           ", ", data.elements(), " numbers"));
}

OpenedDataset makePictureDataset(Pictures pictures, const Row &labels) {
  return std::make_unique<PictureDataset>(std::move(pictures), labels.dtype);
}

} // namespace attune::train
