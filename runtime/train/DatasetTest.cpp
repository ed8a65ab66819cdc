//===- DatasetTest.cpp - which reader opens what --------------------------===//
//
// What is a dataset at all, and options that are no good.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/DatasetTest.h"
#include <cmath>

using namespace attune::train;
using namespace attune::train::test;
using ::testing::ElementsAre;
using ::testing::StartsWith;

namespace {

TEST_F(DatasetTest, Options) {
  DatasetOptions options = {put("t.txt", "abcdef")};
  options.vocabulary = "word";
  EXPECT_EQ(open(options, tokens(2), tokens(2)),
            options.path +
                ": vocabulary \"word\", expected \"char\" or \"byte\"");
  options.vocabulary = "char";
  for (double share : {-0.5, 1.0, double(NAN)}) {
    options.validation = share;
    EXPECT_EQ(open(options, tokens(2), tokens(2)),
              options.path + cat(": validation share ", share,
                                 ", expected at least 0 and below 1"));
  }
  options.validation = 0;
  put("t.txt", "");
  EXPECT_THAT(open(options, tokens(2), tokens(2)),
              StartsWith(options.path + ": this part has 0 tokens"));
}

TEST_F(DatasetTest, FolderWithoutADataset) {
  EXPECT_EQ(open(pictures({6})),
            folder.path +
                ": no dataset in this folder; expected "
                "train-images-idx3-ubyte[.gz] (IDX), data_batch_1.bin "
                "(CIFAR-10), train.bin and test.bin (CIFAR-100) or "
                "train/CLASS/ with pictures");
  EXPECT_EQ(open({folder.file("none")}, tokens(2), tokens(2)),
            at("none") + "cannot open: No such file or directory");
}

TEST_F(DatasetTest, WhatMayBeRead) {
  const std::string text = put("a.txt", "ab"), link = folder.file("link");
  std::filesystem::create_symlink("a.txt", link);
  EXPECT_TRUE(mayRead(text, link));
  EXPECT_TRUE(mayRead(folder.file("new"), folder.file("./new")));
  EXPECT_FALSE(mayRead(text, folder.file("b.txt")));
  put("x_train.bin", "");
  const std::string held = put("x_val.bin", "");
  EXPECT_TRUE(mayRead(folder.file("x_train.bin"), held));
  const std::string picture = put("train/cat/1.png", "");
  EXPECT_TRUE(mayRead(folder.path, picture));
  EXPECT_TRUE(mayRead(folder.path + "/", folder.file("train/../x_val.bin")));
  EXPECT_FALSE(mayRead(folder.file("train"), held));
  EXPECT_FALSE(mayRead(folder.path, put("run.safetensors", "")));
  EXPECT_FALSE(mayRead(folder.path, folder.file("train/cat/2.png")));
}

TEST(Vocabulary, Differences) {
  EXPECT_EQ(vocabularyDifference({"a", "b"}, {"a", "b"}), "");
  EXPECT_EQ(vocabularyDifference({"a", "c"}, {"a", "b"}),
            "token 1 is \"c\" here and \"b\" there (2 tokens and 2)");
  EXPECT_EQ(vocabularyDifference({"a"}, {"a", "b"}),
            "token 1 is missing here and \"b\" there (1 tokens and 2)");
}

TEST(Vocabulary, BytesAreNoText) {
  EXPECT_TRUE((Vocabulary{2, {"a", "\xc3\xa9"}}.isText()));
  EXPECT_FALSE((Vocabulary{2, {"a", "\xc3"}}.isText()));
  EXPECT_FALSE(Vocabulary{}.isText());
}

} // namespace
