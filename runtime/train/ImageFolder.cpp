//===- ImageFolder.cpp - a folder of pictures for each class --------------===//
//
// train/CLASS/*.png and val/CLASS/*.png. The classes are the folders of train,
// in the order of their names, for both parts. Pictures are decoded when the
// dataset is opened: only then is known that reading them cannot fail, and each
// is decoded once rather than once an epoch.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Image.h"
#include "runtime/train/PictureDataset.h"
#include "runtime/train/Utf8.h"
#include <algorithm>
#include <cctype>

namespace attune::train {

namespace {
struct PictureFile {
  std::string path;
  int32_t label = 0;
};
} // namespace

static bool isPictureName(std::string name) {
  for (char &letter : name)
    letter = char(std::tolower(static_cast<unsigned char>(letter)));
  return name.ends_with(".png") || name.ends_with(".ppm") ||
         name.ends_with(".pgm");
}

static Error listClasses(const std::string &part,
                         std::vector<std::string> &classes) {
  if (Error error = listFolder(part, classes))
    return error;
  for (const std::string &name : classes) {
    std::string path = cat(part, "/", name);
    if (!isFolder(path))
      return badData(path, "expected only folders here, one for each class; "
                           "move the file");
    if (!isUtf8(name))
      return badData(path, "a class is called by the name of its folder, "
                           "expected UTF-8; rename it");
  }
  return {};
}

static Error listPictures(const std::string &folder, int32_t label,
                          std::vector<PictureFile> &files) {
  std::vector<std::string> names;
  if (Error error = listFolder(folder, names))
    return error;
  for (const std::string &name : names) {
    std::string path = cat(folder, "/", name);
    if (!isPictureName(name))
      return badData(path, "expected only .png, .ppm and .pgm files here; "
                           "convert or move it");
    files.push_back({std::move(path), label});
  }
  return {};
}

/// All of a part, by class and name; `classes` are those of train.
static Error listPart(const std::string &part,
                      const std::vector<std::string> &classes,
                      std::vector<PictureFile> &files) {
  std::vector<std::string> here;
  if (Error error = listClasses(part, here))
    return error;
  for (const std::string &name : here) {
    auto found = std::lower_bound(classes.begin(), classes.end(), name);
    if (found == classes.end() || *found != name)
      return badData(cat(part, "/", name),
                     "a class that train has no folder of");
    if (Error error = listPictures(cat(part, "/", name),
                                   int32_t(found - classes.begin()), files))
      return error;
  }
  if (files.empty())
    return badData(part, "expected pictures in CLASS/ folders, found none");
  return {};
}

/// Grey pictures serve a model of colours too, each channel being the grey.
static PictureSize sizeFor(const ImageInfo &first, const Row &data) {
  int64_t pixels = first.width * first.height;
  bool isColour = data.elements() == 3 * pixels;
  return {isColour ? 3 : first.channels, first.height, first.width};
}

namespace {
/// Decodes one file after the other into pictures of one size.
class Decoder {
public:
  Decoder(std::string first, const PictureSize &size)
      : first(std::move(first)), size(size) {}

  /// Writes the channels of the picture one after the other.
  Error decode(const std::string &path, std::byte *out);

private:
  Error check(const std::string &path, const ImageInfo &info) const;

  std::string first; ///< The file that gave the size, for messages.
  PictureSize size;
  std::vector<std::byte> pixels; ///< Of the file, channels side by side.
};
} // namespace

Error Decoder::check(const std::string &path, const ImageInfo &info) const {
  if (info.width != size.width || info.height != size.height)
    return badData(path, cat(info.width, " x ", info.height, " pixels, ", first,
                             " has ", size.width, " x ", size.height,
                             "; bring all to one size"));
  if (info.channels > size.channels)
    return badData(path, "is in colour, the model's data is grey; convert it");
  return {};
}

Error Decoder::decode(const std::string &path, std::byte *out) {
  core::Mapping file;
  ImageInfo info;
  if (Error error = mapFile(path, file))
    return error;
  if (Error error = readImageInfo(file.bytes(), info))
    return error.in(path);
  if (Error error = check(path, info))
    return error;
  pixels.resize(size_t(info.bytes()));
  if (Error error = decodeImage(file.bytes(), info, pixels))
    return error.in(path);
  int64_t plane = info.width * info.height;
  for (int64_t channel = 0; channel < size.channels; ++channel) {
    int64_t from = std::min(channel, info.channels - 1);
    for (int64_t i = 0; i < plane; ++i)
      out[channel * plane + i] = pixels[size_t(i * info.channels + from)];
  }
  return {};
}

static Error readSize(const std::string &path, const Row &data,
                      PictureSize &out) {
  core::Mapping file;
  ImageInfo info;
  if (Error error = mapFile(path, file))
    return error;
  if (Error error = readImageInfo(file.bytes(), info))
    return error.in(path);
  out = sizeFor(info, data);
  return checkPictureSize(path, out, data);
}

Error openImageFolder(const std::string &folder, Part part, const Row &data,
                      const Row &labels, OpenedDataset &out) {
  if (Error error = checkPictureDtypes(folder, data, labels))
    return error;
  Pictures pictures;
  std::vector<std::string> &classes = pictures.vocabulary.words;
  if (Error error = listClasses(folder + "/train", classes))
    return error;
  pictures.vocabulary.size = int64_t(classes.size());
  std::vector<PictureFile> files;
  std::string from = folder + (part == Part::Training ? "/train" : "/val");
  if (Error error = listPart(from, classes, files))
    return error;
  if (Error error = readSize(files.front().path, data, pictures.size))
    return error;
  auto stride = uint64_t(pictures.size.bytes());
  uint64_t bytes = 0;
  // One more, which the decoder works in.
  if (__builtin_mul_overflow(stride, files.size() + 1, &bytes))
    bytes = UINT64_MAX;
  if (Error error = checkMemory(from, bytes))
    return error;
  PictureBlock block{{}, 0, stride, int64_t(files.size())};
  if (Error error =
          core::Mapping::anonymous(bytes, "the dataset", block.memory))
    return error.in(from);
  Decoder decoder(files.front().path, pictures.size);
  std::byte *at = block.memory.data();
  for (const PictureFile &file : files) {
    if (Error error = decoder.decode(file.path, at))
      return error;
    pictures.labels.push_back(file.label);
    at += stride;
  }
  pictures.blocks.push_back(std::move(block));
  out = makePictureDataset(std::move(pictures), labels);
  return {};
}

} // namespace attune::train
