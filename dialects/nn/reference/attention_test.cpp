// The evaluator's attention in training: dropout against its definition, the
// backward op against central differences of the forward op.
#include "dialects/nn/Philox.h"
#include "dialects/nn/reference/EvaluatorFixture.h"

using namespace attune::nn;
using namespace mlir;

namespace {

// Sizes and options of an attention: H query heads over 2 kv heads, V of
// another size than K.
struct Form {
  std::string options;
  int64_t queries = 5, keys = 4;
};

constexpr int64_t kBatches = 2, kHeads = 4, kKeyHeads = 2, kSize = 3,
                  kValueSize = 2;

std::string tensor(ArrayRef<int64_t> shape, StringRef element = "f32") {
  std::string text = "tensor<";
  for (int64_t extent : shape)
    text += std::to_string(extent) + "x";
  return text + element.str() + ">";
}

struct AttentionTest : EvaluatorTest {
  // Inputs q, k, v, bias, mask, then seed, step and first.
  SmallVector<Array> inputs(const Form &form, ArrayRef<int64_t> biasShape) {
    SmallVector<Array> all{
        filled({kBatches, kHeads, form.queries, kSize}, 0.1),
        filled({kBatches, kKeyHeads, form.keys, kSize}, 0.7),
        filled({kBatches, kKeyHeads, form.keys, kValueSize}, 1.3)};
    all.push_back(filled(biasShape, 2.1));
    Array mask = bools({kBatches, form.keys}, {});
    for (int64_t i = 0; i < mask.size(); ++i)
      mask.ints()[i] = i % 3 != 1;
    all.push_back(mask);
    for (int64_t value : {int64_t(77), int64_t(3), int64_t(9)})
      all.push_back(integers({}, {value}));
    return all;
  }

  // The forward op, or both with the gradient as a further input.
  std::string text(const Form &form, ArrayRef<int64_t> biasShape,
                   bool backward) {
    std::string q = tensor({kBatches, kHeads, form.queries, kSize}),
                k = tensor({kBatches, kKeyHeads, form.keys, kSize}),
                v = tensor({kBatches, kKeyHeads, form.keys, kValueSize}),
                o = tensor({kBatches, kHeads, form.queries, kValueSize}),
                l = tensor({kBatches, kHeads, form.queries}),
                b = tensor(biasShape), m = tensor({kBatches, form.keys}, "i1"),
                s = "tensor<i64>";
    auto has = [&](const char *word) {
      return form.options.find(word) != std::string::npos;
    };
    std::string rest;
    if (has("bias"))
      rest += ", " + b;
    if (has("key_mask"))
      rest += ", " + m;
    if (has("dropout"))
      rest += ", " + s + ", " + s + ", " + s;
    std::string result = "func.func @main(%q: " + q + ", %k: " + k +
                         ", %v: " + v + ", %b: " + b + ", %m: " + m +
                         ", %seed: " + s + ", %step: " + s + ", %first: " + s +
                         (backward ? ", %g: " + o : "") + ") -> (";
    std::string forward = "  %o, %l = nn.attention %q, %k, %v scale 0.6 " +
                          form.options + " : (" + q + ", " + k + ", " + v +
                          rest + ") -> (" + o + ", " + l + ")\n";
    if (!backward)
      return result + o + ", " + l + ") {\n" + forward +
             "  return %o, %l : " + o + ", " + l + "\n}";
    bool biased = has("bias");
    std::string types =
        q + ", " + k + ", " + v + (biased ? ", " + b : std::string());
    return result + types + ") {\n" + forward + "  %r:" + (biased ? "4" : "3") +
           " = nn.attention_backward %q, %k, %v output %o, %l gradient %g "
           "scale 0.6 " +
           form.options + " : (" + q + ", " + k + ", " + v + ", " + o + ", " +
           l + ", " + o + rest + ") -> (" + types + ")\n  return %r#0, %r#1, " +
           "%r#2" + (biased ? ", %r#3" : "") + " : " + types + "\n}";
  }

  // Every element of every gradient against (f(x + e) - f(x - e)) / 2e, f the
  // sum of the output times a fixed gradient.
  void expectDifferences(const Form &form, ArrayRef<int64_t> biasShape) {
    SCOPED_TRACE(form.options);
    SmallVector<Array> at = inputs(form, biasShape);
    Array gradient = filled({kBatches, kHeads, form.queries, kValueSize}, 0.4);
    SmallVector<Array> with(at);
    with.push_back(gradient);
    auto found = run(text(form, biasShape, /*backward=*/true), with);
    std::string forward = text(form, biasShape, /*backward=*/false);
    auto objective = [&] {
      auto results = run(forward, at);
      double sum = 0;
      for (int64_t i = 0; i < gradient.size(); ++i)
        sum += results[0].floats()[i] * gradient.floats()[i];
      return sum;
    };
    constexpr double kStep = 1e-5;
    for (auto [number, of] : llvm::enumerate(found))
      for (int64_t i = 0; i < of.size(); ++i) {
        double &x = at[number].floats()[i], before = x;
        x = before + kStep;
        double up = objective();
        x = before - kStep;
        double down = objective();
        x = before;
        EXPECT_NEAR(of.floats()[i], (up - down) / (2 * kStep), 1e-8)
            << "operand " << number << " element " << i;
      }
  }
};

TEST_F(AttentionTest, GradientsAreCentralDifferences) {
  const int64_t full[] = {kBatches, kHeads, 5, 4}, heads[] = {kHeads, 1, 4},
                square[] = {kHeads, 5, 4}, wide[] = {1, 1, 5, 7};
  expectDifferences({""}, full);
  expectDifferences({"causal top_left"}, full);
  expectDifferences({"causal bottom_right softcap 0.9 bias %b", 5, 7}, wide);
  expectDifferences({"window 2 bias %b key_mask %m"}, heads);
  expectDifferences({"causal top_left dropout 0.3 id 5 (%seed, %step, %first)"},
                    full);
  expectDifferences({"window 3 softcap 1.5 bias %b key_mask %m dropout 0.4 id "
                     "6 (%seed, %step, %first)"},
                    square);
}

// What a row saved is what it would compute anew.
TEST_F(AttentionTest, SavedScoresGiveTheSameGradients) {
  Form form{"bias %b key_mask %m dropout 0.4 id 6 (%seed, %step, %first)"};
  const int64_t square[] = {kHeads, form.queries, form.keys};
  SmallVector<Array> at = inputs(form, square);
  at.push_back(filled({kBatches, kHeads, form.queries, kValueSize}, 0.4));
  std::string anew = text(form, square, /*backward=*/true), saved = anew;
  std::string scores = tensor({kBatches, kHeads, form.queries, form.keys}),
              o = tensor({kBatches, kHeads, form.queries, kValueSize}),
              l = tensor({kBatches, kHeads, form.queries});
  auto replace = [&](const std::string &from, const std::string &to) {
    size_t place = saved.find(from);
    ASSERT_NE(place, std::string::npos) << from;
    saved.replace(place, from.size(), to);
  };
  replace("%o, %l = ", "%o, %s:2 = ");
  replace("(" + o + ", " + l + ")", "(" + o + ", " + l + ", " + scores + ")");
  replace("output %o, %l gradient %g", "output %o, %s#0 gradient %g scores "
                                       "%s#1");
  replace(l + ", " + o + ", ", l + ", " + o + ", " + scores + ", ");
  auto expected = run(anew, at), found = run(saved, at);
  for (auto [a, b] : llvm::zip_equal(expected, found))
    EXPECT_EQ(a.floats(), b.floats());
}

// softmax(0) = 1 / T, so the output is the mean of the values that were kept.
TEST_F(AttentionTest, DropoutKeepsWhatRandomKeeps) {
  Form form{"dropout 0.25 id 4 (%seed, %step, %first)"};
  const int64_t shape[] = {1};
  SmallVector<Array> at = inputs(form, shape);
  for (double &x : at[0].floats())
    x = 0;
  auto results = run(text(form, shape, false), at);
  for (int64_t b = 0, row = 0; b < kBatches; ++b)
    for (int64_t h = 0; h < kHeads; ++h)
      for (int64_t i = 0; i < form.queries; ++i, ++row)
        for (int64_t d = 0; d < kValueSize; ++d) {
          double expected = 0;
          for (int64_t j = 0; j < form.keys; ++j) {
            int64_t number =
                (((9 + b) * kHeads + h) * form.queries + i) * form.keys + j;
            int64_t at3 = ((b * kKeyHeads + h / 2) * form.keys + j);
            if (uniform(77, 3, 4, number) >= 0.25)
              expected += at[2].floats()[at3 * kValueSize + d];
          }
          EXPECT_NEAR(results[0].floats()[row * kValueSize + d],
                      expected / (0.75 * double(form.keys)), 1e-12);
          EXPECT_NEAR(results[1].floats()[row], std::log(form.keys), 1e-12);
        }
}

// More queries than keys, aligned at the bottom right: the first rows see
// nothing.
TEST_F(AttentionTest, ARowThatSeesNothingHasNoGradient) {
  Form form{"causal bottom_right", 5, 3};
  const int64_t shape[] = {1};
  SmallVector<Array> at = inputs(form, shape);
  auto forward = run(text(form, shape, false), at);
  at.push_back(filled({kBatches, kHeads, form.queries, kValueSize}, 0.4));
  auto found = run(text(form, shape, true), at);
  for (int64_t row = 0; row < kBatches * kHeads * form.queries; ++row)
    if (row % form.queries < 2) {
      EXPECT_EQ(forward[1].floats()[row], INFINITY);
      for (int64_t d = 0; d < kSize; ++d)
        EXPECT_EQ(found[0].floats()[row * kSize + d], 0);
    }
}

} // namespace
