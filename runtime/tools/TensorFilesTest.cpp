//===- TensorFilesTest.cpp - tensor files, sound and not ------------------===//
//
// Round trips, bytes that NumPy wrote, one case per way to be malformed, and
// random damage under sanitizers.
//
//===----------------------------------------------------------------------===//
#include "runtime/tools/TensorFiles.h"
#include "runtime/testing/TestPackage.h"
#include "runtime/train/TestFiles.h"
#include <cmath>
#include <cstring>
#include <filesystem>
#include <gmock/gmock.h>
#include <random>
#include <unistd.h>

using namespace attune::tools;
using attune::train::test::deflated;
using ::testing::HasSubstr;

namespace {

Tensor makeTensor(attune_dtype dtype, std::vector<int64_t> dims) {
  Tensor tensor;
  tensor.dtype = dtype;
  tensor.dims = std::move(dims);
  uint64_t bytes = 0;
  EXPECT_FALSE(tensorBytes(dtype, tensor.dims, bytes));
  tensor.data.resize(bytes);
  for (size_t i = 0; i < bytes; ++i)
    tensor.data[i] = std::byte(i * 7 + 1);
  return tensor;
}

void expectEqual(const Tensor &a, const Tensor &b) {
  EXPECT_EQ(a.dtype, b.dtype);
  EXPECT_EQ(a.dims, b.dims);
  EXPECT_EQ(a.data, b.data);
}

std::span<const std::byte> bytesOf(const std::string &text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// An .npy with this header literal and that much data.
std::string npy(const std::string &header, size_t dataBytes, char major = 1) {
  std::string text = std::string("\x93NUMPY") + major + '\0';
  text += char(header.size() & 255);
  text += char(header.size() >> 8);
  if (major > 1)
    text += std::string(2, '\0');
  return text + header + std::string(dataBytes, '\1');
}

std::string npyError(const std::string &text) {
  Tensor tensor;
  return parseNpy(bytesOf(text), tensor).message();
}

const NamedTensors kSome = {{"a/b", makeTensor(ATTUNE_F32, {2, 3})},
                            {"empty", makeTensor(ATTUNE_I64, {0, 5})},
                            {"scalar", makeTensor(ATTUNE_BOOL, {})},
                            {"v", makeTensor(ATTUNE_U16, {7})}};

TEST(Npy, RoundTripOfEveryDtype) {
  for (int dtype = ATTUNE_F32; dtype <= ATTUNE_BOOL; ++dtype)
    for (const auto &dims : std::vector<std::vector<int64_t>>{
             {}, {0}, {5}, {2, 3}, {1, 2, 3, 4}}) {
      Tensor tensor = makeTensor(attune_dtype(dtype), dims), back;
      std::vector<std::byte> bytes = formatNpy(tensor);
      ASSERT_EQ(parseNpy(bytes, back).message(), "");
      if (dtype == ATTUNE_BF16) {
        EXPECT_EQ(back.dtype, ATTUNE_F32);
        continue;
      }
      expectEqual(tensor, back);
      EXPECT_EQ((bytes.size() - tensor.data.size()) % 64, 0u);
    }
}

TEST(Npy, Bfloat16BecomesFloat32) {
  Tensor tensor = makeTensor(ATTUNE_BF16, {1}), back;
  tensor.data = {std::byte(0xc0), std::byte(0x3f)}; // 1.5
  ASSERT_FALSE(parseNpy(formatNpy(tensor), back));
  float value = 0;
  std::memcpy(&value, back.data.data(), 4);
  EXPECT_EQ(value, 1.5f);
}

TEST(Npy, WhatNumpyWrites) {
  Tensor tensor;
  EXPECT_EQ(npyError(npy("{'descr': '<f4', 'fortran_order': False, 'shape': "
                         "(3,), }          \n",
                         12)),
            "");
  EXPECT_EQ(npyError(npy("{'descr': '<i8', 'fortran_order': False, 'shape': "
                         "(), }\n",
                         8, 2)),
            "");
  // One axis has no order to speak of.
  EXPECT_EQ(npyError(npy("{'descr': '|u1', 'fortran_order': True, 'shape': "
                         "(3,), }\n",
                         3)),
            "");
}

TEST(Npy, Malformed) {
  const std::string prefix = "not a usable .npy: ";
  EXPECT_EQ(npyError(""), prefix + "it does not start with the magic of one");
  EXPECT_EQ(npyError("PK\3\4          "),
            prefix + "it does not start with the magic of one");
  EXPECT_EQ(npyError(npy("{}", 0, 9)),
            prefix + "format version 9, 1 to 3 are known");
  std::string cut = npy(std::string(200, ' '), 0);
  cut.resize(100);
  EXPECT_EQ(npyError(cut), prefix + "the header of 200 bytes does not end "
                                    "within the 100 of the file");
  EXPECT_EQ(npyError(npy("{'descr': '>f4', 'fortran_order': False, 'shape': "
                         "(3,)}",
                         12)),
            prefix + "dtype '>f4'; little-endian numbers and bool are "
                     "supported");
  EXPECT_EQ(npyError(npy("{'descr': '|O', 'fortran_order': False, 'shape': "
                         "(3,)}",
                         12)),
            prefix + "dtype '|O'; little-endian numbers and bool are "
                     "supported");
  EXPECT_EQ(npyError(npy("{'descr': '<f4', 'fortran_order': True, 'shape': "
                         "(3, 2)}",
                         24)),
            prefix + "the array is in Fortran order; save "
                     "np.ascontiguousarray(x)");
  EXPECT_EQ(npyError(npy("{'descr': '<f4', 'fortran_order': False, 'shape': "
                         "(3, 2)}",
                         20)),
            prefix + "its shape needs 24 bytes of data, the file has 20");
  EXPECT_EQ(npyError(npy("{'descr': '<f4', 'fortran_order': False, 'shape': "
                         "(4294967296, 4294967296)}",
                         20)),
            prefix + "the size overflows 64 bits");
  EXPECT_EQ(npyError(npy("{'descr': '<f4', 'shape': (3,)}", 12)),
            prefix + "the header lacks descr, fortran_order or shape");
  for (const char *header :
       {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (3,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': "
        "(99999999999999999999,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': "
        "(1,1,1,1,1,1,1,1,1,1,1)}",
        "{'descr': '<f4', 'descr': '<f4', 'shape': (3,)}",
        "{'descr': __import__('os')}"})
    EXPECT_EQ(npyError(npy(header, 12)),
              prefix + "the header does not hold descr, fortran_order and "
                       "shape of a plain array of rank at most 8")
        << header;
}

TEST(Npz, RoundTrip) {
  NamedTensors back;
  ASSERT_EQ(parseNpz(formatNpz(kSome), back).message(), "");
  ASSERT_EQ(back.size(), kSome.size());
  for (const auto &[name, tensor] : kSome)
    expectEqual(tensor, back.at(name));
  EXPECT_EQ(formatNpz(kSome), formatNpz(kSome));
}

TEST(Npz, Damage) {
  std::vector<std::byte> bytes = formatNpz(kSome);
  NamedTensors out;
  EXPECT_THAT(parseNpz({}, out).message(), HasSubstr("no zip directory"));
  // A bit of data: the CRC.
  std::vector<std::byte> flipped = bytes;
  flipped[150] ^= std::byte(1);
  EXPECT_THAT(parseNpz(flipped, out).message(), HasSubstr("has CRC"));
  // Another method in the directory.
  std::string text(reinterpret_cast<char *>(bytes.data()), bytes.size());
  size_t central = text.find("PK\1\2");
  bytes[central + 10] = std::byte(12);
  EXPECT_THAT(
      parseNpz(bytes, out).message(),
      HasSubstr("is packed by method 12 of zip; save it with np.savez"));
}

template <typename T>
std::string littleEndian(T value) {
  return {reinterpret_cast<const char *>(&value), sizeof value};
}

/// A zip with one packed member, as zipfile writes it.
std::string packedZip(const std::string &name, const std::string &plain,
                      const std::string &packed, uint32_t bytes) {
  uLong crc = crc32(0, reinterpret_cast<const Bytef *>(plain.data()),
                    uInt(plain.size()));
  std::string common =
      littleEndian<uint16_t>(20) + littleEndian<uint16_t>(0) +
      littleEndian<uint16_t>(8) + littleEndian<uint32_t>(0) +
      littleEndian(uint32_t(crc)) + littleEndian(uint32_t(packed.size())) +
      littleEndian(bytes) + littleEndian(uint16_t(name.size())) +
      littleEndian<uint16_t>(0);
  std::string zip = "PK\3\4" + common + name + packed;
  std::string directory = "PK\1\2" + littleEndian<uint16_t>(20) + common +
                          std::string(14, '\0') + name;
  return zip + directory + "PK\5\6" + std::string(4, '\0') +
         littleEndian<uint16_t>(1) + littleEndian<uint16_t>(1) +
         littleEndian(uint32_t(directory.size())) +
         littleEndian(uint32_t(zip.size())) + std::string(2, '\0');
}

TEST(Npz, Packed) {
  std::vector<std::byte> bytes = formatNpy(kSome.at("a/b"));
  std::string plain(reinterpret_cast<char *>(bytes.data()), bytes.size()),
      packed = deflated(plain, -15);
  auto size = uint32_t(plain.size());
  NamedTensors out;
  auto parsed = [&](const std::string &stream, uint32_t promised) {
    out.clear();
    std::string zip = packedZip("x.npy", plain, stream, promised);
    return parseNpz(bytesOf(zip), out).message();
  };
  ASSERT_EQ(parsed(packed, size), "");
  expectEqual(out.at("x"), kSome.at("a/b"));
  const std::string prefix = "not a usable .npz: member \"x.npy\"";
  for (uint32_t promised : {size - 1, size + 1})
    EXPECT_THAT(parsed(packed, promised), HasSubstr("the directory says"));
  EXPECT_THAT(parsed(packed.substr(0, packed.size() - 3), size),
              HasSubstr("it ends early or has more"));
  EXPECT_EQ(parsed("no deflate", size), prefix + ": invalid block type");
  EXPECT_EQ(parsed(packed, 3000000000),
            prefix + cat(" promises 3000000000 bytes of ", packed.size(),
                         ", which is more than deflate packs into them"));
}

// A small file of many entries would be unpacked once for each.
TEST(Npz, EntriesMayNotShareBytes) {
  std::vector<std::byte> bytes = formatNpy(kSome.at("a/b"));
  std::string plain(reinterpret_cast<char *>(bytes.data()), bytes.size());
  std::string zip =
      packedZip("x.npy", plain, deflated(plain, -15), uint32_t(plain.size()));
  size_t central = zip.find("PK\1\2"), end = zip.find("PK\5\6");
  std::string entry = zip.substr(central, end - central), all;
  constexpr uint16_t kEntries = 4;
  for (uint16_t i = 0; i < kEntries; ++i) {
    all += entry;
    all[all.size() - 5] = char('a' + i); // of the name
  }
  std::string shared = zip.substr(0, central) + all + "PK\5\6" +
                       std::string(4, '\0') + littleEndian(kEntries) +
                       littleEndian(kEntries) +
                       littleEndian(uint32_t(all.size())) +
                       littleEndian(uint32_t(central)) + std::string(2, '\0');
  NamedTensors out;
  EXPECT_THAT(parseNpz(bytesOf(shared), out).message(),
              HasSubstr("its members have more bytes than the file"));
}

template <typename To, typename From>
std::vector<To> widenedValues(attune_dtype from, attune_dtype to,
                              std::vector<From> values) {
  Tensor tensor;
  tensor.dtype = from;
  tensor.dims = {int64_t(values.size())};
  tensor.data.resize(values.size() * sizeof(From));
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  EXPECT_TRUE(isNarrower(from, to));
  Tensor wide = widened(tensor, to);
  EXPECT_EQ(wide.dtype, to);
  std::vector<To> result(values.size());
  EXPECT_EQ(wide.data.size(), values.size() * sizeof(To));
  std::memcpy(result.data(), wide.data.data(), wide.data.size());
  return result;
}

TEST(Widen, KeepsValues) {
  using ::testing::ElementsAre;
  EXPECT_THAT((widenedValues<int64_t, int32_t>(ATTUNE_I32, ATTUNE_I64,
                                               {-100, INT32_MAX})),
              ElementsAre(-100, INT32_MAX));
  EXPECT_THAT(
      (widenedValues<int64_t, uint32_t>(ATTUNE_U32, ATTUNE_I64, {UINT32_MAX})),
      ElementsAre(UINT32_MAX));
  EXPECT_THAT((widenedValues<int32_t, int8_t>(ATTUNE_I8, ATTUNE_I32, {-1})),
              ElementsAre(-1));
  EXPECT_THAT(
      (widenedValues<int64_t, uint16_t>(ATTUNE_U16, ATTUNE_I64, {65535})),
      ElementsAre(65535));
  EXPECT_THAT(
      (widenedValues<float, uint16_t>(
          ATTUNE_F16, ATTUNE_F32,
          {0x3C00, 0xC100, 0x7BFF, 1, 0x8001, 0x7C00, 0xFC00})),
      ElementsAre(1, -2.5, 65504, 0x1p-24, -0x1p-24, INFINITY, -INFINITY));
  EXPECT_TRUE(std::isnan(
      widenedValues<float, uint16_t>(ATTUNE_F16, ATTUNE_F32, {0x7E00})[0]));
  EXPECT_THAT((widenedValues<float, uint16_t>(ATTUNE_BF16, ATTUNE_F32,
                                              {0x3F80, 0xC020})),
              ElementsAre(1, -2.5));
  for (auto [from, to] : {std::pair(ATTUNE_I64, ATTUNE_I32),
                          {ATTUNE_U32, ATTUNE_I32},
                          {ATTUNE_BOOL, ATTUNE_I64},
                          {ATTUNE_F64, ATTUNE_F32},
                          {ATTUNE_I32, ATTUNE_F32}})
    EXPECT_FALSE(isNarrower(from, to));
}

TEST(Safetensors, RoundTrip) {
  NamedTensors tensors = kSome, back;
  tensors["b"] = makeTensor(ATTUNE_BF16, {4});
  ASSERT_EQ(parseSafetensors(formatSafetensors(tensors), back).message(), "");
  ASSERT_EQ(back.size(), tensors.size());
  for (const auto &[name, tensor] : tensors)
    expectEqual(tensor, back.at(name));
}

std::string safetensorsError(const std::string &header, size_t dataBytes) {
  uint64_t length = header.size();
  std::string text(reinterpret_cast<const char *>(&length), 8);
  text += header + std::string(dataBytes, '\1');
  NamedTensors out;
  return parseSafetensors(bytesOf(text), out).message();
}

TEST(Safetensors, Malformed) {
  const std::string prefix = "not a usable .safetensors: ";
  EXPECT_EQ(safetensorsError(R"({"a":{"dtype":"F32","shape":[2],)"
                             R"("data_offsets":[0,8]},"__metadata__":{}})",
                             8),
            "");
  EXPECT_EQ(safetensorsError("[1]", 0),
            prefix + "the header is no JSON object");
  EXPECT_EQ(safetensorsError(R"({"a":{"dtype":"F8","shape":[2],)"
                             R"("data_offsets":[0,8]}})",
                             8),
            "tensor \"a\": " + prefix + "dtype F8 is not supported");
  EXPECT_EQ(safetensorsError(R"({"a":{"dtype":"F32","shape":[-2],)"
                             R"("data_offsets":[0,8]}})",
                             8),
            "tensor \"a\": " + prefix + "shape is no list of at most 8 sizes");
  EXPECT_EQ(safetensorsError(R"({"a":{"dtype":"F32","shape":[2],)"
                             R"("data_offsets":[0,80]}})",
                             8),
            "tensor \"a\": " + prefix +
                "data_offsets do not lie in the 8 bytes of data");
  EXPECT_EQ(safetensorsError(R"({"a":{"dtype":"F32","shape":[3],)"
                             R"("data_offsets":[0,8]}})",
                             8),
            "tensor \"a\": " + prefix +
                "its shape needs 12 bytes, data_offsets span 8");
  EXPECT_EQ(safetensorsError(R"({"a":{"dtype":"U8","shape":[2],)"
                             R"("data_offsets":[0,2]},"b":{"dtype":"U8",)"
                             R"("shape":[2],"data_offsets":[1,3]}})",
                             3),
            prefix + "data from byte 1 to 2 belongs to two tensors");
  EXPECT_EQ(safetensorsError(R"({"a":{"dtype":"U8","shape":[2],)"
                             R"("data_offsets":[1,3]}})",
                             3),
            prefix + "data from byte 0 to 1 belongs to no tensor");
  EXPECT_EQ(safetensorsError(R"({"a":{"dtype":"U8","shape":[2],)"
                             R"("data_offsets":[0,2]}})",
                             3),
            prefix + "tensors end at byte 2, the data at 3");
  NamedTensors out;
  EXPECT_EQ(parseSafetensors(bytesOf("\xff\xff\xff\xff\xff\xff\xff\x7f"), out)
                .message(),
            prefix + "a header of 9223372036854775807 bytes in a file of 8");
}

TEST(TensorFiles, RandomDamageIsHarmless) {
  std::string plain = npy("{'descr': '|u1', 'fortran_order': False, 'shape': "
                          "(300,), }",
                          300);
  std::string zip =
      packedZip("x.npy", plain, deflated(plain, -15), uint32_t(plain.size()));
  std::span<const std::byte> packed = bytesOf(zip);
  const std::vector<std::byte> sound[] = {formatNpy(kSome.at("a/b")),
                                          formatNpz(kSome),
                                          formatSafetensors(kSome),
                                          {packed.begin(), packed.end()}};
  for (uint32_t seed = 0; seed < 4000; ++seed) {
    std::mt19937 random(seed);
    std::vector<std::byte> bytes = sound[seed % 4];
    for (uint32_t i = 0; i <= random() % 4; ++i)
      bytes[random() % bytes.size()] = std::byte(random());
    if (random() % 4 == 0)
      bytes.resize(random() % bytes.size());
    NamedTensors many;
    Tensor one;
    (void)parseNpy(bytes, one).status();
    (void)parseNpz(bytes, many).status();
    many.clear();
    (void)parseSafetensors(bytes, many).status();
  }
}

TEST(TensorFiles, UnknownExtension) {
  NamedTensors out;
  EXPECT_EQ(writeTensors("x.bin", kSome).message(),
            "x.bin: expected the extension .npy, .npz or .safetensors");
  EXPECT_EQ(writeTensors("x.npy", kSome).message(),
            "x.npy: an .npy holds one tensor, there are 4; use .npz or "
            ".safetensors");
}

TEST(WriteFile, FollowsLinksAndKeepsDevices) {
  attune::testing::TempFolder folder;
  const std::string link = folder.file("link.npz"), file = folder.file("a.npz");
  ASSERT_EQ(::symlink("a.npz", link.c_str()), 0);
  for (int i = 0; i < 2; ++i) { // a new file, then the one that is there
    ASSERT_EQ(writeTensors(link, kSome).message(), "");
    EXPECT_TRUE(std::filesystem::is_symlink(link));
    EXPECT_TRUE(std::filesystem::is_regular_file(file));
  }
  const std::string loop = folder.file("loop.npz");
  ASSERT_EQ(::symlink("loop.npz", loop.c_str()), 0);
  EXPECT_EQ(writeTensors(loop, kSome).message(),
            loop + ": a link that leads nowhere");
  EXPECT_EQ(checkWritable("/dev/null").message(),
            "/dev/null: expected a regular file or a new one");
}

TEST(WriteFile, IsCheckedBefore) {
  attune::testing::TempFolder folder;
  EXPECT_EQ(checkWritable(folder.file("a")).message(), "");
  EXPECT_FALSE(std::filesystem::exists(folder.file("a")));
  EXPECT_EQ(checkWritable("a").message(), "");
  EXPECT_EQ(checkWritable(folder.file("b/a")).message(),
            folder.file("b/a") + ": cannot write into the folder \"" +
                folder.file("b/") + "\": No such file or directory");
}

} // namespace
