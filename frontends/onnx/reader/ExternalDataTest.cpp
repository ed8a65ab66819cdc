// External data: what is opened, and everything that is refused.
#include "frontends/onnx/reader/Reader.h"
#include "frontends/onnx/reader/WireWriter.h"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace attune::onnx {
namespace {
using namespace testing;
namespace fs = std::filesystem;

class ExternalDataTest : public ::testing::Test {
protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "attuneXXXXXX").string();
    ASSERT_TRUE(::mkdtemp(pattern.data()));
    top = pattern;
    folder = top / "model";
    fs::create_directory(folder);
    write(folder / "w.bin", "abcdefgh01234567");
    write(top / "secret", "abcdefgh01234567");
  }
  void TearDown() override { fs::remove_all(top); }

  static void write(const fs::path &file, std::string_view bytes) {
    std::ofstream(file, std::ios::binary) << bytes;
  }
  /// A FLOAT tensor [2] (8 bytes) at `location`.
  static Wire external(std::string_view location, std::string_view offset = "",
                       std::string_view length = "",
                       std::string_view name = "w") {
    Wire wire = tensor(name, 1, {2})
                    .num(14, 1)
                    .msg(13, Wire().str(1, "location").str(2, location));
    if (!offset.empty())
      wire.msg(13, Wire().str(1, "offset").str(2, offset));
    if (!length.empty())
      wire.msg(13, Wire().str(1, "length").str(2, length));
    return wire;
  }
  /// The complaint about the tensor, or "" if the model was read.
  std::string read(const Wire &wire) {
    fs::path file = folder / "m.onnx";
    write(file, wire.out);
    std::string error;
    model = readModel(file, error);
    EXPECT_EQ(model == nullptr, !error.empty());
    std::string prefix =
        file.string() + ": model: graph 'g': initializer 'w': external_data ";
    return error.starts_with(prefix) ? error.substr(prefix.size()) : error;
  }
  std::string readTensor(const Wire &tensor) {
    return read(modelWithInitializer(tensor));
  }
  std::string_view bytes(size_t tensor = 0) const {
    auto view = model->graph.initializers[tensor].bytes;
    return {reinterpret_cast<const char *>(view.data()), view.size()};
  }

  fs::path top, folder;
  std::unique_ptr<Model> model;
};

constexpr const char *outside =
    "; put the data file itself into the model's folder and name it by its "
    "relative path";

TEST_F(ExternalDataTest, MapsARange) {
  EXPECT_EQ(readTensor(external("w.bin", "8", "8")), "");
  EXPECT_EQ(bytes(), "01234567");
  EXPECT_TRUE(model->graph.initializers[0].external);
  EXPECT_EQ(readTensor(external("w.bin")), "");
  EXPECT_EQ(bytes(), "abcdefgh");
}

TEST_F(ExternalDataTest, OpensFilesInSubfolders) {
  fs::create_directories(folder / "a/b");
  write(folder / "a/b/w", "abcdefgh");
  EXPECT_EQ(readTensor(external("a/b/w")), "");
  EXPECT_EQ(readTensor(external("./a//b/w")), "");
}

TEST_F(ExternalDataTest, RefusesPathsOutOfTheFolder) {
  for (std::string path :
       {"../secret", "a/../../secret", "/etc/passwd", "w.bin/", "..", "sub/.."})
    EXPECT_EQ(readTensor(external(path)),
              "'location': expected a path below the model's folder, found '" +
                  path + "'" + outside);
  EXPECT_EQ(readTensor(external("")),
            "'location': expected a path below the model's folder, found none; "
            "correct the model or the exporter that wrote it");
  EXPECT_EQ(readTensor(external(std::string_view("w.bin\0x", 7))),
            std::string("'location': expected a path below the model's folder, "
                        "found 'w.bin\\x00x'") +
                outside);
}

TEST_F(ExternalDataTest, RefusesSymbolicLinks) {
  fs::create_symlink(top / "secret", folder / "link");
  fs::create_symlink("w.bin", folder / "inside");
  fs::create_directory_symlink(top, folder / "dir");
  for (std::string path : {"link", "inside", "dir/secret"})
    EXPECT_EQ(readTensor(external(path)),
              "'location': expected a readable regular file, found '" + path +
                  "' (a symbolic link)" + outside);
}

TEST_F(ExternalDataTest, RefusesHardLinks) {
  fs::create_hard_link(top / "secret", folder / "hard");
  EXPECT_EQ(readTensor(external("hard")),
            std::string("'location': expected a regular file with one hard "
                        "link, found 'hard' (a file with 2 hard links)") +
                outside);
}

TEST_F(ExternalDataTest, RefusesWhatIsNoFile) {
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  fs::create_directory(folder / "sub");
  EXPECT_EQ(readTensor(external("fifo")),
            std::string("'location': expected a regular file with one hard "
                        "link, found 'fifo' (a FIFO)") +
                outside);
  EXPECT_EQ(readTensor(external("sub")),
            std::string("'location': expected a regular file with one hard "
                        "link, found 'sub' (a directory)") +
                outside);
  EXPECT_EQ(readTensor(external("none")),
            std::string("'location': expected a readable regular file, found "
                        "'none' (No such file or directory)") +
                outside);
}

TEST_F(ExternalDataTest, ChecksRanges) {
  std::string cut = "; the data file is cut short or belongs to another model";
  EXPECT_EQ(readTensor(external("w.bin", "9")),
            "'offset': expected 8 bytes at offset 9, found a file 'w.bin' of "
            "16 bytes" +
                cut);
  EXPECT_EQ(readTensor(external("w.bin", "18446744073709551615")),
            "'offset': expected 8 bytes at offset 18446744073709551615, found "
            "a file 'w.bin' of 16 bytes" +
                cut);
  EXPECT_EQ(readTensor(external("w.bin", "0", "7")),
            "'length': expected 8 bytes for the shape, found 7; correct the "
            "model or the exporter that wrote it");
  for (std::string number : {"-1", "1x", " 1", "0x8", "99999999999999999999"})
    EXPECT_EQ(readTensor(external("w.bin", number)),
              "'offset': expected a decimal number of bytes, found '" + number +
                  "'; correct the model or the exporter that wrote it");
}

TEST_F(ExternalDataTest, SharedRangesMayBeEqualButNotOverlap) {
  auto two = [&](std::string_view offset) {
    return modelOf(reluGraph()
                       .msg(5, external("w.bin", "4"))
                       .msg(5, external("w.bin", offset, "", "v")));
  };
  EXPECT_EQ(read(two("4")), "");
  EXPECT_EQ(bytes(0).data(), bytes(1).data());
  EXPECT_EQ(read(two("6")),
            (folder / "m.onnx").string() +
                ": external_data: expected ranges that are equal or apart, "
                "found overlapping ranges in 'w.bin'; correct the model or the "
                "exporter that wrote it");
}

TEST_F(ExternalDataTest, RefusesExternalBesideInlineData) {
  EXPECT_NE(readTensor(external("w.bin").str(9, "12345678")), "");
}

TEST_F(ExternalDataTest, ModelFileItself) {
  std::string error;
  EXPECT_FALSE(readModel(folder, error));
  EXPECT_EQ(error, folder.string() + ": expected a readable regular file, "
                                     "found a directory; check the path");
  EXPECT_FALSE(readModel(folder / "no.onnx", error));
  EXPECT_EQ(error, (folder / "no.onnx").string() +
                       ": expected a readable regular file, found No such file "
                       "or directory; check the path");
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(readModel(folder / "fifo", error));
  EXPECT_NE(error.find("found a FIFO"), std::string::npos);
  write(folder / "empty", "");
  EXPECT_FALSE(readModel(folder / "empty", error));
  EXPECT_NE(error.find("found an empty file"), std::string::npos);
}

TEST_F(ExternalDataTest, FilesOverTwoGigabytesOpen) {
  fs::path big = folder / "big.bin";
  write(big, "");
  constexpr uint64_t size = (uint64_t{5} << 30) + 8;
  // Sparse: takes no room on disk.
  if (::truncate(big.c_str(), size) != 0)
    GTEST_SKIP() << "no sparse files here";
  std::string offset = std::to_string(uint64_t{5} << 30);
  EXPECT_EQ(readTensor(external("big.bin", offset)), "");
  EXPECT_EQ(bytes(), std::string_view("\0\0\0\0\0\0\0\0", 8));
}

} // namespace
} // namespace attune::onnx
