// What the reader makes of a sound text, and how it goes on behind a mistake.
#include "frontends/dsl/reader/Pattern.h"
#include "frontends/dsl/reader/ReaderTesting.h"

#include <fstream>

namespace attune::dsl {
namespace {

using testing::checked;
using testing::errorsOf;
using testing::inModel;

TEST(Reader, ReadsTheTree) {
  auto model = checked(R"(param width = 4, rate = 1e-1
default Linear(bias = false)
module Part(size):
    line = Linear(size, size)
    def forward(x: f32[B, size <= 9], more = none):
        if size > 2:
            x += line(x)
        else:
            x = -x
        return x
model Whole:
    part = repeat(i in 3, Part(i))
    def forward(x: f32[B, width]) -> y: f32[B, width], z:
        return part(x)[0:2, ..., -1:], x
train:
    label: f32[B, width]
    loss = mse(y, label)
)");
  ASSERT_NE(model, nullptr);
  const File &file = model->file;
  ASSERT_EQ(file.parameters.size(), 2u);
  EXPECT_EQ(file.parameters[1].fallback->real, 0.1);
  ASSERT_EQ(file.defaults.size(), 1u);
  EXPECT_EQ(file.defaults[0].layer.text, "Linear");
  ASSERT_EQ(file.modules.size(), 2u);
  const Function &forward = *file.modules[0].find("forward");
  ASSERT_EQ(forward.body.size(), 2u);
  const Statement &choice = forward.body[0];
  EXPECT_EQ(choice.kind, Statement::Kind::If);
  EXPECT_EQ(choice.then.front().kind, Statement::Kind::Update);
  EXPECT_EQ(choice.otherwise.front().kind, Statement::Kind::Assign);
  EXPECT_NE(forward.parameters[0].type->dims[1].most, nullptr);
  EXPECT_EQ(file.model()->name.text, "Whole");
  const Expression &repeat = *file.model()->members[0].value;
  EXPECT_EQ(repeat.kind, Expression::Kind::Repeat);
  EXPECT_EQ(repeat.text, "i");
  const Function &whole = *file.model()->find("forward");
  ASSERT_EQ(whole.results.size(), 2u);
  EXPECT_FALSE(whole.results[1].type);
  const Expression &index = *whole.body[0].values[0];
  ASSERT_EQ(index.subscripts.size(), 3u);
  EXPECT_EQ(index.subscripts[1].kind, Subscript::Kind::Ellipsis);
  EXPECT_EQ(index.subscripts[2].last, nullptr);
  ASSERT_TRUE(file.train);
  EXPECT_NE(file.train->find("loss"), nullptr);
}

/// The tree of an expression, with brackets around every operation.
std::string shown(const Expression &e) {
  switch (e.kind) {
  case Expression::Kind::Integer:
    return std::to_string(e.integer);
  case Expression::Kind::Name:
    return e.text;
  case Expression::Kind::Unary:
    return "(" + std::string(spelling(e.op)) + " " + shown(*e.operands[0]) +
           ")";
  case Expression::Kind::Binary:
    return "(" + shown(*e.operands[0]) + " " + std::string(spelling(e.op)) +
           " " + shown(*e.operands[1]) + ")";
  case Expression::Kind::Conditional:
    return "(" + shown(*e.operands[1]) + " ? " + shown(*e.operands[0]) + " : " +
           shown(*e.operands[2]) + ")";
  case Expression::Kind::Member:
    return shown(*e.operands[0]) + "." + e.text;
  default:
    return "?";
  }
}

TEST(Reader, OperatorsBindAsInPython) {
  for (auto [text, tree] :
       std::initializer_list<std::pair<const char *, const char *>>{
           {"a + b * c", "(a + (b * c))"},
           {"a - b - c", "((a - b) - c)"},
           {"-a ** -b", "(- (a ** (- b)))"},
           {"a ** b ** c", "(a ** (b ** c))"},
           {"not a == b and c or a", "(((not (a == b)) and c) or a)"},
           {"a if b < c else b if c else a", "((b < c) ? a : (c ? b : a))"},
           {"a @ b // c % a", "(((a @ b) // c) % a)"},
           {"(a + b) * c", "((a + b) * c)"},
           {"-a.shape", "(- a.shape)"},
           {"a + b >= c", "((a + b) >= c)"}}) {
    auto model = checked("param a = 1, b = 1, c = 1\n" +
                         inModel("        return " + std::string(text)));
    ASSERT_NE(model, nullptr) << text;
    const Function &forward = *model->file.model()->find("forward");
    EXPECT_EQ(shown(*forward.body[0].values[0]), tree);
  }
}

TEST(Reader, ElifIsAnIfInAnElse) {
  auto model = checked(inModel("        if 1 > 2:\n            y = x\n"
                               "        elif 2 > 3:\n            y = x\n"
                               "        else:\n            y = -x\n"
                               "        return y"));
  ASSERT_NE(model, nullptr);
  const Function &forward = *model->file.model()->find("forward");
  const Statement &outer = forward.body[0];
  ASSERT_EQ(outer.otherwise.size(), 1u);
  EXPECT_EQ(outer.otherwise[0].kind, Statement::Kind::If);
  EXPECT_EQ(outer.otherwise[0].otherwise.size(), 1u);
}

TEST(Reader, LinesInsideBracketsAreOne) {
  EXPECT_NE(checked("param a = maximum(1,\n    2,  # two\n)\n" +
                    inModel("        return x")),
            nullptr);
}

TEST(Reader, TellsTheMistakesOfAllLines) {
  std::string errors = errorsOf(R"(param width =
module A:
    l = Linear(2, 3
    def forward(x):
        return l(x]
    m = 3 4
model M:
    def forward(x: f32[B]) -> y:
        y = + x
        return y
)");
  for (const char *place : {"m.attn:1:14:", "m.attn:9:13:"})
    EXPECT_NE(errors.find(place), std::string::npos) << errors;
}

TEST(Reader, AForgottenBracketEndsAtTheNextDeclaration) {
  std::string errors = errorsOf("param a = maximum(1, 2\n"
                                "model M:\n"
                                "    def forward(x: f32[B]) -> y:\n"
                                "        return x\n");
  EXPECT_EQ(errors, "m.attn:1:23: expected ',' or ')' for this '(', found the "
                    "end of the line\n"
                    "  param a = maximum(1, 2\n"
                    "                        ^\n");
}

TEST(Reader, CaretsStandUnderCharacters) {
  EXPECT_EQ(errorsOf("# \xc3\xa4\nparam a = \"\xc3\xa4\", b = c\n" +
                     inModel("        return x")),
            "m.attn:2:20: 'c' is not defined\n"
            "  param a = \"\xc3\xa4\", b = c\n"
            "                     ^\n");
}

TEST(Reader, LongLinesAreShownAroundThePlace) {
  std::string errors = errorsOf("param a = [" + std::string(500, ' ') + "b]\n" +
                                inModel("        return x"));
  size_t line = errors.find('\n') + 1;
  EXPECT_LT(errors.find('\n', line) - line, 130u) << errors;
  EXPECT_NE(errors.find("m.attn:1:512:"), std::string::npos) << errors;
}

TEST(Reader, ErrorsAreBounded) {
  std::string text;
  for (int i = 0; i < 5000; ++i)
    text +=
        "param p" + std::to_string(i) + " = missing" + std::to_string(i) + "\n";
  std::string errors = errorsOf(text + inModel("        return x"));
  EXPECT_LT(errors.size(), 8000u);
  EXPECT_NE(errors.find("4980 more errors"), std::string::npos) << errors;
}

TEST(Reader, DepthIsBounded) {
  for (const char *part : {"(", "[", "-", "not ", "a(", "a[", "2 ** "}) {
    std::string deep;
    for (int i = 0; i < 100000; ++i)
      deep += part;
    std::string errors = errorsOf("param a = " + deep + "1\n");
    EXPECT_NE(errors.find("expected at most 100 expressions inside each other"),
              std::string::npos)
        << part << errors;
  }
  std::string chain = "1";
  for (int i = 0; i < 1000; ++i)
    chain += " + 1";
  EXPECT_NE(errorsOf("param a = " + chain + "\n")
                .find("expected at most 100 expressions"),
            std::string::npos);
  std::string blocks;
  for (int i = 0; i < 40; ++i)
    blocks += std::string(size_t(8 + i), ' ') + "if true:\n";
  EXPECT_NE(errorsOf(inModel(blocks)).find("expected at most 20 blocks"),
            std::string::npos);
  std::string chain2 = "        if true:\n            y = x\n";
  for (int i = 0; i < 1000; ++i)
    chain2 += "        elif true:\n            y = x\n";
  EXPECT_NE(errorsOf(inModel(chain2)).find("expected at most 20 blocks"),
            std::string::npos);
}

TEST(Reader, RefusesWhatIsNoText) {
  std::string error;
  EXPECT_EQ(readModelFromText(std::string((1 << 20) + 1, ' '), "m", error),
            nullptr);
  EXPECT_EQ(error, "m: expected at most 1 MB of text, found 1048577 bytes\n");
  EXPECT_EQ(readModel("/nonexistent/m.attn", error), nullptr);
  EXPECT_EQ(error, "/nonexistent/m.attn: cannot open the file: No such file or "
                   "directory\n");
  EXPECT_EQ(readModel("/tmp", error), nullptr);
  EXPECT_EQ(error, "/tmp: expected a file, found something else\n");
}

TEST(Reader, ReadsFiles) {
  std::string path = ::testing::TempDir() + "reader_test.attn";
  std::ofstream(path) << inModel("        return x");
  std::string error;
  EXPECT_NE(readModel(path, error), nullptr) << error;
  EXPECT_EQ(error, "");
  std::remove(path.c_str());
}

TEST(Pattern, HasAxesOfBothSides) {
  Span place;
  std::string reason;
  auto pattern = parsePattern("b 1 (h d)->h (b 1 d) n", place, reason);
  ASSERT_TRUE(pattern) << reason;
  EXPECT_EQ(pattern->from, (std::vector<Pattern::Dim>{{"b"}, {}, {"h", "d"}}));
  EXPECT_EQ(pattern->to, (std::vector<Pattern::Dim>{{"h"}, {"b", "d"}, {"n"}}));
}

TEST(Pattern, SaysWhatIsWrong) {
  for (auto [text, reason, at] :
       std::initializer_list<std::tuple<const char *, const char *, unsigned>>{
           {"a b", "expected '->'", 3},
           {"a -> b -> c", "expected one '->'", 7},
           {"(a b -> a b", "expected the name of an axis", 5},
           {"(a", "expected ')'", 0},
           {"a a -> a", "twice", 2},
           {"a -> a (b a)", "twice", 10},
           {"a 2 -> a", "of numbers only 1", 2},
           {"a b -> a", "missing behind '->'", 2},
           {"a ? -> a", "expected the name of an axis", 2},
           {"a b c d e f g h i j k l m n o p q -> a", "at most 16 axes", 32}}) {
    Span place;
    std::string found;
    EXPECT_FALSE(parsePattern(text, place, found)) << text;
    EXPECT_NE(found.find(reason), std::string::npos) << text << ": " << found;
    EXPECT_EQ(place.begin, at) << text;
  }
}

} // namespace
} // namespace attune::dsl
