// Every message of the expansion, with the place it points to.
#include "frontends/dsl/ImportTesting.h"

namespace attune::dsl {
namespace {

using testing::ImportTest;

class Refusal : public ImportTest {
protected:
  void expect(const std::string &text, const std::string &message) {
    std::string errors = refuse(text);
    EXPECT_NE(errors.find(message), std::string::npos)
        << text << "\n  wanted " << message << "\n  found " << errors;
  }
  using Cases = std::initializer_list<std::pair<const char *, const char *>>;
  /// Of `y = EXPRESSION` in a forward with x: f32[B, 4, 6] and n: i64[B, T].
  void expectAll(Cases cases) {
    for (auto [expression, message] : cases)
      expect(around("return " + std::string(expression)),
             "m.attn:3:16: " + std::string(message));
  }
};

TEST_F(Refusal, Shapes) {
  expectAll(
      {{"x + n", "expected shapes that broadcast (dims equal or 1, from the "
                 "last one on), found f32[B, 4, 6] and i64[B, T]"},
       {"x + n[0:1, 0:1]", "expected tensors of one element type, found f32[B, "
                           "4, 6] and i64[1, 1]; convert one by float(x)"},
       {"x @ x", "expected [..., n, k] @ [..., k, m], found f32[B, 4, 6] @ "
                 "f32[B, 4, 6]"},
       {"x @ n", "expected f32 matrices, found f32[B, 4, 6] @ i64[B, T]"},
       {"x @ full([3, 6, 2], 0.5)",
        "expected dims before the last two that broadcast, found f32[B, 4, 6] "
        "@ f32[3, 6, 2]"},
       {"linear(x, x[0, :, 0:5])", "expected f32[..., 5] for a weight [4, 5]"},
       {"reshape(x, [B, 5])", "expected as many elements as before, found [B, "
                              "4, 6] for [B, 5]"},
       {"reshape(x, [-1])", "expected dims that are not negative, found [-1]"},
       {"expand(x, [B, 4, 12])", "expected a tensor that broadcasts to [B, 4, "
                                 "12], found f32[B, 4, 6]"},
       {"concat([x, x[:, :, 0:1]], axis = 1)",
        "expected parts that differ in axis 1 only, found f32[B, 4, 6] and "
        "f32[B, 4, 1]"},
       {"pad(x, 1, -1, 0)", "expected amounts that are not negative, found -1 "
                            "and 0"},
       {"gather(x, x[0, 0])", "expected i64 positions, found f32[6]"},
       {"gather(x, arange(7), axis = 2)", "expected at most 6 positions, found "
                                          "7"},
       {"mean(n, 0)", "expected f32 to take a mean of, found i64[B, T]; "
                      "convert it by float(x)"},
       {"sum(n > 0, 0)", "expected numbers, found bool[B, T]"},
       {"softmax(n)", "expected f32, found i64[B, T]"},
       {"layer_norm(n)", "expected f32[..., width] to norm, found i64[B, T]"},
       {"layer_norm(x, x[0, 0, 0:3])", "expected f32[..., 3] for the norm's "
                                       "weight, found f32[B, 4, 6]"},
       {"full([1000000, 1000000, 1000000], 0)",
        "expected at most 2^48 elements, found [1000000, 1000000, 1000000]"},
       {"rearrange(x, \"a b -> b a\")", "expected a tensor of 2 dims for the "
                                        "pattern, found f32[B, 4, 6]"},
       {"rearrange(x, \"a (b c) d -> a b c d\", b = 3)",
        "expected an axis that 3 divides, found 4 in f32[B, 4, 6]"},
       {"rearrange(x, \"a (b c) d -> a b c d\")",
        "expected a size for 'b' or 'c', as in c = 8"},
       {"rearrange(x, \"a b c -> a b c\", b = 5)",
        "expected an axis of 5, found 4 in f32[B, 4, 6]"},
       {"rearrange(x, \"1 b c -> b c\")", "expected 1 where the pattern has 1, "
                                          "found B in f32[B, 4, 6]"},
       {"rearrange(x, \"a b c -> a b c d\")", "expected a size for the new "
                                              "axis 'd', as in d = 8"},
       {"rearrange(x, \"a b c -> a b c\", d = 5)",
        "expected sizes of axes of the pattern, found 'd'"},
       {"rearrange(x, \"a b c -> a b c\", a = 1.5)",
        "expected an integer as the size of 'a', found the number 1.5"},
       {"rearrange(x, \"a b c\")", "in the pattern 'a b c' at character 6: "
                                   "expected '->'"}});
}

TEST_F(Refusal, Attention) {
  auto q = [](const std::string &more) {
    return "attention(reshape(x, [B, 2, 4, 3]), " + more + ")";
  };
  const char *same = "reshape(x, [B, 2, 4, 3]), reshape(x, [B, 2, 4, 3])";
  expect(around("return attention(x, x, x)"),
         "expected f32[batch, heads, positions, width] for attention, found "
         "query f32[B, 4, 6], key f32[B, 4, 6] and value f32[B, 4, 6]");
  expect(around("return " + q("reshape(x, [B, 2, 2, 6]), reshape(x, [B, 2, 2, "
                              "6])")),
         "expected query, key and value of one batch");
  expect(around("return " + q("reshape(x, [B, 4, 2, 3]), reshape(x, [B, 4, 2, "
                              "3])")),
         "expected heads of the key that divide those of the query");
  expect(around("return attention(reshape(x, [B, B, 24 // 4, 4]), x, x)"),
         "expected as many elements as before");
  for (auto [option, message] :
       std::initializer_list<std::pair<const char *, const char *>>{
           {"key_mask = n > 0", "expected bool[B, 4] for 'key_mask', found "
                                "bool[B, T]"},
           {"bias = x", "expected a bias that broadcasts to f32[B, 2, 4, 4], "
                        "found f32[B, 4, 6]"},
           {"mask = n > 0", "expected a mask that broadcasts to bool[B, 2, 4, "
                            "4], found bool[B, T]"},
           {"causal = 3", "expected true or false for 'causal' of 'attention', "
                          "found the number 3"},
           {"causal = \"left\"", "expected true, false or \"bottom_right\" for "
                                 "'causal'"},
           {"window = 0", "expected a window of 1 or more for 'window'"},
           {"softcap = -1", "expected a number above 0 for 'softcap'"},
           {"dropout = 1", "expected a rate from 0 to below 1 for 'dropout'"},
           {"scale = x", "expected a number that is known when the model is "
                         "compiled for 'scale' of 'attention', found f32[B, 4, "
                         "6]"}})
    expect(around("return " + q(std::string(same) + ", " + option)), message);
}

TEST_F(Refusal, Values) {
  expectAll(
      {{"x / n", "expected shapes that broadcast"},
       {"n / 2", "expected f32 tensors beside '/', found i64[B, T] and i64[]; "
                 "write // or convert them by float(x)"},
       {"n + 0.5",
        "expected an integer beside i64 tensors, found the number 0.5"},
       {"x and x", "expected bool tensors beside 'and', found"},
       {"(n > 0) + 1", "expected a bool tensor beside bool tensors, found the "
                       "number 1; convert the others by int(x)"},
       {"(n > 0) + (n > 1)", "expected numbers beside '+', found bool[B, T] "
                             "and bool[B, T]; convert them by float(x)"},
       {"x + \"a\"", "expected numbers or tensors beside '+', found f32[B, 4, "
                     "6] and the text 'a'"},
       {"-(n > 0)", "expected numbers behind '-', found bool[B, T]"},
       {"not x", "expected a bool tensor behind 'not', found f32[B, 4, 6]"},
       {"x(3)", "expected something to call, found f32[B, 4, 6]"},
       {"Linear(3, 4)(x)", "expected layers to be made as members of a module"},
       {"repeat(3, relu)", "expected repeat as a member of a module"},
       {"relu(n)", "expected an f32 tensor for 'x' of 'relu', found i64[B, T]"},
       {"relu(3)", "expected a tensor for 'x' of 'relu', found the number 3"},
       {"gelu(x, approximate = \"no\")", "expected \"none\" or \"tanh\" for "
                                         "'approximate'"},
       {"maximum(n > 0, n > 0)", "expected numbers for 'a' of 'maximum'"},
       {"where(x, 1, 2)", "expected a bool tensor for 'condition'"},
       {"mean(x, axis = 3)",
        "expected axes of a tensor of rank 3 for 'axis' of "
        "'mean', found the number 3"},
       {"mean(x, axis = [1, -2])", "expected each axis once for 'axis'"},
       {"mean(x, axis = [1.5])", "expected a list of integers for 'axis'"},
       {"softmax(x, axis = [0, 1])", "expected one axis for 'axis'"},
       {"transpose(x, [0, 1])", "expected each of the 3 axes once for 'axes'"},
       {"transpose(arange(3))",
        "expected a tensor of two dims or more for 'x'"},
       {"concat(x, axis = 0)", "expected a list of tensors for 'parts'"},
       {"concat([3], axis = 0)", "expected a tensor, found the number 3"},
       {"roll(x, [1, 2], 0)", "expected one axis for each shift for 'axis'"},
       {"roll(x, 1, 7)", "expected axes of a tensor of rank 3 for 'axis'"},
       {"pad(x, 0, 1, 1, value = x)", "expected a number of the tensor's type "
                                      "for 'value'"},
       {"arange(0 - 1)", "expected a count that is not negative for 'count'"},
       {"dropout(x, 1)", "expected a rate from 0 to below 1, found 1"},
       {"dropout(n, 0.5)", "expected f32, found i64[B, T]"},
       {"log(0)", "expected a number that the function is defined for"},
       {"int(1e300)", "expected a number below 1e15"},
       {"sum(x, axis = T)", "expected axes of a tensor of rank 3"},
       {"rearrange(x, 3)", "expected a text for 'pattern' of 'rearrange'"},
       {"max(x, 0, keepdims = 3)", "expected true or false for 'keepdims'"}});
}

TEST_F(Refusal, Numbers) {
  for (auto [expression, message] :
       std::initializer_list<std::pair<const char *, const char *>>{
           {"x * (1 // 0)", "expected a divisor that is not 0"},
           {"x * (1 / 0)", "expected a divisor that is not 0"},
           {"x * (1.0 % 0)", "expected a divisor that is not 0"},
           {"x * (T / 2)", "expected numbers that are known when the model is "
                           "compiled for '/', found T and 2; // gives an "
                           "integer"},
           {"x * (T ** 2)", "expected numbers that are known when the model is "
                            "compiled for '**'"},
           {"x * (10.0 ** 999)", "expected a number, found the '**' of"},
           {"x * (9223372036854775807 + 1)", "a number leaves 64 bits"},
           {"x if T < 4 else n", "expected a comparison that is decided when "
                                 "the model is compiled, found T < 4"},
           {"x if x else n",
            "expected true or false, known when the model is "
            "compiled, found f32[B, 4, 6]; where(condition, a, "
            "b)"},
           {"x[5, 0, 0, 0]", "expected at most 3 indices"},
           {"x[:, 4]",
            "expected positions inside axis 1 of f32[B, 4, 6], found "
            "4 to 4"},
           {"n[:, 0:9]", "expected positions inside axis 1 of i64[B, T], found "
                         "0 to 8"},
           {"x[:, :, 0:T]", "expected positions inside axis 2 of f32[B, 4, 6], "
                            "found 0 to T - 1; a bound in the input's type "
                            "helps, as in T <= 6"},
           {"x[:, 3:1]", "expected a last position behind the first one, found "
                         "3 to 1"},
           {"x[:, ::0]", "expected a step of 1 or more, found 0"},
           {"x[:, 1.5]", "expected an integer, found the number 1.5"},
           {"[x][1]", "expected an index of a list of 1, found 1"},
           {"[x][0:1]", "expected one index of a list"}})
    expect(around("return " + std::string(expression)), message);
}

TEST_F(Refusal, Calls) {
  expect(around("a, b = x\n        return a"),
         "m.attn:3:16: expected a list or a tensor of 2 for 2 names, found "
         "f32[B, 4, 6]");
  expect(
      around("x = f(x)\n        return x\n    def f(z):\n        return f(z)"),
      "does 'f' call itself?");
  expect(around("return f(x, x)\n    def f(z):\n        return z"),
         "'f' takes at most 1 values, found 2");
  expect(around("return f()\n    def f(z):\n        return z"),
         "'f' needs a value for 'z'");
  expect(around("return f(q = x)\n    def f(z):\n        return z"),
         "'q' is no parameter of 'f'");
  expect(around("return f(x, z = x)\n    def f(z):\n        return z"),
         "'z' is given twice to 'f'");
  expect(around("return f(x)\n    def f(z: f32[B, 5, 6]):\n        return z"),
         "m.attn:3:16: expected f32[B, 5, 6] for 'z', found f32[B, 4, 6]\n");
  expect(around("return f(x)\n    def f(z: i64[B]):\n        return z"),
         "m.attn:3:16: expected i64[B] for 'z', found f32[B, 4, 6]\n");
  expect(around("return f(x)\n    def f(z: f32[B, C <= 3, D]):\n        return "
                "z"),
         "expected C <= 3, found 4");
  expect(around("return f(x)[0]\n    def f(z) -> a, b:\n        return z"),
         "'f' says that it gives 2 values, and returns 1");
  expect(around("return f(x)\n    def f(z) -> a: f32[3]:\n        return z"),
         "expected f32[3] for 'a', found f32[B, 4, 6]");
  expect(around("return f(x)\n    def f(z):\n        return z + n2()\n    def "
                "n2():\n        return \"a\""),
         "  at m.attn:3:16: called here, for 'f'\n");
  expect(around("return l(x, x)", "l = Linear(6, 6)"),
         "expected one tensor for the layer 'l', found 2 values");
  expect(around("return l(x, q = x)", "l = Linear(6, 6)"),
         "a layer takes a tensor and no names");
  expect(around("return l.wieght", "l = Linear(6, 6)"),
         "the layer 'l' has no member 'wieght'; did you mean 'weight'?");
  expect(
      around("return x.weight"),
      "m.attn:3:18: expected a layer before '.weight', found f32[B, 4, 6]; a "
      "tensor has .shape");
  expect(around("return x.reshape([4])"),
         "m.attn:3:18: expected a layer before '.reshape', found f32[B, 4, 6]; "
         "write reshape(x, ...)");
  expect(around("return l()", "l = Sequential(relu)"),
         "expected a tensor for 'l'");
  expect(around("return l(n)", "l = Linear(6, 6)"),
         "expected f32[..., 6] for a weight [6, 6], found i64[B, T]");
}

TEST_F(Refusal, Layers) {
  for (auto [member, message] :
       std::initializer_list<std::pair<const char *, const char *>>{
           {"l = Linear(6, 1.5)", "expected an integer for 'outputs' of "
                                  "'Linear', found the number 1.5"},
           {"l = Linear(6, 6, init = 3)", "expected an init such as "
                                          "normal(0.02), found the number 3"},
           {"l = Linear(6, 6, bias = 1)", "expected true or false for 'bias'"},
           {"l = Linear(6, 0)", "expected a weight with elements, found [0, 6] "
                                "for 'l.weight'"},
           {"l = Linear(6, -1)", "expected dims that are not negative"},
           {"l = Linear(6, 6, bias_init = xavier_uniform())",
            "expected a weight of two dims or more for an init"},
           {"l = Parameter([2, \"a\"])", "expected a list of integers for "
                                         "'shape'"},
           {"main = Parameter([2])", "expected another name for a weight than "
                                     "'main', which is a function"},
           {"l = Dropout(2)", "expected a rate from 0 to below 1 for 'rate'"},
           {"l = Sequential()", "expected a layer in Sequential"},
           {"l = Sequential(3)", "expected a layer or a function, found the "
                                 "number 3"},
           {"l = repeat(0, relu)", "expected 1 to 4096 repetitions, found 0"},
           {"l = repeat(2, relu)",
            "expected a layer or module to repeat, found "
            "the function 'relu'"},
           {"l = M()", "expected a module, found the model 'M'"},
           {"l = relu(3)", "expected a tensor for 'x' of 'relu'"},
           {"l = repeat(4096, repeat(4096, Linear(2, 2)))",
            "expected at most 65536 weights"},
           {"l = [Linear(2, 2), Linear(2, 2)]",
            "the weight 'l.weight' is made twice"}})
    expect(around("return x", member), message);
  expect("module A:\n    a = A()\n    def forward(x):\n        return x\n" +
             around("return x", "l = A()"),
         "does 'A' contain itself?");
  expect("module A(n):\n    a = Linear(n, 1.5)\n    def forward(x):\n        "
         "return x\n" +
             around("return x", "l = A(3)"),
         "  at m.attn:6:9: made here, as 'l'");
}

TEST_F(Refusal, TrainSections) {
  for (auto [section, message] :
       std::initializer_list<std::pair<const char *, const char *>>{
           {"loss = 3",
            "expected cross_entropy(...), mse(...) or a tensor f32[] "
            "as the loss, found the number 3"},
           {"loss = cross_entropy(y, n)",
            "expected logits f32[..., classes] and labels i64[...], found "
            "f32[B, 4, 6] and i64[B, T]"},
           {"loss = mse(y, n)",
            "expected f32 tensors of one shape, found f32[B, "
            "4, 6] and i64[B, T]"},
           {"loss = cross_entropy(y, l, smoothing = 1)\n    l: i64[B, 4]",
            "expected a number from 0 to below 1 for 'smoothing'"},
           {"loss = mse(y, x)\n    optimizer = adam",
            "expected adamw or sgd as the optimizer"},
           {"loss = mse(y, x)\n    momentum = 0.9",
            "adamw has no 'momentum'; remove it or choose the other"},
           {"loss = mse(y, x)\n    optimizer = sgd\n    beta1 = 0.9",
            "sgd has no 'beta1'"},
           {"loss = mse(y, x)\n    clip = 0", "expected a number above 0 for "
                                              "'clip'"},
           {"loss = mse(y, x)\n    beta1 = 1", "expected a number from 0 to "
                                               "below 1 for 'beta1'"},
           {"loss = mse(y, x)\n    weight_decay = -1",
            "expected a number of 0 or more for 'weight_decay'"},
           {"loss = mse(y, x)\n    ema = \"a\"", "expected a number for ema, "
                                                 "found the text 'a'"},
           {"loss = mse(y, x)\n    trainable = 3",
            "expected a text or a list of texts"},
           {"loss = mse(y, x)\n    trainable = []",
            "expected texts in the list, found none"},
           {"loss = mse(y, x)\n    trainable = [3]",
            "expected a list of texts, found the number 3 in it"}})
    expect(around("return x") + "train:\n    " + section + "\n", message);
  expect(
      around("return transpose(dropout(transpose(x, [1, 0, 2]), 0.5), [1, 0, "
             "2])") +
          "train:\n    loss = mse(y, x)\n",
      "expected the samples (B) in the first dim where random numbers are "
      "drawn, found [4, B, 6]");
}

TEST_F(Refusal, Options) {
  std::string text = "param width = 4\n" + around("return x");
  options.parameters = {{"widht", "3"}};
  expect(text, "--set widht: the model has no param 'widht'; did you mean "
               "'width'?");
  for (const char *value : {"x", "1 +", "", "-\"a\"", "(", "1 2", "relu(3)"}) {
    options.parameters = {{"width", value}};
    expect(text, "expected a number, true, false or a text in quotes for "
                 "'width', found '" +
                     std::string(value) + "'; correct --set");
  }
  options.parameters.clear();
  options.shapes["Q"] = {1, 1};
  expect(text, "--shape Q: the model has no dim 'Q' of its inputs");
  options.shapes.clear();
  options.shapes["T"] = {1, 9};
  expect(text, "expected T <= 8, as the model says, found 9");
  options.shapes["T"] = {9, {}};
  expect(text, "expected T <= 8, as the model says, found 9");
}

TEST_F(Refusal, WeightsThatCannotBeTakenApart) {
  for (const char *shape : {"[3, 6]", "[]"})
    expect(around("a, b = table\n        return x",
                  "table = Parameter(" + std::string(shape) + ")"),
           "m.attn:4:16: expected a list or a tensor of 2 for 2 names, found "
           "the weight 'table'");
  expect(around("return table", "table = Parameter([2])") +
             "train:\n    loss = y\n",
         "f32[] as the loss, found the weight 'table'");
}

TEST_F(Refusal, Params) {
  expect("param a = relu\n" + around("return x"),
         "expected a number, a flag or a text as a param, found the function "
         "'relu'");
  expect("param a = b, b = 1\n" + around("return x"), "'b' has no value here");
}

TEST_F(Refusal, Ranks) {
  expect("model M:\n    def forward(x: f32[1, 1, 1, 1, 1, 1, 1, 1, 2]) -> y:\n"
         "        return x\n",
         "m.attn:2:20: expected at most 8 dims of an input, found 9");
  expect(
      around("return reshape(x, [1, 1, 1, 1, 1, 1, B, 4, 6])"),
      "m.attn:2:56: expected at most 8 dims of an output, found f32[1, 1, 1, "
      "1, 1, 1, B, 4, 6]");
  expect(around("return 3"), "m.attn:2:56: expected a tensor, found the number "
                             "3");
}

TEST_F(Refusal, WorkIsBounded) {
  std::string text;
  for (int i = 0; i < 40; ++i)
    text += "def f" + std::to_string(i) + "(x):\n    return f" +
            std::to_string(i + 1) + "(f" + std::to_string(i + 1) + "(x))\n";
  text += "def f40(x):\n    return x + 1\n";
  expect(text + around("return f0(x)"), "expected at most 50000 operations");
  expect(text + around("return f0(3)"), "expected at most 500000 steps");
}

} // namespace
} // namespace attune::dsl
