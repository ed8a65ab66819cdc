//===- SourceTest.cpp - what a file of tensors may feed -------------------===//
#include "runtime/train/Source.h"
#include "runtime/testing/TestPackage.h"
#include "runtime/tools/TensorFiles.h"
#include <cstring>
#include <gmock/gmock.h>

using namespace attune::train;
using attune::tools::NamedTensors;
using attune::tools::Tensor;
using ::testing::ElementsAre;

namespace {

template <typename T>
Tensor tensorOf(attune_dtype dtype, std::vector<int64_t> dims,
                std::vector<T> values) {
  Tensor tensor;
  tensor.dtype = dtype;
  tensor.dims = std::move(dims);
  tensor.data.resize(values.size() * sizeof(T));
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

class SourceTest : public ::testing::Test {
protected:
  /// The error of opening these, or "".
  std::string open(std::vector<int64_t> tokens, std::vector<int32_t> targets,
                   const Limits &limits) {
    NamedTensors tensors = {
        {"tokens", tensorOf(ATTUNE_I64, {2, 2}, std::move(tokens))},
        {"targets", tensorOf(ATTUNE_I32, {2, 2}, std::move(targets))}};
    EXPECT_EQ(writeTensors(file, tensors).message(), "");
    const std::vector<Row> rows = {{"tokens", ATTUNE_I64, {2}},
                                   {"targets", ATTUNE_I32, {2}}};
    return openAs(rows, limits);
  }
  std::string openAs(const std::vector<Row> &rows, const Limits &limits) {
    NamedTensors tensors;
    EXPECT_EQ(readTensorData(file, tensors).message(), "");
    return openSources({file, "char", 0}, rows, limits, std::move(tensors),
                       sources)
        .message();
  }

  attune::testing::TempFolder folder;
  std::string file = folder.file("data.npz");
  Sources sources;
};

TEST_F(SourceTest, LabelsAreClassesOrBelowZero) {
  const Limits limits = {3, 1, {}, std::nullopt};
  EXPECT_EQ(open({9, 0, 1, 2}, {0, 2, -100, -1}, limits), "");
  EXPECT_EQ(open({0, 0, 0, 0}, {0, 2, -100, 3}, limits),
            file + ": \"targets\": 3 in row 1, expected 0 to 2, or a number "
                   "below 0 for a label that is ignored");
}

TEST_F(SourceTest, PackagesSayWhatIsIgnored) {
  const Limits limits = {3, 1, {}, {{255}}};
  EXPECT_EQ(open({9, 0, 1, 2}, {0, 2, 255, 1}, limits), "");
  EXPECT_EQ(open({9, 0, 1, 2}, {0, 2, 255, -1}, limits),
            file + ": \"targets\": -1 in row 1, expected 0 to 2, or 255 for a "
                   "label that is ignored");
}

TEST_F(SourceTest, SomeLabelsCount) {
  const Limits any = {3, 1, {}, std::nullopt}, listed = {3, 1, {}, {{255}}};
  EXPECT_EQ(open({0, 0, 1, 2}, {-100, -100, -1, -100}, any),
            file + ": \"targets\": all labels are ignored ones, so there is "
                   "nothing to train on; expected 0 to 2 for some");
  EXPECT_NE(open({0, 0, 1, 2}, {255, 255, 255, 255}, listed), "");
  const Row row = {"targets", ATTUNE_I32, {2}};
  const int32_t ignored[2] = {255, 255}, some[2] = {255, 1};
  EXPECT_FALSE(anyCounts(row, std::as_bytes(std::span(ignored)), listed));
  EXPECT_TRUE(anyCounts(row, std::as_bytes(std::span(some)), listed));
  EXPECT_TRUE(anyCounts(row, std::as_bytes(std::span(ignored)), {}));
}

TEST_F(SourceTest, IndicesAreOfTheirTable) {
  const Limits limits = {3, 1, {{"tokens", 5}}, std::nullopt};
  EXPECT_EQ(open({4, 0, 1, 2}, {0, 2, 1, 1}, limits), "");
  EXPECT_EQ(open({4, 5, 1, 2}, {0, 2, 1, 1}, limits),
            file + ": \"tokens\": 5 in row 0, expected 0 to 4");
  EXPECT_EQ(open({4, 0, 1, -2}, {0, 2, 1, 1}, limits),
            file + ": \"tokens\": -2 in row 1, expected 0 to 4");
}

// Integers of another kind than classes may be anything.
TEST_F(SourceTest, OtherIntegersAreNotChecked) {
  EXPECT_EQ(open({9, -9, 9, 9}, {9, 9, -9, 9}, {3, 0, {}, std::nullopt}), "");
  EXPECT_EQ(open({9, -9, 9, 9}, {9, 9, -9, 9}, {}), "");
}

TEST_F(SourceTest, NarrowerIntegersAreWidened) {
  NamedTensors tensors = {
      {"tokens", tensorOf<int32_t>(ATTUNE_I32, {2, 2}, {1, 2, -3, 4})}};
  ASSERT_EQ(writeTensors(file, tensors).message(), "");
  ASSERT_EQ(openAs({{"tokens", ATTUNE_I64, {2}}}, {}), "");
  int64_t tokens[2] = {};
  std::byte *const rows[] = {reinterpret_cast<std::byte *>(tokens)};
  sources.training->read(1, rows);
  EXPECT_THAT(tokens, ElementsAre(-3, 4));
}

TEST_F(SourceTest, ReadsWhatIsWanted) {
  ASSERT_EQ(open({1, 2, 3, 4}, {5, 6, 7, 8}, {}), "");
  int32_t targets[2] = {};
  std::byte *const rows[] = {nullptr, reinterpret_cast<std::byte *>(targets)};
  sources.training->read(1, rows);
  EXPECT_THAT(targets, ElementsAre(7, 8));
}

} // namespace
