//===- PlanTest.cpp - malformed plans -------------------------------------===//
//
// One case per rule of the schema: a sound plan with one thing replaced, and
// the exact message. Then random damage, which may be refused or not but may
// never lead out of bounds (sanitizers watch).
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Bind.h"
#include "runtime/testing/TestPackage.h"
#include <gtest/gtest.h>
#include <random>

using namespace attune;
using namespace attune::core;

namespace {

std::vector<format::Section> sections() {
  format::Section manifest, weights;
  manifest.kind = uint32_t(format::SectionKind::Manifest);
  weights.kind = uint32_t(format::SectionKind::Weights);
  weights.bytes = 16;
  return {manifest, weights};
}

Error check(const std::string &text, Plan &plan) {
  if (Error error =
          parsePlan(std::as_bytes(std::span(text.data(), text.size())), plan))
    return error;
  return verifyPlan(plan, sections(), {});
}

/// The message for the test plan with the first `from` replaced by `to`.
std::string message(const std::string &from, const std::string &to) {
  std::string text = attune::testing::testPlan();
  size_t at = text.find(from);
  if (at == text.npos)
    return "the test is wrong: no " + from;
  text.replace(at, from.size(), to);
  Plan plan;
  return check(text, plan).message();
}

TEST(Plan, TheTestPlanIsSound) {
  Plan plan;
  EXPECT_EQ(check(attune::testing::testPlan(), plan).message(), "");
  EXPECT_EQ(plan.nodes.size(), 7u);
  EXPECT_EQ(plan.inputs[0].dimText[0], "batch");
}

TEST(Plan, Form) {
  EXPECT_EQ(message("{\"version\"", "[\"version\""), "plan: not a JSON object");
  EXPECT_EQ(message("\"version\": 1", "\"version\": 2"),
            "plan: it has version 2, this runtime reads version 1");
  EXPECT_EQ(message("\"version\": 1,", ""),
            "plan: plan: expected a member \"version\"");
  EXPECT_EQ(message("\"min\": 1", "\"min\": 1.5"),
            "plan: symbols[0].min: expected an integer from 0 to "
            "9223372036854775807");
  EXPECT_EQ(message("\"divisor\": 1", "\"divisor\": 0"),
            "plan: symbols[0].divisor: expected an integer from 1 to "
            "9223372036854775807");
  EXPECT_EQ(message("[\"const\", 4]", "[\"const\", 18446744073709551615]"),
            "plan: exprs[1][1]: expected an integer from -9223372036854775808 "
            "to 9223372036854775807");
  EXPECT_EQ(message("[\"mul\", 0, 1]", "[\"mul\", 0]"),
            "plan: exprs[2]: expected [\"const\", n], [\"sym\", i] or "
            "[operation, a, b]");
  EXPECT_EQ(message("\"f32\"", "\"f31\""),
            "plan: inputs[0].dtype: expected a dtype (f32, i64, ...)");
  EXPECT_EQ(message("[0, 1]", "[0,1,1,1,1,1,1,1,1]"),
            "plan: inputs[0].dims: expected an array of at most 8 elements");
  EXPECT_EQ(
      message("\"arena\"", "\"heap\""),
      "plan: buffers[3].kind: expected input, output, arena, weight or state");
  EXPECT_EQ(message("[\"scratch\"]", "[\"scratch\", 1]"),
            "plan: nodes[1].launch.slots[3]: expected "
            "[\"in\"|\"out\"|\"inout\", buffer, offset(, extent)], "
            "[\"int\", expr], [\"scratch\"] or [\"scratch_stride\"]");
  EXPECT_EQ(message("{\"copy\"", "{\"move\""),
            "plan: nodes[2]: expected one of launch, copy or if");
  EXPECT_EQ(message("\"name\": \"/add\"", "\"name\": 5"),
            "plan: nodes[0].launch.name: expected a string");
}

TEST(Plan, Ranges) {
  EXPECT_EQ(message("[\"sym\", 0]", "[\"sym\", 1]"),
            "plan: exprs[0]: symbol: 1 is out of range, there are 1");
  EXPECT_EQ(message("[\"mul\", 0, 1]", "[\"mul\", 0, 2]"),
            "plan: exprs[2]: earlier expression: 2 is out of range, there are "
            "2");
  EXPECT_EQ(message("\"min\": 1, \"max\": 64", "\"min\": 65, \"max\": 64"),
            "plan: symbols[0]: min 65 is above max 64");
  EXPECT_EQ(message("\"dims\": [0, 1]", "\"dims\": [2, 1]"),
            "plan: symbol \"batch\" is no dim of any input, so it has no "
            "value");
  EXPECT_EQ(message("\"buffer\": 0", "\"buffer\": 6"),
            "plan: inputs[0]: buffer: 6 is out of range, there are 6");
  EXPECT_EQ(message("\"buffer\": 0", "\"buffer\": 3"),
            "plan: inputs[0]: buffer 3 is not an input buffer of its own");
  EXPECT_EQ(message("\"buffer\": 5", "\"buffer\": 1"),
            "plan: buffers[5]: no input or output uses it");
  EXPECT_EQ(message("\"section\": 1", "\"section\": 9"),
            "plan: buffers[2]: section: 9 is out of range, there are 2");
  EXPECT_EQ(message("\"section\": 1", "\"section\": 0"),
            "plan: buffers[2]: section 0 holds neither weights nor recipes");
  EXPECT_EQ(message("\"section\": 1, \"offset\": 0",
                    "\"section\": 1, \"offset\": 64"),
            "plan: buffers[2]: 16 bytes at offset 64 do not lie aligned in a "
            "section of 16");
  EXPECT_EQ(message("\"first\": 0, \"last\": 2", "\"first\": 0, \"last\": 7"),
            "plan: buffers[3]: alive from node 0 to 7 of 7");
  EXPECT_EQ(message("\"kernel\": 1", "\"kernel\": 3"),
            "plan: node 1 (/sum): kernel: 3 is out of range, there are 3");
  EXPECT_EQ(message("\"grid\": 0", "\"grid\": 99"),
            "plan: node 0 (/add): grid: expression: 99 is out of range, there "
            "are 11");
  EXPECT_EQ(message("[\"in\", 2, 4, 5]", "[\"in\", 6, 4, 5]"),
            "plan: node 0 (/add): buffer: 6 is out of range, there are 6");
  EXPECT_EQ(message("\"cond\": 7", "\"cond\": 70"),
            "plan: node 3 (if): expression: 70 is out of range, there are 11");
}

TEST(Plan, AccessAndLiveness) {
  EXPECT_EQ(message("[\"in\", 2, 4, 5]", "[\"inout\", 2, 4, 5]"),
            "plan: node 0 (/add): writes to buffer 2, which is an input or a "
            "weight");
  EXPECT_EQ(message("[\"in\", 0, 4, 3]", "[\"out\", 0, 4, 3]"),
            "plan: node 0 (/add): writes to buffer 0, which is an input or a "
            "weight");
  EXPECT_EQ(message("\"first\": 0, \"last\": 2", "\"first\": 0, \"last\": 1"),
            "plan: node 2 (/copy): touches buffer 3, which is alive from node "
            "0 to 1");
  EXPECT_EQ(message("\"dst\": 4", "\"dst\": 3"),
            "plan: node 2 (/copy): it copies buffer 3 to itself");
  EXPECT_EQ(message("\"scratch\": 5, ", ""),
            "plan: node 1 (/sum): it has a scratch slot but no scratch");
}

TEST(Plan, BranchesEndInsideWhatSurroundsThem) {
  EXPECT_EQ(message("\"then\": 2, \"else\": 1", "\"then\": 2, \"else\": 2"),
            "plan: node 3 (if): its 2 + 2 nodes do not end inside what "
            "surrounds it");
  // An inner branch that reaches over the end of the outer then.
  std::string inner = R"({"if": {"cond": 7, "then": 1, "else": 1}})";
  std::string text = attune::testing::testPlan();
  size_t at = text.find("{\"launch\": {\"kernel\": 2");
  size_t end = text.find("}},", at);
  text.replace(at, end + 2 - at, inner);
  Plan plan;
  EXPECT_EQ(check(text, plan).message(),
            "plan: node 4 (if): its 1 + 1 nodes do not end inside what "
            "surrounds it");
}

TEST(Plan, RandomDamageNeverLeadsOutOfBounds) {
  const std::string sound = attune::testing::testPlan();
  int refused = 0;
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    std::string text = sound;
    for (uint32_t i = 0; i <= random() % 3; ++i) {
      size_t at = random() % text.size();
      // Digits for digits reach past the JSON parser most often.
      if (isdigit(text[at]))
        text[at] = char('0' + random() % 10);
      else if (random() % 8 == 0)
        text[at] = char(32 + random() % 96);
    }
    Plan plan;
    if (check(text, plan)) {
      ++refused;
      continue;
    }
    std::vector<int64_t> symbols(plan.symbols.size(), int64_t(random() % 64));
    Binding binding;
    (void)bindPlan(plan, symbols, 2, binding).status();
  }
  EXPECT_GT(refused, 100);
}

TEST(Plan, SizesAreCheckedWhenDimsAreBound) {
  auto bind = [](const std::string &from, const std::string &to) {
    std::string text = attune::testing::testPlan();
    text.replace(text.find(from), from.size(), to);
    Plan plan;
    EXPECT_EQ(check(text, plan).message(), "");
    int64_t symbols[] = {5};
    Binding binding;
    return bindPlan(plan, symbols, 2, binding).message();
  };
  EXPECT_EQ(bind("[\"in\", 0, 4, 3]", "[\"in\", 0, 5, 3]"),
            "node 0 (/add): 80 bytes at offset 16 of buffer 0, which has 80 "
            "bytes at these dims");
  EXPECT_EQ(bind("[\"const\", 4]", "[\"const\", -4]"),
            "input \"x\": expression 1 of the plan is -4 at these dims, "
            "expected at least 0");
  EXPECT_EQ(bind("\"bytes\": 3", "\"bytes\": 5"),
            "input \"x\": 80 bytes at these dims, its buffer has 16");
}

} // namespace
