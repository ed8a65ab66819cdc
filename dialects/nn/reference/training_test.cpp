// The evaluator's ops of training against published numbers, closed forms and
// the ops that they are the duals of.
#include "dialects/nn/Philox.h"
#include "dialects/nn/reference/EvaluatorFixture.h"

using namespace attune::nn;
using namespace mlir;

namespace {

using TrainingTest = EvaluatorTest;
using Words = std::array<uint32_t, 4>;

// Random123, kat_vectors: philox4x32-10.
TEST(Philox, GivesThePublishedWords) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  uint32_t ones = ~0u;
  EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                   {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

std::string randomText(StringRef type, int64_t id) {
  return ("func.func @main(%seed: tensor<i64>, %step: tensor<i64>, %first: "
          "tensor<i64>) -> " +
          type + " {\n%u = nn.random id " + Twine(id) +
          " (%seed, %step, %first) : " + type + "\nreturn %u : " + type + " }")
      .str();
}

TEST_F(TrainingTest, RandomNumbersAreTheWordsOfTheirPosition) {
  auto zeros = run(randomText("tensor<2x3xf32>", 0),
                   {integers({}, {0}), integers({}, {0}), integers({}, {0})});
  uint32_t words[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(zeros[0].floats()[i], double(words[i] >> 8) / (1 << 24)) << i;
  // Seed, id and step are the key and the upper half of the counter; position
  // 2^34 + 1 is word 1 of block 2^32, the second counter word.
  auto far = run(randomText("tensor<f32>", 7),
                 {integers({}, {(int64_t(5) << 32) + 3}), integers({}, {9}),
                  integers({}, {(int64_t(1) << 34) + 1})});
  EXPECT_EQ(far[0].floats()[0],
            double(philox({0, 1, 7, 9}, {3, 5})[1] >> 8) / (1 << 24));
}

TEST_F(TrainingTest, ASliceOfABatchDrawsTheSameNumbers) {
  auto seed = integers({}, {42}), step = integers({}, {3});
  auto whole = run(randomText("tensor<6x5x3xf32>", 1),
                   {seed, step, integers({}, {10})})[0];
  auto part = run(randomText("tensor<2x5x3xf32>", 1),
                  {seed, step, integers({}, {13})})[0];
  EXPECT_EQ(part.floats(), whole.floats().slice(3 * 15, 2 * 15));
  auto row = run(randomText("tensor<4xf32>", 1),
                 {seed, step, integers({}, {16 * 15})})[0];
  auto next = run(randomText("tensor<1x5x3xf32>", 1),
                  {seed, step, integers({}, {16})})[0];
  EXPECT_EQ(row.floats(), next.floats().take_front(4));
}

TEST_F(TrainingTest, RandomNumbersAreUniform) {
  auto u = run(randomText("tensor<100x1000xf32>", 2),
               {integers({}, {1}), integers({}, {1}), integers({}, {0})})[0];
  double sum = 0, square = 0;
  for (double value : u.floats()) {
    ASSERT_TRUE(value >= 0 && value < 1);
    sum += value, square += value * value;
  }
  EXPECT_NEAR(sum / 1e5, 0.5, 0.005); // 5.5 standard deviations
  EXPECT_NEAR(square / 1e5, 1.0 / 3, 0.005);
}

// <scatter(u), x> = <u, gather(x)>, on a middle axis, with negative indices.
TEST_F(TrainingTest, ScatterIsTheDualOfGather) {
  const char *text =
      R"(func.func @main(%x: tensor<2x4x3xf32>, %u: tensor<2x2x3x3xf32>) -> (tensor<2x4x3xf32>, tensor<2x2x3x3xf32>) {
    %i = arith.constant dense<[[3, 0, 3], [-1, 1, -4]]> : tensor<2x3xi64>
    %s = nn.scatter %u[%i] axis 1 : (tensor<2x2x3x3xf32>, tensor<2x3xi64>) -> tensor<2x4x3xf32>
    %g = nn.gather %x[%i] axis 1 : (tensor<2x4x3xf32>, tensor<2x3xi64>) -> tensor<2x2x3x3xf32>
    return %s, %g : tensor<2x4x3xf32>, tensor<2x2x3x3xf32> })";
  Array x = filled({2, 4, 3}), u = filled({2, 2, 3, 3}, 1);
  auto results = run(text, {x, u});
  double left = 0, right = 0;
  for (int i = 0; i < x.size(); ++i)
    left += results[0].floats()[i] * x.floats()[i];
  for (int i = 0; i < u.size(); ++i)
    right += results[1].floats()[i] * u.floats()[i];
  EXPECT_NEAR(left, right, 1e-13);
  for (int j = 0; j < 3; ++j) // nobody names row 2
    EXPECT_EQ(results[0].floats()[2 * 3 + j], 0);
}

TEST_F(TrainingTest, ScatterSkipsWhatIsOutside) {
  const char *text =
      R"(func.func @main(%u: tensor<4xf32>) -> tensor<2xf32> {
    %i = arith.constant dense<[2, -3, 1, -1]> : tensor<4xi64>
    %s = nn.scatter %u[%i] axis 0 : (tensor<4xf32>, tensor<4xi64>) -> tensor<2xf32>
    return %s : tensor<2xf32> })";
  auto s = run(text, {floats({4}, {1, 2, 4, 8})})[0];
  EXPECT_EQ(s.floats(), ArrayRef<double>({0, 12}));
}

std::string lossText(StringRef attributes) {
  return ("func.func @main(%x: tensor<4x3xf32>, %l: tensor<4xi64>) -> "
          "(tensor<4xf32>, tensor<4xf32>) {\n%a, %b = nn.cross_entropy %x, %l" +
          attributes +
          " : (tensor<4x3xf32>, tensor<4xi64>) -> (tensor<4xf32>, "
          "tensor<4xf32>)\nreturn %a, %b : tensor<4xf32>, tensor<4xf32> }")
      .str();
}

TEST_F(TrainingTest, CrossEntropyOfKnownProbabilities) {
  Array x = floats({4, 3}, {0, 0, 0, std::log(2.0), 0, std::log(5.0), 1000, 0,
                            0, -INFINITY, 3, -INFINITY});
  auto results = run(lossText(""), {x, integers({4}, {1, 2, 0, 1})});
  double losses[] = {std::log(3.0), std::log(8.0 / 5), 0, 0};
  double sums[] = {std::log(3.0), std::log(8.0), 1000, 3};
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(results[0].floats()[i], losses[i], 1e-14) << i;
    EXPECT_NEAR(results[1].floats()[i], sums[i], 1e-14) << i;
  }
}

TEST_F(TrainingTest, IgnoredAndImpossibleLabelsCostNothing) {
  Array x = filled({4, 3});
  auto plain = run(lossText(""), {x, integers({4}, {-100, 3, -1, 2})});
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(plain[0].floats()[i], 0) << i;
  EXPECT_GT(plain[0].floats()[3], 0);
  auto ignored = run(lossText(" ignore 2"), {x, integers({4}, {2, 1, 2, 0})});
  EXPECT_EQ(ignored[0].floats()[0], 0);
  EXPECT_GT(ignored[0].floats()[1], 0);
  EXPECT_EQ(plain[1].floats(), ignored[1].floats());
}

// A smoothed loss is the loss of a mixture: (1 - e) of the label's and e of
// the mean over all labels'.
TEST_F(TrainingTest, SmoothingMixesTheLossesOfAllLabels) {
  Array x = filled({4, 3});
  double mean[4] = {};
  for (int64_t label = 0; label < 3; ++label) {
    auto each =
        run(lossText(""), {x, integers({4}, {label, label, label, label})});
    for (int i = 0; i < 4; ++i)
      mean[i] += each[0].floats()[i] / 3;
  }
  Array labels = integers({4}, {0, 1, 2, -100});
  auto plain = run(lossText(""), {x, labels});
  auto smooth = run(lossText(" smoothing 0.2"), {x, labels});
  for (int i = 0; i < 3; ++i)
    EXPECT_NEAR(smooth[0].floats()[i],
                0.8 * plain[0].floats()[i] + 0.2 * mean[i], 1e-14);
  EXPECT_EQ(smooth[0].floats()[3], 0);
}

TEST_F(TrainingTest, ABarrierIsTheIdentity) {
  const char *text = R"(func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
    %b = nn.barrier %x id 4 : tensor<3xf32>
    return %b : tensor<3xf32> })";
  Array x = filled({3});
  EXPECT_EQ(run(text, {x})[0].floats(), ArrayRef<double>(x.floats()));
}

} // namespace
