//===- IdxDataset.cpp - MNIST and what is written like it -----------------===//
//
// IDX (yann.lecun.com/exdb/mnist): two zero bytes, a type, the rank, the dims
// as big-endian 32 bits, the data. Pictures are bytes of rank 3, labels bytes
// of rank 1. A plain file is mapped, a .gz unpacked.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/GzipFile.h"
#include "runtime/train/PictureDataset.h"
#include <algorithm>

namespace attune::train {

namespace {

/// Opened in two steps, so that both files of a part have been compared before
/// memory is taken for either.
class IdxFile {
public:
  /// Finds NAME or NAME.gz in the folder and reads its header.
  Error open(const std::string &folder, const std::string &name, size_t rank);
  /// Unpacks what is not mapped.
  Error load();

  uint64_t bytesToUnpack() const { return isPacked ? bytes : 0; }
  std::span<const std::byte> data() const {
    return memory.bytes().subspan(offset, bytes);
  }

  std::string path;
  std::vector<uint32_t> dims;
  core::Mapping memory;
  uint64_t offset = 0; ///< Of the data in memory.

private:
  Error openPlain(size_t rank);
  Error openPacked(size_t rank);
  Error readHeader(std::span<const std::byte> header, size_t rank);

  GzipFile packed;
  bool isPacked = false;
  uint64_t bytes = 0; ///< Of the data.
};

} // namespace

static constexpr uint32_t kUnsignedBytes = 8;

static uint32_t bigEndian(std::span<const std::byte> bytes) {
  uint32_t value = 0;
  for (std::byte byte : bytes.first(4))
    value = value << 8 | uint32_t(byte);
  return value;
}

static size_t headerBytes(size_t rank) { return 4 + 4 * rank; }

Error IdxFile::readHeader(std::span<const std::byte> header, size_t rank) {
  uint32_t magic = bigEndian(header);
  if (uint32_t expected = kUnsignedBytes << 8 | uint32_t(rank);
      magic != expected)
    return badData(path,
                   cat("expected magic ", expected, " (IDX, bytes of rank ",
                       rank, "), found ", magic));
  bytes = 1;
  for (size_t i = 0; i < rank; ++i) {
    dims.push_back(bigEndian(header.subspan(4 + 4 * i)));
    if (dims.back() == 0)
      return badData(path, cat("dim ", i, " is 0"));
    if (__builtin_mul_overflow(bytes, dims.back(), &bytes))
      return badData(path, "the size that its dims promise overflows 64 bits");
  }
  return {};
}

Error IdxFile::openPlain(size_t rank) {
  if (Error error = mapFile(path, memory))
    return error;
  offset = headerBytes(rank);
  uint64_t size = memory.size();
  if (size < offset)
    return badData(path, cat("ends early: the header alone has ", offset,
                             " bytes, the file ", size));
  if (Error error = readHeader(memory.bytes(), rank))
    return error;
  if (bytes == size - offset)
    return {};
  return badData(path, cat("its dims promise ", bytes,
                           " bytes of data, the file has ", size - offset));
}

Error IdxFile::openPacked(size_t rank) {
  isPacked = true;
  if (Error error = packed.open(path))
    return error;
  std::vector<std::byte> header(headerBytes(rank));
  if (Error error = packed.read(header))
    return error;
  if (Error error = readHeader(header, rank))
    return error;
  if (bytes <= packed.mostUnpacked())
    return {};
  return badData(path, cat("its dims promise ", bytes,
                           " bytes of data, more than a .gz of its size can "
                           "hold"));
}

Error IdxFile::open(const std::string &folder, const std::string &name,
                    size_t rank) {
  path = cat(folder, "/", name);
  if (isFile(path))
    return openPlain(rank);
  path += ".gz";
  if (isFile(path))
    return openPacked(rank);
  return badData(
      folder, cat("expected ", name, " or ", name, ".gz in it, found neither"));
}

Error IdxFile::load() {
  if (!isPacked)
    return {};
  if (Error error = core::Mapping::anonymous(bytes, "the dataset", memory))
    return error.in(path);
  if (Error error = packed.read({memory.data(), bytes}))
    return error;
  return packed.finish();
}

/// What can be known of both files by their headers.
static Error checkHeaders(const IdxFile &images, const IdxFile &classes,
                          const PictureSize &size, const Row &data) {
  if (images.dims[0] != classes.dims[0])
    return badData(classes.path,
                   cat("has ", classes.dims[0], " labels, ", images.path,
                       " has ", images.dims[0], " pictures"));
  if (Error error = checkPictureSize(images.path, size, data))
    return error;
  return checkMemory(images.path, images.bytesToUnpack() +
                                      classes.bytesToUnpack() +
                                      sizeof(int32_t) * images.dims[0]);
}

Error openIdx(const std::string &folder, Part part, const Row &data,
              const Row &labels, OpenedDataset &out) {
  if (Error error = checkPictureDtypes(folder, data, labels))
    return error;
  std::string prefix = part == Part::Training ? "train" : "t10k";
  IdxFile images, classes;
  if (Error error = images.open(folder, prefix + "-images-idx3-ubyte", 3))
    return error;
  if (Error error = classes.open(folder, prefix + "-labels-idx1-ubyte", 1))
    return error;
  Pictures pictures;
  pictures.size = {1, images.dims[1], images.dims[2]};
  if (Error error = checkHeaders(images, classes, pictures.size, data))
    return error;
  for (IdxFile *file : {&images, &classes})
    if (Error error = file->load())
      return error;
  for (std::byte label : classes.data())
    pictures.labels.push_back(int32_t(label));
  pictures.vocabulary.size =
      *std::max_element(pictures.labels.begin(), pictures.labels.end()) + 1;
  pictures.blocks.push_back({std::move(images.memory), images.offset,
                             uint64_t(pictures.size.bytes()), images.dims[0]});
  out = makePictureDataset(std::move(pictures), labels);
  return {};
}

} // namespace attune::train
