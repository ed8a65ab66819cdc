//===- ImageTest.cpp - pictures, sound and not ----------------------------===//
//
// Every kind of PNG, PPM and PGM that is taken becomes the pixels that were
// written; each way to be malformed has its own sentence; damage of any byte is
// an error or other pixels, never more (sanitizers see the rest).
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Image.h"
#include "runtime/train/TestFiles.h"
#include <gtest/gtest.h>
#include <vector>

using namespace attune::train;
using namespace attune::train::test;

namespace {

using Pixels = std::vector<int>;

std::span<const std::byte> bytesOf(const std::string &text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// The first error of a picture, or "".
std::string decode(const std::string &file, ImageInfo &info, Pixels &out) {
  if (auto error = readImageInfo(bytesOf(file), info))
    return error.message();
  std::vector<std::byte> pixels(size_t(info.bytes()));
  if (auto error = decodeImage(bytesOf(file), info, pixels))
    return error.message();
  out.clear();
  for (std::byte pixel : pixels)
    out.push_back(int(pixel));
  return "";
}

std::string errorOf(const std::string &file) {
  ImageInfo info;
  Pixels pixels;
  return decode(file, info, pixels);
}

void expectPixels(const std::string &file, int64_t width, int64_t height,
                  int64_t channels, const Pixels &expected) {
  ImageInfo info;
  Pixels pixels;
  ASSERT_EQ(decode(file, info, pixels), "");
  EXPECT_EQ(info.width, width);
  EXPECT_EQ(info.height, height);
  EXPECT_EQ(info.channels, channels);
  EXPECT_EQ(pixels, expected);
}

std::string text(std::initializer_list<int> bytes) {
  std::string out;
  for (int byte : bytes)
    out += char(byte);
  return out;
}

TEST(Image, PngOfEveryKindOfColour) {
  expectPixels(Png{2, 2, 8, 0, text({0, 1, 2, 0, 3, 255}), ""}.bytes(), 2, 2, 1,
               {1, 2, 3, 255});
  expectPixels(Png{1, 2, 8, 2, text({0, 1, 2, 3, 0, 4, 5, 6}), ""}.bytes(), 1,
               2, 3, {1, 2, 3, 4, 5, 6});
  std::string palette = pngChunk("PLTE", text({10, 20, 30, 40, 50, 60}));
  expectPixels(Png{2, 1, 8, 3, text({0, 1, 0}), palette}.bytes(), 2, 1, 3,
               {40, 50, 60, 10, 20, 30});
  // Alpha is dropped, and the colour below it is what counts.
  expectPixels(Png{2, 1, 8, 4, text({0, 7, 0, 9, 255}), ""}.bytes(), 2, 1, 1,
               {7, 9});
  expectPixels(Png{1, 1, 8, 6, text({0, 7, 8, 9, 0}), ""}.bytes(), 1, 1, 3,
               {7, 8, 9});
  std::string clear = palette + pngChunk("tRNS", text({0}));
  expectPixels(Png{2, 1, 8, 3, text({0, 1, 0}), clear}.bytes(), 2, 1, 3,
               {40, 50, 60, 10, 20, 30});
  std::string grey = pngChunk("tRNS", text({0, 7}));
  expectPixels(Png{2, 1, 8, 0, text({0, 7, 8}), grey}.bytes(), 2, 1, 1, {7, 8});
}

TEST(Image, PngOfEveryDepth) {
  expectPixels(Png{8, 1, 1, 0, text({0, 0b10100000}), ""}.bytes(), 8, 1, 1,
               {255, 0, 255, 0, 0, 0, 0, 0});
  expectPixels(Png{4, 1, 2, 0, text({0, 0b00011011}), ""}.bytes(), 4, 1, 1,
               {0, 85, 170, 255});
  expectPixels(Png{2, 1, 4, 0, text({0, 0x1f}), ""}.bytes(), 2, 1, 1,
               {17, 255});
  // 16 bits are rounded: 384 / 257 is 1.49, 386 / 257 is 1.502.
  expectPixels(
      Png{3, 1, 16, 0, text({0, 1, 0x80, 1, 0x82, 255, 255}), ""}.bytes(), 3, 1,
      1, {1, 2, 255});
}

TEST(Image, PngIsNotCorrectedForGamma) {
  std::string gamma = pngChunk("gAMA", bigEndian(100000));
  expectPixels(Png{2, 1, 8, 0, text({0, 100, 200}), gamma}.bytes(), 2, 1, 1,
               {100, 200});
}

TEST(Image, PngThatIsInterlaced) {
  constexpr int left[] = {0, 4, 0, 2, 0, 1, 0}, top[] = {0, 0, 4, 0, 2, 0, 1},
                right[] = {8, 8, 4, 4, 2, 2, 1}, down[] = {8, 8, 8, 4, 4, 2, 2};
  constexpr int width = 5, height = 6;
  std::string rows;
  Pixels expected;
  for (int i = 0; i < width * height; ++i)
    expected.push_back(3 * i);
  for (int pass = 0; pass < 7; ++pass)
    for (int y = top[pass]; y < height && left[pass] < width; y += down[pass]) {
      rows += '\0';
      for (int x = left[pass]; x < width; x += right[pass])
        rows += char(expected[size_t(y * width + x)]);
    }
  expectPixels(Png{width, height, 8, 0, rows, "", 1}.bytes(), width, height, 1,
               expected);
}

TEST(Image, MalformedPng) {
  const std::string prefix = "not a usable PNG: ";
  std::string sound = greyPng(2, 2, 5);
  EXPECT_EQ(errorOf(sound + "xy"), prefix + "2 bytes follow its end");
  EXPECT_EQ(errorOf(sound.substr(0, 20)), prefix + "it ends early");
  EXPECT_EQ(errorOf(sound.substr(0, sound.size() - 1)),
            prefix + "it ends early");
  std::string other = sound;
  other[12] = 'J';
  EXPECT_EQ(errorOf(other), prefix + "it does not begin with IHDR");
  EXPECT_EQ(errorOf(greyPng(0, 0, 5)),
            prefix + "0 x 0 pixels, expected 1 to 1000000 in a direction");
  EXPECT_EQ(errorOf(Png{1000001, 1, 8, 0, "", ""}.bytes()),
            prefix +
                "1000001 x 1 pixels, expected 1 to 1000000 in a direction");
  EXPECT_EQ(errorOf(Png{2, 2, 8, 0, text({0, 1, 2, 0}), ""}.bytes()),
            prefix + "Not enough image data");
  std::string flipped = sound;
  flipped[40] ^= 1; // The name IDAT.
  EXPECT_NE(errorOf(flipped), "");
  std::string crc = sound;
  crc[30] ^= 1;
  EXPECT_EQ(errorOf(crc), prefix + "IHDR: CRC error");
}

TEST(Image, PpmAndPgm) {
  expectPixels("P6 1 2 255\n" + text({1, 2, 3, 4, 5, 6}), 1, 2, 3,
               {1, 2, 3, 4, 5, 6});
  expectPixels("P5\n# by hand # twice\n2 # wide\n1\n255\n" + text({10, 13}), 2,
               1, 1, {10, 13});
  // Other depths are scaled to 255 and rounded.
  expectPixels("P5 3 1 7\n" + text({0, 3, 7}), 3, 1, 1, {0, 109, 255});
  expectPixels("P5 2 1 65535\n" + text({1, 0x82, 255, 255}), 2, 1, 1, {2, 255});
}

TEST(Image, MalformedPpmAndPgm) {
  EXPECT_EQ(errorOf("P6 1 2 255\n12345"), "not a usable PPM: expected 6 bytes "
                                          "of pixels, found 5");
  EXPECT_EQ(errorOf("P5 1 2 255\n123"), "not a usable PGM: expected 2 bytes of "
                                        "pixels, found 3");
  EXPECT_EQ(errorOf("P5 2 1 65535\n123"), "not a usable PGM: expected 4 bytes "
                                          "of pixels, found 3");
  EXPECT_EQ(errorOf("P5 1 1 7\n\x08"), "not a usable PGM: value 8, the header "
                                       "says at most 7");
  for (const char *header : {"P5 ", "P5 1", "P5 1 1", "P5 1 1 255", "P5 a 1 2 ",
                             "P5 -1 1 255 ", "P5 1 1 255#\n1"})
    EXPECT_EQ(errorOf(header), "not a usable PGM: its header is not width, "
                               "height and largest value");
  EXPECT_EQ(errorOf("P6 1 1 0\n"), "not a usable PPM: largest value 0, "
                                   "expected 1 to 65535");
  EXPECT_EQ(errorOf("P6 99999999999999999999 1 255\n"),
            "not a usable PPM: 9999999 x 1 pixels, expected 1 to 1000000 in a "
            "direction");
  EXPECT_EQ(errorOf("P5 0 1 255\n"), "not a usable PGM: 0 x 1 pixels, "
                                     "expected 1 to 1000000 in a direction");
}

TEST(Image, OtherFiles) {
  for (const char *file : {"", "P3 1 1 255 1 2 3", "GIF89a", "P5", "\xff\xd8"})
    EXPECT_EQ(errorOf(file), "neither PNG, PPM (P6) nor PGM (P5); convert it "
                             "to one of them");
}

TEST(Image, DamageIsContained) {
  for (const std::string &sound :
       {greyPng(3, 3, 5), "P6 1 2 255\n" + text({1, 2, 3, 4, 5, 6}),
        Png{2, 1, 8, 3, text({0, 1, 0}), pngChunk("PLTE", "abcdef")}.bytes()})
    for (size_t at = 0; at < sound.size(); ++at)
      for (int bit = 0; bit < 8; ++bit) {
        std::string damaged = sound;
        damaged[at] = char(damaged[at] ^ 1 << bit);
        ImageInfo info;
        // As a caller does: a size that it did not expect is not decoded.
        if (readImageInfo(bytesOf(damaged), info) || info.bytes() > 1000)
          continue;
        errorOf(damaged);
        errorOf(damaged.substr(0, at));
      }
}

} // namespace
