// The gradients of attention in numbers: the forward and the backward kernel,
// the same with saved scores between them, and the parts that both become if
// they are not fused, against the evaluator, for every option, with lengths on
// and beside the ends of blocks. Options are drawn from a printed seed
// (ATTUNE_TEST_SEED repeats one).
#include "compiler/kernels/test/RunKernels.h"

#include "compiler/target/common/testing/Draws.h"
#include "compiler/target/cpu/testing/CompiledKernels.h"
#include "gtest/gtest.h"

namespace attune::kernels::testing {
namespace {

using target::cpu::CodeVersion;

// An attention of B batch entries, S queries and T keys, and its gradients.
struct Form {
  int heads, kvHeads, size, valueSize;
  std::string options; // may name %bias, %mask
  std::string bias;    // its dims, or none
  bool biasGradient = false;
};

std::string shaped(const std::string &dims, const std::string &element) {
  std::string shape;
  for (size_t at = 0; at < dims.size();) {
    size_t end = std::min(dims.find(", ", at), dims.size());
    std::string dim = dims.substr(at, end - at);
    bool isNumber = dim.find_first_not_of("0123456789") == std::string::npos;
    shape += (isNumber ? dim : "?") + "x";
    at = end + 2;
  }
  bool isStatic = shape.find('?') == std::string::npos;
  return "tensor<" + shape + element +
         (isStatic ? ">" : ", #nn.shape<[" + dims + "]>>");
}

std::string textOf(const Form &form) {
  auto num = [](int n) { return std::to_string(n); };
  auto tensor = [](const std::string &dims) { return shaped(dims, "f32"); };
  auto has = [&](const char *word) {
    return form.options.find(word) != std::string::npos;
  };
  std::string H = num(form.heads), HK = num(form.kvHeads);
  std::string Q = tensor("B, " + H + ", S, " + num(form.size)),
              K = tensor("B, " + HK + ", T, " + num(form.size)),
              V = tensor("B, " + HK + ", T, " + num(form.valueSize)),
              O = tensor("B, " + H + ", S, " + num(form.valueSize)),
              L = tensor("B, " + H + ", S"), M = shaped("B, T", "i1"),
              W = tensor(form.bias.empty() ? "1" : form.bias),
              N = "tensor<i64>";
  std::string rest =
      (has("%bias") ? ", " + W : std::string()) +
      (has("%mask") ? ", " + M : std::string()) +
      (has("%seed") ? ", " + N + ", " + N + ", " + N : std::string());
  std::string grads =
      Q + ", " + K + ", " + V + (has("%bias") ? ", " + W : std::string());
  std::string results = O + ", " + L + ", " + Q + ", " + K + ", " + V +
                        (form.biasGradient ? ", " + W : std::string());
  return "func.func @main(%q: " + Q + ", %k: " + K + ", %v: " + V +
         ", %bias: " + W + ", %mask: " + M + ", %g: " + O + ", %seed: " + N +
         ", %step: " + N + ", %first: " + N + ") -> (" + results +
         ") {\n  %o, %l = nn.attention %q, %k, %v scale 0.3 " + form.options +
         " : (" + Q + ", " + K + ", " + V + rest + ") -> (" + O + ", " + L +
         ")\n  %r:" + (has("%bias") ? "4" : "3") +
         " = nn.attention_backward %q, %k, %v output %o, %l gradient %g scale "
         "0.3 " +
         form.options + " : (" + Q + ", " + K + ", " + V + ", " + O + ", " + L +
         ", " + O + rest + ") -> (" + grads + ")\n  return %o, %l, %r#0, %r#1" +
         ", %r#2" + (form.biasGradient ? ", %r#3" : "") + " : " + results +
         "\n}\n";
}

class AttentionBackward : public ::testing::TestWithParam<CodeVersion>,
                          protected target::common::testing::Draws {
protected:
  void check(const Form &form, const std::vector<Symbols> &lengths) {
    SCOPED_TRACE(textOf(form));
    auto seed = unsigned(draw(0, 1 << 20));
    auto run = [&](const char *strategy) {
      return compareWithEvaluator(textOf(form), lengths, seed, GetParam(),
                                  strategy);
    };
    Comparison unfused = run("unfused");
    EXPECT_EQ(unfused.failure, "");
    EXPECT_GT(unfused.kernels, 4u);
    EXPECT_LT(unfused.error, 1e-5);
    bool saves = true; // what they may hold back from saving
    for (const char *word : {"causal", "window", "softcap"})
      saves &= form.options.find(word) == std::string::npos;
    for (const char *strategy : {"fused", "saved"}) {
      if (!saves && strategy == std::string("saved"))
        continue;
      SCOPED_TRACE(strategy);
      Comparison fused = run(strategy);
      EXPECT_EQ(fused.failure, "");
      // Two kernels, and those that add up the gradient of a repeated bias.
      EXPECT_LE(fused.kernels, form.biasGradient ? 4u : 2u);
      EXPECT_LE(fused.error, 3 * unfused.error + 1e-6);
    }
  }
  static Symbols lengths(int64_t b, int64_t s, int64_t t) {
    return {{"B", b}, {"S", s}, {"T", t}};
  }
};

TEST_P(AttentionBackward, Plain) {
  check({2, 2, 64, 64, "", ""},
        {lengths(1, 1, 1), lengths(2, 3, 3), lengths(1, 97, 97),
         lengths(1, 128, 128), lengths(1, 257, 257), lengths(1, 48, 304)});
  check({1, 1, 64, 64, "causal top_left", ""},
        {lengths(1, 1, 1), lengths(2, 97, 97), lengths(1, 128, 128),
         lengths(1, 1024, 1024)});
}

TEST_P(AttentionBackward, Bands) {
  for (const char *band :
       {"causal top_left", "causal bottom_right", "window 5",
        "causal bottom_right window 40", "causal top_left window 400"})
    check({1, 1, 16, 32, band, ""},
          {lengths(1, 100, 100), lengths(1, 300, 80), lengths(1, 70, 530),
           lengths(2, 1, 700), lengths(1, 600, 1)});
}

TEST_P(AttentionBackward, GroupsOfHeads) {
  check({6, 2, 32, 48, "causal top_left", ""},
        {lengths(2, 50, 50), lengths(1, 130, 200)});
}

TEST_P(AttentionBackward, MasksAndBiases) {
  check({4, 2, 24, 40, "bias %bias", "4, S, T"}, {lengths(2, 60, 170)});
  check({2, 2, 32, 32, "key_mask %mask", ""}, {lengths(3, 50, 70)});
  check({2, 1, 32, 32, "causal top_left softcap 0.8 bias %bias key_mask %mask",
         "B, 1, 1, T"},
        {lengths(2, 100, 100)});
}

TEST_P(AttentionBackward, GradientsOfTheBias) {
  check({4, 2, 24, 40, "softcap 1.5 bias %bias", "B, 4, S, T", true},
        {lengths(2, 60, 170), lengths(1, 1, 5)});
  // Where the band hides something the gradient is zero, and written.
  check({2, 2, 16, 16, "causal top_left bias %bias", "B, 2, S, T", true},
        {lengths(1, 130, 400), lengths(1, 400, 30)});
  // Summed over what the bias is repeated along.
  for (const char *dims : {"4, S, T", "B, 1, 1, T", "4, 1, T", "T"})
    check({4, 2, 16, 16, "bias %bias", dims, true}, {lengths(3, 60, 70)});
}

// The parts multiply by nn.random's numbers, the kernels draw their own: equal
// errors mean equal masks.
TEST_P(AttentionBackward, Dropout) {
  std::string dropout = "dropout 0.17 id 7 (%seed, %step, %first)";
  check({4, 2, 32, 48, dropout, ""},
        {lengths(2, 3, 3), lengths(2, 60, 97), lengths(1, 50, 128),
         lengths(1, 130, 257)});
  check({2, 2, 64, 64, "causal top_left " + dropout, ""},
        {lengths(2, 3, 3), lengths(1, 97, 97), lengths(1, 257, 257)});
  check({2, 1, 24, 24, "softcap 1.5 bias %bias key_mask %mask " + dropout,
         "2, S, T", true},
        {lengths(2, 40, 70), lengths(1, 64, 512)});
}

TEST_P(AttentionBackward, AnyHeadSizes) {
  check({1, 1, 256, 256, "", ""}, {lengths(1, 33, 65)});
  check({1, 1, 8, 8, "causal top_left", ""}, {lengths(2, 70, 70)});
  for (int trial = 0; trial < 4; ++trial) {
    int kvHeads = int(draw(1, 2)), groups = int(draw(1, 3));
    const char *bands[] = {"", "causal top_left", "causal bottom_right",
                           "window 7"};
    std::string options = bands[draw(0, 3)];
    if (draw(0, 1))
      options += " softcap 2.0";
    bool biased = draw(0, 1);
    if (biased)
      options += " bias %bias";
    if (draw(0, 1))
      options += " key_mask %mask";
    check({kvHeads * groups, kvHeads, int(draw(1, 130)), int(draw(1, 130)),
           options, biased ? "S, T" : ""},
          {lengths(draw(1, 2), draw(1, 120), draw(1, 400)),
           lengths(1, draw(1, 300), draw(1, 60))});
  }
}

INSTANTIATE_TEST_SUITE_P(
    Versions, AttentionBackward,
    ::testing::ValuesIn(target::cpu::testing::runnableVersions()),
    [](const auto &info) {
      std::string name = codeVersionName(info.param).str();
      return name.substr(name.size() - 2);
    });

} // namespace
} // namespace attune::kernels::testing
