//===- PictureDatasetTest.cpp - pictures of every format, sound and not ---===//
//
// IDX, CIFAR and folders of pictures from bytes that the test writes; every
// refusal with its sentence. What a sample must be is computed from those bytes
// here.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/DatasetTest.h"
#include <unistd.h>

using namespace attune::train;
using namespace attune::train::test;
using ::testing::ElementsAre;
using ::testing::StartsWith;

namespace {

//===----------------------------------------------------------------------===//
// IDX
//===----------------------------------------------------------------------===//

std::string idx(uint32_t magic, std::vector<uint32_t> dims,
                const std::string &data) {
  std::string bytes = bigEndian(magic);
  for (uint32_t dim : dims)
    bytes += bigEndian(dim);
  return bytes + data;
}

const std::string kPixels = {0, 51, 102, char(153), char(204), char(255),
                             1, 2,  3,   4,         5,         6};
const std::string kImages = idx(2051, {2, 2, 3}, kPixels);
const std::string kLabels = idx(2049, {2}, "\x07\x03");
constexpr auto kTrainImages = "train-images-idx3-ubyte";
constexpr auto kTrainLabels = "train-labels-idx1-ubyte";

void expectIdx(const Dataset &dataset) {
  EXPECT_EQ(dataset.size(), 2);
  EXPECT_FALSE(dataset.isWindowed());
  EXPECT_EQ(dataset.vocabulary().size, 8);
  EXPECT_TRUE(dataset.vocabulary().words.empty());
}

TEST_F(DatasetTest, IdxPlainAndPacked) {
  for (std::string extension : {"", ".gz"}) {
    bool isPacked = !extension.empty();
    put(kTrainImages + extension, isPacked ? gzipOf(kImages) : kImages);
    put(kTrainLabels + extension, isPacked ? gzipOf(kLabels) : kLabels);
    // Any dims with as many elements.
    for (const auto &dims :
         std::vector<std::vector<int64_t>>{{1, 2, 3}, {2, 3}, {6}}) {
      ASSERT_EQ(open(pictures(dims)), "");
      expectIdx(*out);
      int64_t label = 0;
      EXPECT_THAT(picture(0, 6, label),
                  ElementsAre(0, 0.2f, 0.4f, 0.6f, 0.8f, 1));
      EXPECT_EQ(label, 7);
      EXPECT_EQ(picture(1, 6, label)[5], 6 / 255.0f);
      EXPECT_EQ(label, 3);
    }
    std::filesystem::remove(folder.file(kTrainImages));
    std::filesystem::remove(folder.file(kTrainLabels));
  }
}

TEST_F(DatasetTest, IdxHasItsOwnValidationFiles) {
  put("t10k-images-idx3-ubyte", idx(2051, {1, 1, 1}, "\xff"));
  put("t10k-labels-idx1-ubyte", idx(2049, {1}, "\x02"));
  put(kTrainImages, idx(2051, {1, 1, 1}, "\x01"));
  put(kTrainLabels, idx(2049, {1}, "\x03"));
  ASSERT_EQ(openHeld(pictures({1}), {"y", ATTUNE_I32, {1}}), "");
  EXPECT_EQ(out->size(), 1);
  float pixel = 0;
  int32_t label = 0;
  out->read(0, reinterpret_cast<std::byte *>(&pixel),
            reinterpret_cast<std::byte *>(&label));
  EXPECT_EQ(pixel, 1);
  EXPECT_EQ(label, 2);
  std::filesystem::remove(folder.file(kTrainImages));
  EXPECT_EQ(open(pictures({1})), folder.path +
                                     ": expected train-images-idx3-ubyte or "
                                     "train-images-idx3-ubyte.gz in it, found "
                                     "neither");
}

TEST_F(DatasetTest, IdxOfSeveralMembersOfGzip) {
  put(std::string(kTrainImages) + ".gz",
      gzipOf(kImages.substr(0, 5)) + gzipOf("") + gzipOf(kImages.substr(5)));
  put(kTrainLabels, kLabels);
  ASSERT_EQ(open(pictures({6})), "");
  expectIdx(*out);
}

TEST_F(DatasetTest, IdxMalformed) {
  put(kTrainLabels, kLabels);
  auto error = [&](const std::string &images) {
    put(kTrainImages, images);
    return open(pictures({6}));
  };
  const std::string prefix = at(kTrainImages);
  EXPECT_EQ(error(""),
            prefix + "ends early: the header alone has 16 bytes, the file 0");
  EXPECT_EQ(error(kImages.substr(0, 15)),
            prefix + "ends early: the header alone has 16 bytes, the file 15");
  EXPECT_EQ(error(idx(2049, {2, 2, 3}, kPixels)),
            prefix + "expected magic 2051 (IDX, bytes of rank 3), found 2049");
  EXPECT_EQ(error(kImages + "x"),
            prefix + "its dims promise 12 bytes of data, the file has 13");
  EXPECT_EQ(error(kImages.substr(0, 27)),
            prefix + "its dims promise 12 bytes of data, the file has 11");
  EXPECT_EQ(error(idx(2051, {0, 2, 3}, "")), prefix + "dim 0 is 0");
  EXPECT_EQ(error(idx(2051, {1u << 31, 1u << 31, 8}, "")),
            prefix + "the size that its dims promise overflows 64 bits");
  EXPECT_EQ(error(idx(2051, {1, 2, 3}, kPixels.substr(0, 6))),
            at(kTrainLabels) + "has 2 labels, " + folder.file(kTrainImages) +
                " has 1 pictures");
  EXPECT_EQ(error(idx(2051, {3, 2, 2}, kPixels)),
            at(kTrainLabels) + "has 2 labels, " + folder.file(kTrainImages) +
                " has 3 pictures");
  std::filesystem::remove(folder.file(kTrainLabels));
  EXPECT_EQ(error(kImages), folder.path + ": expected train-labels-idx1-ubyte "
                                          "or train-labels-idx1-ubyte.gz in "
                                          "it, found neither");
}

TEST_F(DatasetTest, IdxPackedMalformed) {
  put(kTrainLabels, kLabels);
  auto error = [&](const std::string &images) {
    put(std::string(kTrainImages) + ".gz", images);
    return open(pictures({6}));
  };
  const std::string prefix = at(std::string(kTrainImages) + ".gz");
  std::string packed = gzipOf(kImages);
  EXPECT_EQ(error(""), prefix + "not a usable .gz: it ends early, after 0 "
                                "unpacked bytes");
  EXPECT_EQ(error(kImages), prefix + "not a usable .gz: incorrect header "
                                     "check");
  EXPECT_EQ(error(packed.substr(0, packed.size() - 9)).substr(prefix.size()),
            "not a usable .gz: it ends early, after 28 unpacked bytes");
  EXPECT_EQ(error(packed + "more than that"),
            prefix + "not a usable .gz: incorrect header check");
  std::string crc = packed;
  crc[crc.size() - 8] ^= 1;
  EXPECT_EQ(error(crc), prefix + "not a usable .gz: incorrect data check");
  EXPECT_EQ(error(gzipOf(kImages.substr(0, 10))),
            prefix + "ends early: expected 16 unpacked bytes, found 10");
  EXPECT_EQ(error(gzipOf(kImages.substr(0, 20))),
            prefix + "ends early: expected 28 unpacked bytes, found 20");
  EXPECT_EQ(error(gzipOf(kImages + "x")),
            prefix + "expected 28 unpacked bytes, found more after them");
}

TEST_F(DatasetTest, IdxPromisesMoreThanItCanHold) {
  put(kTrainLabels, kLabels);
  put(std::string(kTrainImages) + ".gz",
      gzipOf(idx(2051, {2, 30000, 30000}, "")));
  EXPECT_EQ(open(pictures({30000, 30000})),
            at(std::string(kTrainImages) + ".gz") +
                "its dims promise 1800000000 bytes of data, more than a .gz of "
                "its size can hold");
}

TEST_F(DatasetTest, IdxThatWouldTakeAllMemory) {
  uint64_t memory = uint64_t(::sysconf(_SC_PHYS_PAGES)) *
                    uint64_t(::sysconf(_SC_PAGE_SIZE)),
           picture = 30000 * 30000;
  auto count = uint32_t(memory / picture);
  std::string name = std::string(kTrainImages) + ".gz";
  // A hole in the file makes it large enough to hold what it promises.
  std::filesystem::resize_file(
      put(name, gzipOf(idx(2051, {count, 30000, 30000}, ""))), memory / 1000);
  put(kTrainLabels, idx(2049, {count}, std::string(count, 1)));
  EXPECT_EQ(open(pictures({30000, 30000})),
            at(name) + cat("takes ", count * picture + 4 * count,
                           " bytes of memory, at most ", memory / 2,
                           " (half of this machine's) are given to it"));
}

TEST_F(DatasetTest, PicturesMustBeWhatTheModelTakes) {
  put(kTrainImages, kImages);
  put(kTrainLabels, kLabels);
  EXPECT_EQ(open(pictures({3, 2, 3})),
            at(kTrainImages) + "pictures are [1, 2, 3], 6 numbers, the model's "
                               "data is input \"x\", f32 [3, 2, 3], 18 "
                               "numbers");
  EXPECT_EQ(open({"x", ATTUNE_F64, {6}}),
            folder.path + ": pictures are f32, the model's data is input "
                          "\"x\", f64 [6]");
  EXPECT_EQ(open(pictures({6}), {"y", ATTUNE_F32, {}}),
            folder.path + ": a picture has one label, i64 or i32, the model's "
                          "labels are input \"y\", f32 []");
  EXPECT_EQ(open(pictures({6}), {"y", ATTUNE_I64, {2}}),
            folder.path + ": a picture has one label, i64 or i32, the model's "
                          "labels are input \"y\", i64 [2]");
  for (const Row &row : {pictures({-1, 3}), pictures({INT64_MAX, 3})})
    EXPECT_THAT(open(row),
                StartsWith(folder.path + ": the model's input \"x\", f32 ["));
  EXPECT_EQ(open(pictures({-1, 3})),
            folder.path + ": the model's input \"x\", f32 [-1, 3], has no "
                          "known size; give all its dims");
}

TEST_F(DatasetTest, FashionMnist) {
  const std::string real = "/usr/share/datasets/fashion-mnist";
  if (!std::filesystem::is_directory(real))
    GTEST_SKIP() << "dataset-fashion-mnist is not installed";
  ASSERT_EQ(open({real}, pictures({1, 28, 28}), kLabel), "");
  for (int64_t size : {60000, 10000}) {
    EXPECT_EQ(out->size(), size);
    EXPECT_EQ(out->vocabulary().size, 10);
    // Every class has its tenth.
    std::vector<int64_t> count(10);
    int64_t label = 0;
    for (int64_t i = 0; i < size; ++i) {
      picture(i, 784, label);
      ++count[size_t(label)];
    }
    for (int64_t each : count)
      EXPECT_EQ(each, size / 10);
    out = std::move(held);
  }
}

//===----------------------------------------------------------------------===//
// CIFAR
//===----------------------------------------------------------------------===//

/// A record whose three channels have a shade each.
std::string cifar(const std::string &labels, char shade) {
  return labels + std::string(1024, shade) + std::string(1024, shade + 1) +
         std::string(1024, shade + 2);
}

const Row kCifarRow = pictures({3, 32, 32});

TEST_F(DatasetTest, Cifar10) {
  for (int batch = 1; batch <= 5; ++batch) {
    std::string records;
    for (int i = 0; i < batch; ++i)
      records += cifar(std::string(1, char(batch)), char(10 * batch + i));
    put(cat("data_batch_", batch, ".bin"), records);
  }
  put("test_batch.bin", cifar("\x09", 7));
  put("batches.meta.txt", "a\nb\nc\r\nd\ne\nf\ng\nh\ni\nj\n\n");
  ASSERT_EQ(open(kCifarRow), "");
  EXPECT_EQ(out->size(), 15);
  EXPECT_EQ(out->vocabulary().size, 10);
  EXPECT_THAT(out->vocabulary().words,
              ElementsAre("a", "b", "c", "d", "e", "f", "g", "h", "i", "j"));
  // The samples go through the batches in order.
  int64_t index = 0, label = 0;
  for (int batch = 1; batch <= 5; ++batch)
    for (int i = 0; i < batch; ++i) {
      Floats data = picture(index++, 3072, label);
      EXPECT_EQ(label, batch);
      for (int channel = 0; channel < 3; ++channel)
        for (size_t pixel : {0, 1023})
          EXPECT_EQ(data[size_t(channel) * 1024 + pixel],
                    float(10 * batch + i + channel) / 255);
    }
  ASSERT_EQ(openHeld(kCifarRow), "");
  EXPECT_EQ(out->size(), 1);
  picture(0, 3072, label);
  EXPECT_EQ(label, 9);
}

TEST_F(DatasetTest, Cifar100TakesTheFineLabel) {
  put("train.bin", cifar("\x03\x63", 1) + cifar("\x04\x02", 9));
  put("test.bin", cifar("\x13\x05", 1));
  ASSERT_EQ(open(kCifarRow), "");
  EXPECT_EQ(out->size(), 2);
  EXPECT_EQ(out->vocabulary().size, 100);
  EXPECT_TRUE(out->vocabulary().words.empty());
  int64_t label = 0;
  EXPECT_EQ(picture(1, 3072, label)[0], 9 / 255.0f);
  EXPECT_EQ(label, 2);
  picture(0, 3072, label);
  EXPECT_EQ(label, 99);
}

TEST_F(DatasetTest, CifarMalformed) {
  for (int batch = 2; batch <= 5; ++batch)
    put(cat("data_batch_", batch, ".bin"), cifar("\x01", 1));
  auto error = [&](const std::string &record) {
    put("data_batch_1.bin", record);
    return open(kCifarRow);
  };
  const std::string prefix = at("data_batch_1.bin");
  EXPECT_EQ(error(""),
            prefix + "expected records of 3073 bytes, found 0 and 0 bytes");
  EXPECT_EQ(error(cifar("\x01", 1) + "12"),
            prefix + "expected records of 3073 bytes, found 1 and 2 bytes");
  EXPECT_EQ(error(cifar("\x01", 1) + cifar("\x0a", 1)),
            prefix + "record 1 has label 10, expected 0 to 9");
  put("batches.meta.txt", "cat\ndog\n");
  EXPECT_EQ(error(cifar("\x01", 1)),
            at("batches.meta.txt") +
                "expected the names of 10 classes, one a line, found 2");
  put("batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\n\xff\n");
  EXPECT_EQ(error(cifar("\x01", 1)), at("batches.meta.txt") + "expected UTF-8");
  std::filesystem::remove(folder.file("batches.meta.txt"));
  EXPECT_EQ(openHeld(kCifarRow),
            at("test_batch.bin") + "cannot open: No such file or directory");
  EXPECT_EQ(open(pictures({1, 28, 28})),
            folder.path + ": pictures are [3, 32, 32], 3072 numbers, the "
                          "model's data is input \"x\", f32 [1, 28, 28], 784 "
                          "numbers");
}

//===----------------------------------------------------------------------===//
// Folders of pictures
//===----------------------------------------------------------------------===//

TEST_F(DatasetTest, ImageFolder) {
  put("train/dog/b.PNG", greyPng(2, 1, 4));
  put("train/dog/a.pgm", "P5 2 1 255\n\x02\x03");
  put("train/cat/z.ppm", "P6 2 1 255\n\x01\x02\x03\x04\x05\x06");
  put("train/.hidden", "");
  put("train/cat/.hidden", "");
  put("val/dog/1.pgm", "P5 2 1 255\n\x07\x08");
  ASSERT_EQ(open(pictures({3, 1, 2})), "");
  EXPECT_EQ(out->size(), 3);
  EXPECT_EQ(out->vocabulary().size, 2);
  EXPECT_THAT(out->vocabulary().words, ElementsAre("cat", "dog"));
  auto scaled = [](Floats bytes) {
    for (float &value : bytes)
      value /= 255;
    return bytes;
  };
  int64_t label = -1;
  // Channels first; grey is the same in each.
  EXPECT_EQ(picture(0, 6, label), scaled({1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(label, 0);
  EXPECT_EQ(picture(1, 6, label), scaled({2, 3, 2, 3, 2, 3}));
  EXPECT_EQ(label, 1);
  EXPECT_EQ(picture(2, 6, label), scaled({4, 4, 4, 4, 4, 4}));
  EXPECT_EQ(label, 1);
  // The classes are those of train: dog stays 1 where there is no cat.
  ASSERT_EQ(openHeld(pictures({3, 1, 2})), "");
  EXPECT_EQ(out->vocabulary().size, 2);
  EXPECT_EQ(picture(0, 6, label), scaled({7, 8, 7, 8, 7, 8}));
  EXPECT_EQ(label, 1);
}

TEST_F(DatasetTest, ImageFolderRefusals) {
  put("train/a/1.pgm", "P5 2 1 255\n12");
  const Row row = pictures({2});
  ASSERT_EQ(open(row), "");
  EXPECT_EQ(openHeld(row),
            folder.file("val") + ": cannot list: No such file or directory");
  std::filesystem::create_directories(folder.file("val/a"));
  EXPECT_EQ(openHeld(row),
            at("val") + "expected pictures in CLASS/ folders, found none");
  put("val/b/1.pgm", "P5 2 1 255\n12");
  EXPECT_EQ(openHeld(row), at("val/b") + "a class that train has no folder of");
  // One after the other, so that each is the first.
  auto refused = [&](const std::string &name, const std::string &bytes) {
    std::string path = put(name, bytes), error = open(row);
    std::filesystem::remove(path);
    return error;
  };
  EXPECT_EQ(refused("train/a/2.jpg", ""),
            at("train/a/2.jpg") + "expected only .png, .ppm and .pgm files "
                                  "here; convert or move it");
  EXPECT_EQ(refused("train/readme", ""),
            at("train/readme") + "expected only folders here, one for each "
                                 "class; move the file");
  EXPECT_EQ(refused("train/a/2.png", "GIF89a"),
            at("train/a/2.png") + "neither PNG, PPM (P6) nor PGM (P5); convert "
                                  "it to one of them");
  EXPECT_EQ(refused("train/a/2.png", greyPng(2, 1, 1) + "x"),
            at("train/a/2.png") + "not a usable PNG: 1 bytes follow its end");
  EXPECT_EQ(refused("train/a/2.pgm", "P5 1 2 255\n12"),
            at("train/a/2.pgm") + "1 x 2 pixels, " +
                folder.file("train/a/1.pgm") +
                " has 2 x 1; bring all to one size");
  EXPECT_EQ(refused("train/a/2.ppm", "P6 2 1 255\n123456"),
            at("train/a/2.ppm") +
                "is in colour, the model's data is grey; convert it");
  EXPECT_EQ(refused("train/a/0.ppm", "P6 2 1 255\n123456"),
            at("train/a/0.ppm") +
                "pictures are [3, 1, 2], 6 numbers, the model's data is input "
                "\"x\", f32 [2], 2 numbers");
  std::filesystem::create_directories(folder.file("train/a/3.png"));
  EXPECT_EQ(open(row), at("train/a/3.png") + "not a regular file");
  std::filesystem::remove(folder.file("train/a/3.png"));
  std::filesystem::create_directories(folder.file("train/\xff"));
  EXPECT_EQ(open(row), at("train/\xff") + "a class is called by the name of "
                                          "its folder, expected UTF-8; rename "
                                          "it");
}

TEST_F(DatasetTest, ImagesThatWouldTakeAllMemory) {
  uint64_t most = uint64_t(::sysconf(_SC_PHYS_PAGES)) *
                  uint64_t(::sysconf(_SC_PAGE_SIZE)) / 2;
  put("train/a/1.png", Png{1000000, 1000000, 8, 2, "", ""}.bytes());
  EXPECT_EQ(open(pictures({3, 1000000, 1000000})),
            at("train") + cat("takes 6000000000000 bytes of memory, "
                              "at most ",
                              most,
                              " (half of this machine's) are given to it"));
}

} // namespace
