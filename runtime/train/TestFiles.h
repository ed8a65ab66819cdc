//===- TestFiles.h - bytes of dataset files, for tests --------------------===//
//
// Written by the rules of the formats, and not by the libraries that read them;
// only deflate and CRC-32 are zlib's.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstdint>
#include <string>
#include <zlib.h>

namespace attune::train::test {

inline std::string bigEndian(uint32_t value) {
  return {char(value >> 24), char(value >> 16), char(value >> 8), char(value)};
}

/// windowBits of zlib: 15 a zlib stream, 31 a .gz.
inline std::string deflated(const std::string &bytes, int windowBits) {
  z_stream stream = {};
  deflateInit2(&stream, 9, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  std::string in = bytes;
  stream.next_in = reinterpret_cast<Bytef *>(in.data());
  stream.avail_in = uInt(in.size());
  stream.next_out = reinterpret_cast<Bytef *>(out.data());
  stream.avail_out = uInt(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string gzipOf(const std::string &bytes) {
  return deflated(bytes, 31);
}

inline std::string pngChunk(const std::string &kind, const std::string &data) {
  std::string checked = kind + data;
  uLong crc = crc32(0, reinterpret_cast<const Bytef *>(checked.data()),
                    uInt(checked.size()));
  return bigEndian(uint32_t(data.size())) + checked + bigEndian(uint32_t(crc));
}

struct Png {
  uint32_t width, height;
  int depth, colour; ///< 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.
  std::string rows;  ///< A filter byte (0), then the pixels, of each row.
  std::string more;  ///< Chunks before the pixels.
  int interlace = 0;

  std::string bytes() const {
    return "\x89PNG\r\n\x1a\n" +
           pngChunk("IHDR", bigEndian(width) + bigEndian(height) + char(depth) +
                                char(colour) + std::string(2, '\0') +
                                char(interlace)) +
           more + pngChunk("IDAT", deflated(rows, 15)) + pngChunk("IEND", "");
  }
};

/// A grey picture of one shade.
inline std::string greyPng(uint32_t width, uint32_t height, char shade) {
  std::string rows;
  for (uint32_t y = 0; y < height; ++y)
    rows += '\0' + std::string(width, shade);
  return Png{width, height, 8, 0, rows, ""}.bytes();
}

} // namespace attune::train::test
