//===- PackageFileTest.cpp - damaged and foreign packages -----------------===//
//
// No damaged file gets past the loader, and each refusal names what was found
// and what was expected.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/PackageFile.h"
#include "runtime/core/Checksum.h"
#include "runtime/testing/TestPackage.h"
#include <cstring>
#include <gmock/gmock.h>
#include <random>
#include <sys/stat.h>
#include <unistd.h>

using namespace attune;
using namespace attune::testing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

namespace {

class PackageFileTest : public ::testing::Test {
protected:
  void SetUp() override {
    writePackage(path);
    sound = readFile(path);
    ASSERT_EQ(loadError(path), "ok");
  }

  std::string errorOf(const std::vector<char> &bytes) {
    writeFile(path, bytes);
    return loadError(path);
  }

  /// The package with a changed header whose checksum is right again.
  std::vector<char> withHeader(void (*change)(format::Header &)) {
    std::vector<char> bytes = sound;
    format::Header header;
    std::memcpy(&header, bytes.data(), sizeof header);
    change(header);
    std::memcpy(bytes.data(), &header, sizeof header);
    auto page = std::as_bytes(std::span(bytes)).first<format::kPageBytes>();
    header.headerChecksum = core::headerChecksum(page);
    std::memcpy(bytes.data(), &header, sizeof header);
    return bytes;
  }

  TempFolder folder;
  std::string path = folder.file("model.attune");
  std::vector<char> sound;
};

TEST_F(PackageFileTest, TruncationAtAHundredPoints) {
  for (size_t i = 0; i < 100; ++i) {
    size_t length = sound.size() * i / 100;
    std::string error =
        errorOf({sound.begin(), sound.begin() + std::ptrdiff_t(length)});
    EXPECT_THAT(error, StartsWith("ATTUNE_BAD_PACKAGE: " + path + ": "));
    if (length >= format::kPageBytes)
      EXPECT_EQ(error, "ATTUNE_BAD_PACKAGE: " + path +
                           ": damaged package: it has " +
                           std::to_string(length) + " bytes, its header says " +
                           std::to_string(sound.size()) + " (truncated)");
  }
}

TEST_F(PackageFileTest, OneFlippedBitAnywhere) {
  std::mt19937 random(7);
  std::vector<size_t> places;
  for (size_t i = 0; i < sizeof(format::Header); ++i)
    places.push_back(i);
  for (int i = 0; i < 400; ++i)
    places.push_back(random() % sound.size());
  for (size_t place : places) {
    std::vector<char> bytes = sound;
    bytes[place] = char(bytes[place] ^ (1 << random() % 8));
    EXPECT_THAT(errorOf(bytes), StartsWith("ATTUNE_BAD_PACKAGE: "))
        << "at byte " << place;
  }
}

TEST_F(PackageFileTest, TheChecksumMessageNamesTheSection) {
  std::vector<char> bytes = sound;
  core::PackageFile file;
  ASSERT_FALSE(file.open(path.c_str()));
  const format::Section &weights = file.sections()[1];
  bytes[weights.offset] ^= 1;
  EXPECT_THAT(errorOf(bytes),
              ::testing::ContainsRegex(
                  "damaged package: checksum of section 1 \\(weights\\) is "
                  "[0-9a-f]{32}, stored is [0-9a-f]{32}$"));
  // Padding belongs to the section.
  bytes = sound;
  bytes[weights.offset + weights.bytes + 5] = 1;
  EXPECT_THAT(errorOf(bytes), HasSubstr("checksum of section 1 (weights)"));
}

TEST_F(PackageFileTest, OtherVersions) {
  EXPECT_EQ(errorOf(withHeader([](format::Header &h) { h.abiVersion = 7; })),
            "ATTUNE_BAD_PACKAGE: " + path +
                ": the package has ABI version 7, this runtime has version 2; "
                "compile the model again");
  EXPECT_EQ(errorOf(withHeader([](format::Header &h) { h.formatVersion = 9; })),
            "ATTUNE_BAD_PACKAGE: " + path +
                ": the package has format version 9, this runtime reads "
                "version 1");
}

TEST_F(PackageFileTest, ATableThatDoesNotFit) {
  EXPECT_THAT(
      errorOf(withHeader([](format::Header &h) { h.sectionCount = 2000; })),
      HasSubstr("a table of 2000 sections at offset "));
  EXPECT_THAT(
      errorOf(withHeader([](format::Header &h) { h.tableOffset += 4096; })),
      HasSubstr("does not end the "));
  EXPECT_THAT(errorOf(withHeader(
                  [](format::Header &h) { h.tableOffset = ~uint64_t(4095); })),
              HasSubstr("does not end the "));
}

TEST_F(PackageFileTest, NoPackageAtAll) {
  EXPECT_EQ(errorOf({}), "ATTUNE_BAD_PACKAGE: " + path +
                             ": not an attune package: neither the first 8 "
                             "bytes nor the last 40 of its 0 bytes have the "
                             "magic of one");
  EXPECT_THAT(errorOf(std::vector<char>(10000, 'x')),
              HasSubstr("not an attune package"));
  EXPECT_EQ(loadError(folder.file("none")),
            "ATTUNE_IO_ERROR: " + folder.file("none") +
                ": cannot open: No such file or directory");
  EXPECT_EQ(loadError(folder.path),
            "ATTUNE_IO_ERROR: " + folder.path + ": not a regular file");
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  EXPECT_EQ(loadError(folder.file("pipe")),
            "ATTUNE_IO_ERROR: " + folder.file("pipe") + ": not a regular file");
}

// A rename would put a file in the place of a device's name.
TEST_F(PackageFileTest, OnlyFilesAreReplaced) {
  attune::package::PackageWriter writer;
  EXPECT_FALSE(writer.open("/dev/null"));
  EXPECT_EQ(writer.error(), "/dev/null: expected a regular file or a new one");
}

TEST_F(PackageFileTest, LinksAreFollowed) {
  std::string link = folder.file("link"), behind = folder.file("behind");
  ASSERT_EQ(::symlink("behind", link.c_str()), 0);
  writePackage(link);
  EXPECT_EQ(loadError(behind), "ok");
  struct stat info;
  ASSERT_EQ(::lstat(link.c_str(), &info), 0);
  EXPECT_TRUE(S_ISLNK(info.st_mode));
}

TEST_F(PackageFileTest, InsideAnExecutable) {
  writeFile(folder.file("program"), std::vector<char>(5000, 'p'));
  PackageOptions options;
  options.program = folder.file("program");
  writePackage(path, options);
  EXPECT_EQ(loadError(path), "ok");
  EXPECT_TRUE(core::carriesPackage(path.c_str()));
  EXPECT_FALSE(core::carriesPackage(options.program.c_str()));
  struct stat info;
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_TRUE(info.st_mode & S_IXUSR);

  std::vector<char> bytes = readFile(path);
  std::vector<char> footer = bytes;
  footer[bytes.size() - 30] ^= 1;
  EXPECT_THAT(errorOf(footer), HasSubstr("checksum of the footer is "));
  // The package in it is protected like any other.
  bytes[8192 + 100] ^= 1;
  EXPECT_THAT(errorOf(bytes), HasSubstr("checksum of the header is "));

  // A program that carries one already cannot carry a second.
  writePackage(path, options);
  package::PackageWriter writer;
  EXPECT_FALSE(writer.openExecutable(folder.file("twice"), path));
  EXPECT_EQ(writer.error(), path + ": it already carries a package");
}

TEST_F(PackageFileTest, MissingParts) {
  PackageOptions options;
  options.withManifest = false;
  options.plan = testPlan(/*weightSection=*/0);
  writePackage(path, options);
  EXPECT_EQ(loadError(path),
            "ATTUNE_BAD_PACKAGE: " + path + ": the package has no manifest");
  options = {};
  options.code.clear();
  writePackage(path, options);
  EXPECT_EQ(loadError(path),
            "ATTUNE_BAD_PACKAGE: " + path + ": the package has no code");
  options = {};
  options.planVariant = 5;
  writePackage(path, options);
  EXPECT_EQ(loadError(path), "ATTUNE_BAD_PACKAGE: " + path +
                                 ": section 3 (code x86-64) has no plan");
  options = {};
  options.plan.replace(options.plan.find("row_sum"), 7, "row_som");
  writePackage(path, options);
  EXPECT_EQ(loadError(path),
            "ATTUNE_BAD_PACKAGE: " + path +
                ": the plan names kernel \"row_som\", which the code does not "
                "export");
}

TEST_F(PackageFileTest, CpuWithoutTheFeatures) {
  PackageOptions options;
  options.code = {{"x86-64-v3", format::kX86V3, 1},
                  {"x86-64-v4", format::kX86V4, 2}};
  writePackage(path, options);
  attune_load_options load;
  attune_load_options_init(&load);
  load.cpu_mask = "x86-64-v2";
  std::string error = loadError(path, &load);
  EXPECT_THAT(error, StartsWith("ATTUNE_UNSUPPORTED_CPU: " + path +
                                ": no code version runs on this processor, "
                                "which is at level x86-64"));
  EXPECT_THAT(error, HasSubstr("x86-64-v3 needs avx avx2 fma f16c bmi1 bmi2 "
                               "lzcnt movbe; x86-64-v4 needs avx "));
  // Looking at it is possible everywhere.
  load.inspect_only = 1;
  attune_model *model = nullptr;
  ASSERT_EQ(attune_model_load(path.c_str(), &load, &model), ATTUNE_OK);
  EXPECT_STREQ(attune_model_code_version(model), "");
  attune_session *session = nullptr;
  EXPECT_EQ(attune_session_create(model, nullptr, &session),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_STREQ(attune_error_message(),
               "the model was loaded with inspect_only, it cannot run");
  attune_model_release(model);

  // The environment masks where the options do not.
  ::setenv("ATTUNE_CPU_MASK", "x86-64", 1);
  EXPECT_THAT(loadError(path), StartsWith("ATTUNE_UNSUPPORTED_CPU"));
  ::setenv("ATTUNE_CPU_MASK", "nonsense", 1);
  EXPECT_THAT(loadError(path), StartsWith("ATTUNE_INVALID_ARGUMENT: CPU mask"));
  ::unsetenv("ATTUNE_CPU_MASK");
}

TEST_F(PackageFileTest, TheBestVersionThatRunsIsTaken) {
  PackageOptions options;
  options.code = {{"x86-64-v2", format::kX86V2, 1},
                  {"never", ~uint64_t(0), 2},
                  {"x86-64", 0, 3}};
  writePackage(path, options);
  attune_load_options load;
  attune_load_options_init(&load);
  for (auto [mask, expected] :
       {std::pair("x86-64-v2", "x86-64-v2"), std::pair("x86-64", "x86-64")}) {
    load.cpu_mask = mask;
    attune_model *model = nullptr;
    ASSERT_EQ(attune_model_load(path.c_str(), &load, &model), ATTUNE_OK);
    EXPECT_STREQ(attune_model_code_version(model), expected);
    EXPECT_EQ(attune_model_code_count(model), 3u);
    attune_model_release(model);
  }
}

} // namespace
