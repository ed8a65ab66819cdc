//===- WindowDatasetTest.cpp - tokens and text, sound and not -------------===//
//
// Windows over token files and text that the test writes; every refusal with
// its sentence.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/DatasetTest.h"
#include <cmath>

using namespace attune::train;
using namespace attune::train::test;
using ::testing::ElementsAre;
using ::testing::StartsWith;

namespace {

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

std::string words(const std::vector<uint16_t> &values) {
  return {reinterpret_cast<const char *>(values.data()), 2 * values.size()};
}

std::string header(int32_t magic, int32_t version, int32_t count) {
  std::vector<int32_t> values(256);
  values[0] = magic;
  values[1] = version;
  values[2] = count;
  return {reinterpret_cast<const char *>(values.data()), 1024};
}

std::vector<uint16_t> counted(uint16_t count, uint16_t first = 0) {
  std::vector<uint16_t> values;
  for (uint16_t i = 0; i < count; ++i)
    values.push_back(uint16_t(first + i));
  return values;
}

TEST_F(DatasetTest, TokensRawAndWithHeader) {
  const auto values = counted(10, 65526);
  for (const std::string &before : {std::string(), header(20240520, 1, 10)}) {
    DatasetOptions options = {put("t.bin", before + words(values))};
    options.validation = 0;
    ASSERT_EQ(open(options, tokens(3), tokens(3, ATTUNE_I32)), "");
    // 10 tokens, the last one only a label.
    EXPECT_EQ(out->size(), 7);
    EXPECT_TRUE(out->isWindowed());
    EXPECT_EQ(out->vocabulary().size, 65536);
    EXPECT_TRUE(out->vocabulary().words.empty());
    Integers data(3);
    std::vector<int32_t> labels(3);
    out->read(5, reinterpret_cast<std::byte *>(data.data()),
              reinterpret_cast<std::byte *>(labels.data()));
    EXPECT_THAT(data, ElementsAre(65531, 65532, 65533));
    EXPECT_THAT(labels, ElementsAre(65532, 65533, 65534));
  }
}

TEST_F(DatasetTest, ValidationIsTheLastShareOfOneFile) {
  DatasetOptions options = {put("t.bin", words(counted(100)))};
  options.validation = 0.25;
  ASSERT_EQ(open(options, tokens(4), tokens(4)), "");
  EXPECT_EQ(out->size(), 71);
  EXPECT_THAT(window<int64_t>(70, 4).second, ElementsAre(71, 72, 73, 74));
  out = std::move(held);
  EXPECT_EQ(out->size(), 21);
  EXPECT_EQ(out->vocabulary().size, 100);
  EXPECT_THAT(window<int64_t>(0, 4).first, ElementsAre(75, 76, 77, 78));
  EXPECT_THAT(window<int64_t>(20, 4).second, ElementsAre(96, 97, 98, 99));
  options.validation = 0;
  ASSERT_EQ(open(options, tokens(4), tokens(4)), "");
  EXPECT_EQ(out->size(), 96);
  options.validation = 1.0 / 32;
  EXPECT_THAT(open(options, tokens(4), tokens(4)),
              StartsWith(options.path + ": this part has 4 tokens"));
}

TEST_F(DatasetTest, ValidationIsTheFileBesides) {
  for (std::string name : {"n_", ""}) {
    DatasetOptions options = {put(name + "train.bin", words(counted(100)))};
    put(name + "val.bin", words(counted(5, 7)));
    ASSERT_EQ(open(options, tokens(4), tokens(4)), "");
    EXPECT_EQ(out->size(), 96);
    out = std::move(held);
    EXPECT_EQ(out->size(), 1);
    EXPECT_THAT(window<int64_t>(0, 4).second, ElementsAre(8, 9, 10, 11));
  }
}

TEST_F(DatasetTest, TokensMalformed) {
  const std::string path = folder.file("t.bin"), prefix = path + ": ";
  auto error = [&](const std::string &bytes) {
    put("t.bin", bytes);
    return open({path, "char", 0}, tokens(4), tokens(4));
  };
  EXPECT_EQ(error("123"),
            prefix + "expected tokens of two bytes, found 3 bytes");
  EXPECT_EQ(error(header(20240520, 2, 5) + words(counted(5))),
            prefix + "token file of version 2, expected 1 (uint16)");
  for (int32_t count : {-1, 4, 6})
    EXPECT_EQ(error(header(20240520, 1, count) + words(counted(5))),
              prefix + cat("its header promises ", count,
                           " tokens, a file of "
                           "1024 bytes and 2 for each; it has 1034"));
  EXPECT_EQ(error(header(20240520, 1, 5).substr(0, 12)),
            prefix + "its header promises 5 tokens, a file of 1024 bytes and 2 "
                     "for each; it has 12");
  const std::string short5 =
      " tokens, the model's input \"tokens\", i64 [4], and the token after it "
      "need 4 and one more; use more text or a shorter length";
  EXPECT_EQ(error(""), prefix + "this part has 0" + short5);
  EXPECT_EQ(error(words(counted(4))), prefix + "this part has 4" + short5);
  EXPECT_EQ(error(words(counted(5))), "");
  EXPECT_EQ(open({folder.file("none.bin")}, tokens(4), tokens(4)),
            at("none.bin") + "cannot open: No such file or directory");
}

TEST_F(DatasetTest, WindowsMustBeWhatTheModelTakes) {
  const std::string path = put("t.bin", words(counted(9)));
  for (const Row &row :
       {Row{"x", ATTUNE_F32, {4}}, Row{"x", ATTUNE_I64, {2, 2}},
        Row{"x", ATTUNE_I64, {}}, Row{"x", ATTUNE_I64, {0}}})
    EXPECT_THAT(open({path}, row, tokens(4)),
                StartsWith(path + ": tokens are i64 or i32 [T], the model's "
                                  "data is input \"x\", "));
  for (const Row &row : {Row{"y", ATTUNE_F32, {4}}, Row{"y", ATTUNE_I64, {5}},
                         Row{"y", ATTUNE_I64, {}}})
    EXPECT_THAT(open({path}, tokens(4), row),
                StartsWith(path + ": each token has the next one as its label, "
                                  "i64 or i32 [4], the model's labels are "
                                  "input \"y\", "));
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

TEST_F(DatasetTest, TextOfCodePoints) {
  // One, two, three and four bytes of UTF-8.
  DatasetOptions options = {put("t.txt", "a\xc3\xa4\xe2\x82\xac\n"
                                         "\xf0\x9f\x98\x80"
                                         "ba")};
  options.validation = 0;
  ASSERT_EQ(open(options, tokens(2, ATTUNE_I32), tokens(2, ATTUNE_I32)), "");
  EXPECT_EQ(out->size(), 5);
  EXPECT_TRUE(out->isWindowed());
  EXPECT_EQ(out->vocabulary().size, 6);
  EXPECT_THAT(out->vocabulary().words,
              ElementsAre("\n", "a", "b", "\xc3\xa4", "\xe2\x82\xac",
                          "\xf0\x9f\x98\x80"));
  auto [data, labels] = window<int32_t>(2, 2);
  EXPECT_THAT(data, ElementsAre(4, 0));
  EXPECT_THAT(labels, ElementsAre(0, 5));
  EXPECT_THAT(window<int32_t>(4, 2).second, ElementsAre(2, 1));
}

TEST_F(DatasetTest, TextOfBytes) {
  DatasetOptions options = {put("t.txt", "a\xff\nb")};
  options.vocabulary = "byte";
  options.validation = 0;
  ASSERT_EQ(open(options, tokens(2), tokens(2)), "");
  EXPECT_EQ(out->size(), 2);
  EXPECT_EQ(out->vocabulary().size, 256);
  EXPECT_EQ(out->vocabulary().words[97], "a");
  EXPECT_EQ(out->vocabulary().words[255], "\xff");
  auto [data, labels] = window<int64_t>(1, 2);
  EXPECT_THAT(data, ElementsAre(255, 10));
  EXPECT_THAT(labels, ElementsAre(10, 98));
}

TEST_F(DatasetTest, BothPartsOfATextHaveOneVocabulary) {
  DatasetOptions options = {put("t.txt", "ccccccccba")};
  options.validation = 0.4;
  ASSERT_EQ(open(options, tokens(2), tokens(2)), "");
  EXPECT_EQ(out->vocabulary().size, 3);
  EXPECT_EQ(out->size(), 4);
  out = std::move(held);
  EXPECT_THAT(out->vocabulary().words, ElementsAre("a", "b", "c"));
  EXPECT_THAT(window<int64_t>(1, 2).second, ElementsAre(1, 0));
}

TEST_F(DatasetTest, TextThatIsNotUtf8) {
  // Overlong, a surrogate, above U+10FFFF, cut, a tail alone, no lead.
  for (const char *bad : {"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80",
                          "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82",
                          "\xc3"
                          "a",
                          "\x80", "\xff"}) {
    std::string path = put("t.txt", cat("abc", bad));
    EXPECT_EQ(open({path}, tokens(2), tokens(2)),
              path + ": not UTF-8 at byte 3; convert it, or use the "
                     "vocabulary \"byte\"");
  }
}

TEST_F(DatasetTest, TextOfTooManyCodePoints) {
  std::string text;
  for (uint32_t point = 0x10000; point <= 0x20000; ++point) {
    text += char(0xf0 | point >> 18);
    for (int shift : {12, 6, 0})
      text += char(0x80 | (point >> shift & 0x3f));
  }
  std::string path = put("t.txt", text);
  EXPECT_EQ(open({path}, tokens(2), tokens(2)),
            path + ": 65537 different characters, at most 65536 are supported; "
                   "use the vocabulary \"byte\"");
  put("t.txt", text.substr(4));
  ASSERT_EQ(open({path}, tokens(2), tokens(2)), "");
  EXPECT_EQ(out->vocabulary().size, 65536);
  EXPECT_THAT(window<int64_t>(0, 2).second, ElementsAre(1, 2));
}

} // namespace
