//===- GzipFile.cpp - a .gz read from its start to its end ----------------===//
//
// zlib over a mapped file. A .gz may have several members, one after the other
// (RFC 1952, 2.2); all count.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/GzipFile.h"
#include <algorithm>

namespace attune::train {

/// zlib counts in 32 bits.
static constexpr uint64_t kMostAtOnce = uint64_t(1) << 30;
/// A window of 32 KiB, and the header of gzip rather than of zlib.
static constexpr int kGzipWindow = 15 + 16;

GzipFile::~GzipFile() {
  if (isOpen)
    ::inflateEnd(&stream);
}

Error GzipFile::open(const std::string &file) {
  path = file;
  if (Error error = mapFile(path, this->file))
    return error;
  if (::inflateInit2(&stream, kGzipWindow) != Z_OK)
    return {ATTUNE_OUT_OF_MEMORY, cat(path, ": no memory for zlib")};
  isOpen = true;
  return {};
}

/// Unpacks until `out` is full or the file ends.
Error GzipFile::unpack(std::span<std::byte> out, uint64_t &count) {
  count = 0;
  while (count < out.size() && !hasEnded) {
    stream.next_in = reinterpret_cast<const Bytef *>(file.data()) + consumed;
    stream.avail_in = uInt(std::min(file.size() - consumed, kMostAtOnce));
    stream.next_out = reinterpret_cast<Bytef *>(out.data()) + count;
    stream.avail_out = uInt(std::min(out.size() - count, kMostAtOnce));
    uInt in = stream.avail_in, room = stream.avail_out;
    int code = ::inflate(&stream, Z_NO_FLUSH);
    consumed += in - stream.avail_in;
    count += room - stream.avail_out;
    if (code == Z_STREAM_END) {
      hasEnded = consumed == file.size();
      ::inflateReset(&stream);
    } else if (code == Z_BUF_ERROR) {
      // There is room, so what lacks is input.
      return badData(path, cat("not a usable .gz: it ends early, after ",
                               produced + count, " unpacked bytes"));
    } else if (code != Z_OK) {
      return badData(path, cat("not a usable .gz: ",
                               stream.msg ? stream.msg : "damaged data"));
    }
  }
  produced += count;
  return {};
}

Error GzipFile::read(std::span<std::byte> out) {
  uint64_t count = 0, before = produced;
  if (Error error = unpack(out, count))
    return error;
  if (count == out.size())
    return {};
  return badData(path, cat("ends early: expected ", before + out.size(),
                           " unpacked bytes, found ", produced));
}

Error GzipFile::finish() {
  std::byte more[1];
  uint64_t count = 0, before = produced;
  if (Error error = unpack(more, count))
    return error;
  if (count == 0)
    return {};
  return badData(
      path, cat("expected ", before, " unpacked bytes, found more after them"));
}

} // namespace attune::train
