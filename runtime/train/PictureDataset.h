//===- PictureDataset.h - pictures of one size with a class each ----------===//
//
// Enters: pictures as bytes in memory, channels first, and their classes; a
// reader has checked both. Leaves: rows of f32 in [0, 1] and a label.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/train/Readers.h"

namespace attune::train {

struct PictureSize {
  int64_t channels = 0, height = 0, width = 0;
  int64_t bytes() const { return channels * height * width; }
};

/// Pictures at equal distances in one piece of memory.
struct PictureBlock {
  core::Mapping memory;
  uint64_t offset = 0; ///< Of the first.
  uint64_t stride = 0; ///< From one to the next.
  int64_t count = 0;
};

struct Pictures {
  PictureSize size;
  std::vector<PictureBlock> blocks;
  std::vector<int32_t> labels; ///< Of all blocks, in order.
  Vocabulary vocabulary;
};

/// Whether the model takes pictures of any size, and one label for each.
Error checkPictureDtypes(const std::string &path, const Row &data,
                         const Row &labels);
/// Whether it takes pictures of this size, under any dims.
Error checkPictureSize(const std::string &path, const PictureSize &size,
                       const Row &data);

/// Takes pictures that both checks have passed.
OpenedDataset makePictureDataset(Pictures pictures, const Row &labels);

} // namespace attune::train
