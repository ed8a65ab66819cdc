// Every message of the reader, with the place it points to.
#include "frontends/dsl/reader/ReaderTesting.h"

namespace attune::dsl {
namespace {

using testing::errorsOf;
using testing::inModel;

struct Case {
  const char *text;
  const char *message; ///< "line:column: the begin of the message"
};

void expectAll(std::initializer_list<Case> cases, const std::string &before,
               const std::string &after) {
  for (const Case &refused : cases) {
    std::string errors = errorsOf(before + refused.text + after);
    EXPECT_NE(errors.find(std::string("m.attn:") + refused.message),
              std::string::npos)
        << refused.text << "\n  wanted " << refused.message << "\n  found "
        << errors;
  }
}

TEST(Refusal, Words) {
  expectAll(
      {{"\tparam a = 1", "1:1: expected spaces before the first word"},
       {"param a = 2b", "1:11: expected a number, found '2b'; a name starts"},
       {"param a = 'b'", "1:11: expected '\"' around a text, found single"},
       {"param a = \"b", "1:11: expected '\"' at the end of a text"},
       {"param a = $", "1:11: expected a name, a number or a symbol, found "
                       "'$'; remove it"},
       {"param a = 1e999", "1:11: expected a number that a double holds"},
       {"param a = 99999999999999999999", "1:11: expected an integer of 64"},
       {"module A:\n    a = 1\n  b = 2", "3:1: expected the depth of a line"}},
      "", "\n" + inModel("        return x"));
}

TEST(Refusal, Declarations) {
  expectAll(
      {{"width = 4", "1:1: expected param, default, def, module, model or "
                     "train, found 'width'; a number of the model starts with "
                     "param"},
       {"param 3", "1:7: expected the name of a parameter, found '3'"},
       {"param a", "1:8: expected '=' after the name of a parameter"},
       {"param a =", "1:10: expected a value, found the end of the line"},
       {"param a = 1 2", "1:13: expected the end of the line, found '2'"},
       {"default Linear", "1:15: expected '(' after the name of a layer"},
       {"default 3", "1:9: expected the name of a layer or module"},
       {"module", "1:7: expected the name of a module"},
       {"module A", "1:9: expected ':' after the head of a module"},
       {"module A: a = 1", "1:11: expected the end of the line after ':'"},
       {"module A:", "1:10: expected lines that stand deeper after this one"},
       {"module A:\n    3", "2:5: expected a member 'name = ...' or a def"},
       {"module A:\n    a", "2:6: expected '=' after the name of a member"},
       {"module A:\n    a = 1\n        b = 2",
        "3:1: expected a line as deep as the one above"},
       {"def 3():", "1:5: expected the name of a function"},
       {"def f:", "1:6: expected '(' after the name of a function"},
       {"def f(3):", "1:7: expected the name of a parameter"},
       {"def f(a b):", "1:9: expected ',' or ')' for this '('"},
       {"def f(a) -> 3:", "1:13: expected the name of a result"},
       {"def f(a: f16[2]):", "1:10: expected a type: f32[...], i64[...] or"},
       {"def f(a: f32):", "1:13: expected '[' after the element type"},
       {"def f(a: f32[2):", "1:15: expected ',' or ']' for this '['"},
       {"train:\n    3", "2:5: expected a label 'name: type' or a setting"},
       {"train:\n    loss", "2:9: expected '=' after the name of a setting"},
       {"train:\n    loss = mse(y, y)\ntrain:\n    loss = mse(y, y)",
        "3:1: expected one train section, found two"}},
      "", "\n" + inModel("        return x"));
}

TEST(Refusal, Statements) {
  expectAll(
      {{"3 = 4", "3:9: expected a statement: name = value, return or if"},
       {"z", "3:10: expected '=' after 'z', found the end of the line; a "
             "statement gives a name"},
       {"f(x)", "3:10: expected '=' after 'f', found '('"},
       {"a, b += x", "3:14: expected '=' after 'b'"},
       {"for i in x:", "3:9: expected a statement: name = value, return or if, "
                       "found 'for'; layers repeat by"},
       {"if x", "3:13: expected ':' after the condition of 'if'"},
       {"if x:\n            y = x\n        else", "5:13: expected ':' after "
                                                  "'else'"},
       {"z = x if x", "3:19: expected 'else' after the condition of 'if'"},
       {"z = )", "3:13: expected a value, found ')'"},
       {"z = else", "3:13: expected a value, found 'else'; 'else' has a "
                    "meaning of its own"},
       {"z = (x", "3:15: expected ')' for this '('"},
       {"z = [x", "3:15: expected ',' or ']' for this '['"},
       {"z = x[0", "3:16: expected ',' or ']' for this '['"},
       {"z = x[]", "3:15: expected a value, found ']'"},
       {"z = x.3", "3:14: expected the end of the line"},
       {"z = x.", "3:15: expected the name of a member after '.'"},
       {"z = repeat(3)", "3:21: expected ',' after the number of repetitions"}},
      "model M:\n    def forward(x: f32[B, 4]) -> y:\n        ",
      "\n        return x\n");
}

TEST(Refusal, Names) {
  expectAll(
      {{"param relu = 1", "1:7: 'relu' belongs to the language; give the "
                          "param another name"},
       {"param a = 1, a = 2", "1:14: 'a' is defined twice; give the param "
                              "another name"},
       {"param a = b", "1:11: 'b' is not defined"},
       {"def M(x):\n    return x", "3:7: 'M' is defined twice; give the model"},
       {"default relu(x = 1)", "1:9: expected a layer or a module, found "
                               "'relu'"},
       {"default Linear(4)", "1:16: expected name = value"},
       {"default Linear(bais = true)",
        "1:16: 'Linear' has no parameter 'bais'; "
        "did you mean 'bias'?"},
       {"def f(a = 1, b):\n    return a", "1:14: expected parameters without "
                                          "a value before those"},
       {"def f(a, a):\n    return a", "1:10: 'a' is defined twice"},
       {"def f(a):\n    b = a", "1:5: expected a return at the end of 'f'"},
       {"def f(a):\n    if a:\n        return a",
        "1:5: expected a return at the end of 'f'"},
       {"def f(a):\n    relu = a\n    return a",
        "2:5: 'relu' belongs to the language; give the value another name"},
       {"def f(a):\n    b += a\n    return a", "2:5: 'b' is not defined"},
       {"def f(a) -> b, b:\n    return a, a", "1:16: 'b' is defined twice"},
       {"module A(x: f32[2]):\n    def forward(x):\n        return x",
        "1:13: expected no type: a module is made of numbers"},
       {"module A:\n    a = 1", "1:8: expected a def forward(...) in 'A'"},
       {"module A:\n    a = 1\n    a = 2\n    def forward(x):\n        return "
        "x",
        "3:5: 'a' is defined twice"}},
      "", "\n" + inModel("        return x"));
}

TEST(Refusal, Calls) {
  expectAll(
      {{"relu(x, x)", "3:24: 'relu' takes at most 1 values"},
       {"relu()", "3:16: 'relu' needs a value for 'x'"},
       {"relu(y = x)", "3:21: 'relu' has no parameter 'y'"},
       {"relu(x, x = x)", "3:24: 'x' is given twice to 'relu'"},
       {"softmax(axis = 1, x)", "3:34: expected values without a name before"},
       {"none()", "3:16: 'none' is a value and cannot be called"},
       {"rlu(x)", "3:16: 'rlu' is not defined; did you mean 'relu'?"},
       {"M(3)", "3:18: 'M' takes at most 0 values"}},
      "model M:\n    def forward(x: f32[B, 4]) -> y:\n        return ", "\n");
}

TEST(Refusal, Models) {
  expectAll(
      {{"param a = 1", "1:1: expected a model in the file"},
       {"model A:\n    def forward(x: f32[B]) -> y:\n        return x\n"
        "model B:\n    def forward(x: f32[B]) -> y:\n        return x",
        "4:7: expected one model in a file, found two"},
       {"model A(n):\n    def forward(x: f32[B]) -> y:\n        return x",
        "1:9: expected a model without parameters"},
       {"model A:\n    def forward() -> y:\n        return 1",
        "2:9: expected an input of the model"},
       {"model A:\n    def forward(x) -> y:\n        return x",
        "2:17: expected a type for an input of the model"},
       {"model A:\n    def forward(x: f32[B] = 1) -> y:\n        return x",
        "2:29: expected no value: an input is always given"},
       {"model A:\n    def forward(x: f32[B]):\n        return x",
        "2:9: expected the names of what the model gives"}},
      "", "\n");
}

TEST(Refusal, TrainSections) {
  expectAll(
      {{"    label: f32[B]", "4:1: expected a loss in the train section"},
       {"    loss = mse(y, y)\n    loss = mse(y, y)",
        "6:5: 'loss' is set twice"},
       {"    seed: i64[B]\n    loss = mse(y, y)",
        "4:1: expected no input, result or label 'seed': training has one"},
       {"    los = mse(y, y)", "5:5: expected a setting of the train section, "
                               "found 'los'; did you mean 'loss'?"},
       {"    x: f32[B]\n    loss = mse(y, y)", "5:5: 'x' is defined twice"},
       {"    l: f32[B] = 1\n    loss = mse(y, y)",
        "5:17: expected no value: a label is always given"}},
      inModel("        return x") + "train:\n", "\n");
}

} // namespace
} // namespace attune::dsl
