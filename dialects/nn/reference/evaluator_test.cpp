// The evaluator against closed forms and invariants: a reference needs tests of
// its own.
#include "dialects/nn/reference/EvaluatorFixture.h"

using namespace attune::nn;
using namespace mlir;

namespace {

TEST_F(EvaluatorTest, SoftmaxRowsSumToOneAndIgnoreAShift) {
  const char *text =
      R"(func.func @main(%x: tensor<3x5xf32>) -> (tensor<3x5xf32>, tensor<3x5xf32>) {
    %c = arith.constant dense<1000.0> : tensor<f32>
    %y = nn.elementwise add %x, %c : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
    %a = nn.softmax %x axis 1 : (tensor<3x5xf32>) -> tensor<3x5xf32>
    %b = nn.softmax %y axis 1 : (tensor<3x5xf32>) -> tensor<3x5xf32>
    return %a, %b : tensor<3x5xf32>, tensor<3x5xf32> })";
  auto results = run(text, {filled({3, 5})});
  for (int row = 0; row < 3; ++row) {
    double sum = 0;
    for (int i = 0; i < 5; ++i) {
      sum += results[0].floats()[row * 5 + i];
      EXPECT_NEAR(results[0].floats()[row * 5 + i],
                  results[1].floats()[row * 5 + i], 1e-12);
    }
    EXPECT_NEAR(sum, 1, 1e-14);
  }
}

TEST_F(EvaluatorTest, SoftmaxOfNothingIsZeroAndOfNanIsNan) {
  const char *text =
      R"(func.func @main(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
    %a = nn.softmax %x axis 1 : (tensor<3x2xf32>) -> tensor<3x2xf32>
    return %a : tensor<3x2xf32> })";
  Array x = filled({3, 2});
  x.floats()[0] = x.floats()[1] = x.floats()[2] = -INFINITY;
  x.floats()[3] = x.floats()[4] = x.floats()[5] = NAN;
  auto results = run(text, {x});
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(results[0].floats()[i], 0);
  for (int i = 2; i < 6; ++i)
    EXPECT_TRUE(std::isnan(results[0].floats()[i])) << i;
}

TEST_F(EvaluatorTest, SoftmaxOverAnotherAxisIsTheTransposedSoftmax) {
  const char *text =
      R"(func.func @main(%x: tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
    %a = nn.softmax %x axis 0 : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
    %t = nn.transpose %x [1, 2, 0] : (tensor<2x3x4xf32>) -> tensor<3x4x2xf32>
    %s = nn.softmax %t axis 2 : (tensor<3x4x2xf32>) -> tensor<3x4x2xf32>
    %b = nn.transpose %s [2, 0, 1] : (tensor<3x4x2xf32>) -> tensor<2x3x4xf32>
    return %a, %b : tensor<2x3x4xf32>, tensor<2x3x4xf32> })";
  auto results = run(text, {filled({2, 3, 4})});
  for (int i = 0; i < 24; ++i)
    EXPECT_NEAR(results[0].floats()[i], results[1].floats()[i], 1e-14);
}

TEST_F(EvaluatorTest, MatrixProductOfKnownNumbers) {
  const char *text =
      R"(func.func @main(%a: tensor<?x2xf32, #nn.shape<[M, 2]>>, %b: tensor<3x2xf32>) -> tensor<?x3xf32, #nn.shape<[M, 3]>> {
    %c = nn.contract %a, %b contracting [1] x [1] : (tensor<?x2xf32, #nn.shape<[M, 2]>>, tensor<3x2xf32>) -> tensor<?x3xf32, #nn.shape<[M, 3]>>
    return %c : tensor<?x3xf32, #nn.shape<[M, 3]>> })";
  auto results = run(
      text, {floats({2, 2}, {1, 2, 3, 4}), floats({3, 2}, {1, 0, 0, 1, 1, 1})});
  EXPECT_EQ(results[0].floats(), ArrayRef<double>({1, 2, 3, 3, 4, 7}));
}

TEST_F(EvaluatorTest, LayerNormGivesMeanZeroAndVarianceOne) {
  const char *text =
      R"(func.func @main(%x: tensor<4x64xf32>) -> tensor<4x64xf32> {
    %y = nn.norm layer %x axis 1 epsilon 0.0 : tensor<4x64xf32> -> tensor<4x64xf32>
    return %y : tensor<4x64xf32> })";
  auto y = run(text, {filled({4, 64})})[0];
  for (int row = 0; row < 4; ++row) {
    double sum = 0, square = 0;
    for (int i = 0; i < 64; ++i) {
      sum += y.floats()[row * 64 + i];
      square += y.floats()[row * 64 + i] * y.floats()[row * 64 + i];
    }
    EXPECT_NEAR(sum, 0, 1e-12);
    EXPECT_NEAR(square / 64, 1, 1e-12);
  }
}

TEST_F(EvaluatorTest, AttentionEqualsItsParts) {
  const char *text =
      R"(func.func @main(%q: tensor<1x2x3x4xf32>, %k: tensor<1x2x5x4xf32>, %v: tensor<1x2x5x6xf32>) -> (tensor<1x2x3x6xf32>, tensor<1x2x3x6xf32>) {
    %a = nn.attention %q, %k, %v scale 0.5 : (tensor<1x2x3x4xf32>, tensor<1x2x5x4xf32>, tensor<1x2x5x6xf32>) -> tensor<1x2x3x6xf32>
    %c = arith.constant dense<0.5> : tensor<f32>
    %s = nn.contract %q, %k batch [0, 1] x [0, 1] contracting [3] x [3] : (tensor<1x2x3x4xf32>, tensor<1x2x5x4xf32>) -> tensor<1x2x3x5xf32>
    %t = nn.elementwise mul %s, %c : (tensor<1x2x3x5xf32>, tensor<f32>) -> tensor<1x2x3x5xf32>
    %p = nn.softmax %t axis 3 : (tensor<1x2x3x5xf32>) -> tensor<1x2x3x5xf32>
    %b = nn.contract %p, %v batch [0, 1] x [0, 1] contracting [3] x [2] : (tensor<1x2x3x5xf32>, tensor<1x2x5x6xf32>) -> tensor<1x2x3x6xf32>
    return %a, %b : tensor<1x2x3x6xf32>, tensor<1x2x3x6xf32> })";
  auto results = run(text, {filled({1, 2, 3, 4}), filled({1, 2, 5, 4}, 1),
                            filled({1, 2, 5, 6}, 2)});
  for (int i = 0; i < 36; ++i)
    EXPECT_NEAR(results[0].floats()[i], results[1].floats()[i], 1e-13);
}

TEST_F(EvaluatorTest, CausalAttentionHidesTheFutureAndAMaskedRowIsZero) {
  const char *text =
      R"(func.func @main(%q: tensor<1x1x3x2xf32>, %k: tensor<1x1x3x2xf32>, %v: tensor<1x1x3x2xf32>, %m: tensor<1x3xi1>) -> tensor<1x1x3x2xf32> {
    %a = nn.attention %q, %k, %v scale 1.0 causal top_left key_mask %m : (tensor<1x1x3x2xf32>, tensor<1x1x3x2xf32>, tensor<1x1x3x2xf32>, tensor<1x3xi1>) -> tensor<1x1x3x2xf32>
    return %a : tensor<1x1x3x2xf32> })";
  Array v = floats({1, 1, 3, 2}, {1, 2, 3, 4, 5, 6});
  auto out = run(text, {filled({1, 1, 3, 2}), filled({1, 1, 3, 2}), v,
                        bools({1, 3}, {0, 1, 1})})[0];
  EXPECT_EQ(out.floats().take_front(2),
            ArrayRef<double>({0, 0})); // sees only key 0, masked
  EXPECT_EQ(out.floats().slice(2, 2),
            ArrayRef<double>({3, 4})); // sees key 1 alone
}

TEST_F(EvaluatorTest, ConvolutionWithAStrideOfItsKernelIsAPatchProduct) {
  const char *text =
      R"(func.func @main(%x: tensor<1x1x4x4xf32>, %w: tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32> {
    %y = nn.conv %x, %w strides [2, 2] dilations [1, 1] pads [0, 0], [0, 0] : (tensor<1x1x4x4xf32>, tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>
    return %y : tensor<1x1x2x2xf32> })";
  Array x = floats({1, 1, 4, 4},
                   {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
  auto y = run(text, {x, floats({1, 1, 2, 2}, {1, 1, 1, 1})})[0];
  EXPECT_EQ(y.floats(), ArrayRef<double>({10, 18, 42, 50}));
}

TEST_F(EvaluatorTest, DerivedWeightsAndSlicesAndPads) {
  const char *text = R"(
  nn.weight @w : tensor<2x3xf32> = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  nn.weight @t : tensor<4x2xf32> init {
    %w = nn.load_weight @w : tensor<2x3xf32>
    %z = arith.constant dense<0.0> : tensor<f32>
    %x = nn.transpose %w [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
    %p = nn.pad %x, %z low <[0, 0]> high <[1, 0]> : (tensor<3x2xf32>, tensor<f32>) -> tensor<4x2xf32>
    nn.yield %p : tensor<4x2xf32>
  }
  func.func @main() -> (tensor<4x2xf32>, tensor<2x2xf32>) {
    %t = nn.load_weight @t : tensor<4x2xf32>
    %r = nn.slice %t starts <[3, 0]> sizes <[2, 2]> steps [-2, 1] : (tensor<4x2xf32>) -> tensor<2x2xf32>
    return %t, %r : tensor<4x2xf32>, tensor<2x2xf32> })";
  auto results = run(text, {});
  EXPECT_EQ(results[0].floats(), ArrayRef<double>({1, 4, 2, 5, 3, 6, 0, 0}));
  EXPECT_EQ(results[1].floats(), ArrayRef<double>({0, 0, 2, 5}));
}

TEST_F(EvaluatorTest, GatherCountsNegativeIndicesFromTheEnd) {
  const char *text =
      R"(func.func @main(%x: tensor<3x2xf32>) -> tensor<2x2xf32> {
    %i = arith.constant dense<[-1, 0]> : tensor<2xi64>
    %y = nn.gather %x[%i] axis 0 : (tensor<3x2xf32>, tensor<2xi64>) -> tensor<2x2xf32>
    return %y : tensor<2x2xf32> })";
  auto y = run(text, {floats({3, 2}, {1, 2, 3, 4, 5, 6})})[0];
  EXPECT_EQ(y.floats(), ArrayRef<double>({5, 6, 1, 2}));
}

TEST_F(EvaluatorTest, StorageBytesRoundOnceAndComeBack) {
  for (Type type :
       {Type(Float32Type::get(&context)), Type(BFloat16Type::get(&context)),
        Type(Float16Type::get(&context)), Type(Float64Type::get(&context))}) {
    Array array(type, {3});
    array.floats()[0] = 1.0, array.floats()[1] = -0.375,
    array.floats()[2] = 6.0;
    auto back = Array::fromBytes(type, {3}, array.toBytes());
    ASSERT_TRUE(succeeded(back));
    EXPECT_EQ(back->floats(), ArrayRef<double>(array.floats()));
  }
  EXPECT_TRUE(failed(Array::fromBytes(Float32Type::get(&context), {3},
                                      std::vector<char>(11))));
}

// The remainder has the divisor's sign, 0 as well; a finite number modulo an
// infinity of its sign is itself. NumPy's table.
TEST_F(EvaluatorTest, ModuloAtTheEdges) {
  const char *text =
      R"(func.func @main(%a: tensor<10xf32>, %b: tensor<10xf32>) -> tensor<10xf32> {
    %c = nn.elementwise mod %a, %b : (tensor<10xf32>, tensor<10xf32>) -> tensor<10xf32>
    return %c : tensor<10xf32> })";
  double inf = INFINITY;
  auto y = run(text, {floats({10}, {7, -7, 7, -7, 0, -0.0, 3, -1, inf, 1}),
                      floats({10}, {3, 3, -3, -3, -2, 2, -inf, inf, 2, 0})})[0];
  double expected[] = {1, 2, -2, -1, -0.0, 0, -inf, inf};
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(y.floats()[i], expected[i]) << i;
    EXPECT_EQ(std::signbit(y.floats()[i]), std::signbit(expected[i])) << i;
  }
  EXPECT_TRUE(std::isnan(y.floats()[8]));
  EXPECT_TRUE(std::isnan(y.floats()[9]));
}

TEST_F(EvaluatorTest, AnyOfNoBoolsIsFalseAndAllOfThemTrue) {
  const char *text =
      R"(func.func @main(%x: tensor<2x0xi1>) -> (tensor<2xi1>, tensor<2xi1>) {
    %a = nn.reduce max %x axes [1] : (tensor<2x0xi1>) -> tensor<2xi1>
    %b = nn.reduce min %x axes [1] : (tensor<2x0xi1>) -> tensor<2xi1>
    return %a, %b : tensor<2xi1>, tensor<2xi1> })";
  auto results = run(text, {bools({2, 0}, {})});
  EXPECT_EQ(results[0].ints(), ArrayRef<int64_t>({0, 0}));
  EXPECT_EQ(results[1].ints(), ArrayRef<int64_t>({1, 1}));
}

// 300 * 300 is beyond f16: what is summed, and what it leaves in, is f32.
TEST_F(EvaluatorTest, NarrowOperandsGiveTheTypeOfTheirSum) {
  const char *text =
      R"(func.func @main(%x: tensor<2x2xf16>) -> (tensor<2x2xf32>, tensor<2x2xf16>) {
    %y = nn.contract %x, %x contracting [1] x [1] accumulate f32 : (tensor<2x2xf16>, tensor<2x2xf16>) -> tensor<2x2xf32>
    %z = nn.contract %x, %x contracting [1] x [1] : (tensor<2x2xf16>, tensor<2x2xf16>) -> tensor<2x2xf16>
    return %y, %z : tensor<2x2xf32>, tensor<2x2xf16> })";
  Array x(Float16Type::get(&context), {2, 2});
  llvm::copy(ArrayRef<double>{300, 1, 0, 2}, x.floats().begin());
  auto results = run(text, {x});
  ASSERT_EQ(results.size(), 2u);
  EXPECT_TRUE(results[0].getElementType().isF32());
  EXPECT_EQ(results[0].floats(), ArrayRef<double>({90001, 2, 2, 4}));
  EXPECT_TRUE(results[1].getElementType().isF16());
}

TEST_F(EvaluatorTest, NarrowAttentionIsTheSameInItsOwnTypes) {
  auto text = [](std::string type, std::string result) {
    std::string q = "tensor<1x2x3x4x" + type + ">",
                o = "tensor<1x2x3x4x" + result + ">", lse = "tensor<1x2x3xf32>";
    return "func.func @main(%q: " + q + ", %m: tensor<3x3xf32>) -> (" + o +
           ", " + lse + ") {\n%o, %l = nn.attention %q, %q, %q scale 0.5 " +
           "causal top_left bias %m : (" + q + ", " + q + ", " + q +
           ", tensor<3x3xf32>) -> (" + o + ", " + lse +
           ")\nreturn %o, %l : " + o + ", " + lse + " }";
  };
  Array wide = filled({1, 2, 3, 4}), mask = filled({3, 3}, 1);
  Array narrow(BFloat16Type::get(&context), {1, 2, 3, 4});
  llvm::copy(wide.floats(), narrow.floats().begin());
  auto expected = run(text("f32", "f32"), {wide, mask});
  for (const char *result : {"bf16", "f32"}) {
    auto results = run(text("bf16", result), {narrow, mask});
    ASSERT_EQ(results.size(), 2u);
    EXPECT_EQ(results[0].getElementType().isBF16(), result[0] == 'b');
    EXPECT_TRUE(results[1].getElementType().isF32());
    EXPECT_EQ(results[0].floats(), expected[0].floats());
    EXPECT_EQ(results[1].floats(), expected[1].floats());
  }
}

// A narrowed weight: 1 + 2^-11 is half way to the next f16, to the even one.
TEST_F(EvaluatorTest, ANarrowedWeightIsRoundedWhenItIsStored) {
  const char *text = R"(
    nn.weight @w : tensor<3xf32> = dense<[1.00048828125, 1.0009765625, 65504.0]> : tensor<3xf32>
    nn.weight @w.f16 : tensor<3xf16> init {
      %w = nn.load_weight @w : tensor<3xf32>
      %n = nn.elementwise cast %w to f16 : (tensor<3xf32>) -> tensor<3xf16>
      nn.yield %n : tensor<3xf16>
    }
    func.func @main() -> tensor<3xf16> {
      %w = nn.load_weight @w.f16 : tensor<3xf16>
      return %w : tensor<3xf16> })";
  auto results = run(text, {});
  ASSERT_EQ(results.size(), 1u);
  auto stored =
      Array::fromBytes(Float16Type::get(&context), {3}, results[0].toBytes());
  ASSERT_TRUE(succeeded(stored));
  EXPECT_EQ(stored->floats(), ArrayRef<double>({1.0, 1.0009765625, 65504.0}));
}

} // namespace
