//===- Image.cpp - PNG, PPM and PGM pictures ------------------------------===//
//
// PNG by libpng. It reports errors by longjmp, so that the functions between
// setjmp and libpng have no destructors to miss. PPM and PGM (netpbm): a header
// of numbers in text, then the pixels.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Image.h"
#include <csetjmp>
#include <cstring>
#include <png.h>
#include <string>

namespace attune::train {

using core::cat;
using core::Error;

static constexpr int64_t kMostPixels = 1000000; ///< In a direction.

static Error bad(std::string fact) {
  return {ATTUNE_INVALID_ARGUMENT, std::move(fact)};
}

static Error endsEarly(const char *kind) {
  return bad(cat("not a usable ", kind, ": it ends early"));
}

static Error checkInfo(const char *kind, const ImageInfo &info) {
  if (info.width >= 1 && info.height >= 1 && info.width <= kMostPixels &&
      info.height <= kMostPixels)
    return {};
  return bad(cat("not a usable ", kind, ": ", info.width, " x ", info.height,
                 " pixels, expected 1 to ", kMostPixels, " in a direction"));
}

//===----------------------------------------------------------------------===//
// PNG
//===----------------------------------------------------------------------===//

static constexpr size_t kSignatureBytes = 8, kHeaderEnd = 33;

static bool isPng(std::span<const std::byte> file) {
  return file.size() >= kSignatureBytes &&
         png_sig_cmp(reinterpret_cast<png_const_bytep>(file.data()), 0,
                     kSignatureBytes) == 0;
}

/// The first chunk; its checksum is libpng's to check.
static Error readPngInfo(std::span<const std::byte> file, ImageInfo &out) {
  if (file.size() < kHeaderEnd)
    return endsEarly("PNG");
  const auto *header = reinterpret_cast<png_const_bytep>(file.data()) + 8;
  if (std::memcmp(header + 4, "IHDR", 4) != 0)
    return bad("not a usable PNG: it does not begin with IHDR");
  out.width = png_get_uint_32(header + 8);
  out.height = png_get_uint_32(header + 12);
  out.channels = header[17] & PNG_COLOR_MASK_COLOR ? 3 : 1;
  return checkInfo("PNG", out);
}

namespace {
/// What libpng's callbacks share. Nothing in it has a destructor.
struct PngReader {
  std::span<const std::byte> rest;
  png_structp png = nullptr;
  png_infop info = nullptr;
  char message[128] = {};
};
} // namespace

extern "C" {
static void failPng(png_structp png, png_const_charp message) {
  auto *reader = static_cast<PngReader *>(png_get_error_ptr(png));
  std::strncpy(reader->message, message, sizeof reader->message - 1);
  png_longjmp(png, 1);
}

static void ignorePngWarning(png_structp, png_const_charp) {}

static void readPngBytes(png_structp png, png_bytep out, size_t count) {
  auto *reader = static_cast<PngReader *>(png_get_io_ptr(png));
  if (count > reader->rest.size())
    png_error(png, "it ends early");
  std::memcpy(out, reader->rest.data(), count);
  reader->rest = reader->rest.subspan(count);
}
}

/// Whatever the file has becomes grey or RGB of 8 bits.
static void decodePngRows(PngReader &reader, const ImageInfo &info,
                          png_bytep pixels) {
  png_structp png = reader.png;
  png_set_user_limits(png, png_uint_32(info.width), png_uint_32(info.height));
  // Text, profiles and the like could only take memory.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(png, reader.info);
  png_set_scale_16(png);
  png_set_expand(png);
  png_set_strip_alpha(png);
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, reader.info);
  auto stride = size_t(info.width * info.channels);
  if (png_get_image_width(png, reader.info) != info.width ||
      png_get_image_height(png, reader.info) != info.height ||
      png_get_rowbytes(png, reader.info) != stride)
    png_error(png, "its pixels do not have the form that IHDR says");
  for (int pass = 0; pass < passes; ++pass)
    for (int64_t y = 0; y < info.height; ++y)
      png_read_row(png, pixels + size_t(y) * stride, nullptr);
  png_read_end(png, nullptr);
}

static bool runPng(PngReader &reader, const ImageInfo &info, png_bytep pixels) {
  if (setjmp(png_jmpbuf(reader.png)))
    return false;
  decodePngRows(reader, info, pixels);
  return true;
}

static Error decodePng(std::span<const std::byte> file, const ImageInfo &info,
                       std::span<std::byte> pixels) {
  PngReader reader;
  reader.rest = file;
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, failPng,
                                      ignorePngWarning);
  reader.info = reader.png ? png_create_info_struct(reader.png) : nullptr;
  bool done = false;
  if (reader.info) {
    png_set_read_fn(reader.png, &reader, readPngBytes);
    done = runPng(reader, info, reinterpret_cast<png_bytep>(pixels.data()));
  }
  png_destroy_read_struct(&reader.png, &reader.info, nullptr);
  if (!done && !reader.message[0])
    return {ATTUNE_OUT_OF_MEMORY, "no memory for libpng"};
  if (!done)
    return bad(cat("not a usable PNG: ", reader.message));
  if (!reader.rest.empty())
    return bad(
        cat("not a usable PNG: ", reader.rest.size(), " bytes follow its end"));
  return {};
}

//===----------------------------------------------------------------------===//
// PPM and PGM
//===----------------------------------------------------------------------===//

namespace {
/// The header of a netpbm file, and where the pixels begin.
struct PnmHeader {
  ImageInfo info;
  int64_t deepest = 0; ///< The value of white.
  size_t end = 0;

  const char *kind() const { return info.channels == 3 ? "PPM" : "PGM"; }
  int64_t sampleBytes() const { return deepest > 255 ? 2 : 1; }
};
} // namespace

static bool isSpace(std::byte byte) {
  return byte == std::byte(' ') ||
         (byte >= std::byte('\t') && byte <= std::byte('\r'));
}

/// Spaces and comments, then digits of at most a million and one.
static bool takeNumber(std::span<const std::byte> file, size_t &at,
                       int64_t &out) {
  while (at < file.size() && (isSpace(file[at]) || file[at] == std::byte('#')))
    if (file[at++] == std::byte('#'))
      while (at < file.size() && file[at] != std::byte('\n'))
        ++at;
  size_t first = at;
  for (out = 0; at < file.size() && file[at] >= std::byte('0') &&
                file[at] <= std::byte('9');
       ++at)
    out = out > kMostPixels ? out : out * 10 + (int64_t(file[at]) - '0');
  return at > first;
}

static bool isPnm(std::span<const std::byte> file) {
  return file.size() >= 3 && file[0] == std::byte('P') &&
         (file[1] == std::byte('5') || file[1] == std::byte('6')) &&
         isSpace(file[2]);
}

static Error readPnmHeader(std::span<const std::byte> file, PnmHeader &out) {
  out.info.channels = file[1] == std::byte('6') ? 3 : 1;
  size_t at = 2;
  if (!takeNumber(file, at, out.info.width) ||
      !takeNumber(file, at, out.info.height) ||
      !takeNumber(file, at, out.deepest) || at == file.size() ||
      !isSpace(file[at]))
    return bad(cat("not a usable ", out.kind(),
                   ": its header is not width, "
                   "height and largest value"));
  out.end = at + 1;
  if (out.deepest < 1 || out.deepest > 65535)
    return bad(cat("not a usable ", out.kind(), ": largest value ", out.deepest,
                   ", expected 1 to 65535"));
  return checkInfo(out.kind(), out.info);
}

static Error decodePnm(std::span<const std::byte> file,
                       std::span<std::byte> pixels) {
  PnmHeader header;
  if (Error error = readPnmHeader(file, header))
    return error;
  uint64_t expected = uint64_t(header.info.bytes() * header.sampleBytes());
  auto data = file.subspan(header.end);
  if (data.size() != expected)
    return bad(cat("not a usable ", header.kind(), ": expected ", expected,
                   " bytes of pixels, found ", data.size()));
  for (size_t i = 0; i < pixels.size(); ++i) {
    int64_t value = header.sampleBytes() == 2
                        ? int64_t(data[2 * i]) << 8 | int64_t(data[2 * i + 1])
                        : int64_t(data[i]);
    if (value > header.deepest)
      return bad(cat("not a usable ", header.kind(), ": value ", value,
                     ", the header says at most ", header.deepest));
    pixels[i] = std::byte((value * 255 + header.deepest / 2) / header.deepest);
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Either
//===----------------------------------------------------------------------===//

Error readImageInfo(std::span<const std::byte> file, ImageInfo &out) {
  if (isPng(file))
    return readPngInfo(file, out);
  if (!isPnm(file))
    return bad("neither PNG, PPM (P6) nor PGM (P5); convert it to one of them");
  PnmHeader header;
  if (Error error = readPnmHeader(file, header))
    return error;
  out = header.info;
  return {};
}

Error decodeImage(std::span<const std::byte> file, const ImageInfo &info,
                  std::span<std::byte> pixels) {
  return isPng(file) ? decodePng(file, info, pixels) : decodePnm(file, pixels);
}

} // namespace attune::train
