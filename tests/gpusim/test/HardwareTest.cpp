//===- HardwareTest.cpp - what a GPU computed -----------------------------===//
//
// Replays data/h200.txt: mma.sync must give the same bits, approximations the
// same special values and errors that are no smaller than the hardware's.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/machine/Numbers.h"
#include "tests/gpusim/test/Support.h"
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <sstream>

using namespace attune::gpusim;
using namespace attune::gpusim::test;

namespace {

using Words = std::vector<uint64_t>;

struct Recording {
  std::vector<std::pair<std::string, std::vector<Words>>> mma; ///< A, B, C, D
  std::map<std::string, std::pair<Words, Words>> functions;    ///< x, y
};

uint64_t word(const std::string &text, size_t at) {
  return std::stoull(text.substr(at, 8), nullptr, 16);
}

Recording readRecording() {
  Recording recording;
  std::ifstream file(ATTUNE_TEST_DATA "/h200.txt");
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line);
    std::string name, text;
    in >> name;
    if (name == "mma") {
      auto &[type, matrices] = recording.mma.emplace_back();
      in >> type;
      while (in >> text) {
        matrices.emplace_back();
        for (size_t at = 0; at < text.size(); at += 8)
          matrices.back().push_back(word(text, at));
      }
    } else if (name != "#") {
      auto &[x, y] = recording.functions[name];
      for (; in >> text; x.push_back(word(text, 0)))
        y.push_back(word(text, 8));
    }
  }
  return recording;
}

const Recording &recording() {
  static const Recording read = readRecording();
  return read;
}

std::string registerList(const std::string &prefix, size_t first,
                         size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i)
    out += (i ? ", " : "{") + prefix + std::to_string(first + i);
  return out + "}";
}

/// Register `which` of D.
Words runMma(const std::string &type, const std::vector<Words> &matrices,
             size_t which) {
  Lanewise setup;
  setup.inType = setup.outType = "b32";
  setup.registers = ".reg .b32 %d<4>;";
  for (size_t m = 0; m < 3; ++m)
    for (size_t at = 0; at < matrices[m].size(); at += 32)
      setup.inputs.emplace_back(matrices[m].begin() + long(at),
                                matrices[m].begin() + long(at + 32));
  std::string shape = type == "tf32" ? "m16n8k8" : "m16n8k16";
  return runLanewise(setup, "mma.sync.aligned." + shape + ".row.col.f32." +
                                type + "." + type + ".f32 {%d0, %d1, %d2, " +
                                "%d3}, " + registerList("%in", 0, 4) + ", " +
                                registerList("%in", 4, 2) + ", " +
                                registerList("%in", 6, 4) + "; mov.b32 %out, " +
                                "%d" + std::to_string(which) + ";");
}

TEST(Hardware, MmaIsBitExact) {
  ASSERT_EQ(recording().mma.size(), 24u);
  for (const auto &[type, matrices] : recording().mma) {
    ASSERT_EQ(matrices.size(), 4u);
    for (size_t which = 0; which < 4; ++which) {
      auto got = runMma(type, matrices, which);
      for (size_t lane = 0; lane < 32; ++lane)
        ASSERT_EQ(got[lane], matrices[3][32 * which + lane])
            << type << " register " << which << " lane " << lane;
    }
  }
}

/// Results of `instruction` for any number of arguments.
Words evaluate(const std::string &name, const Words &x) {
  std::string body = name.starts_with("div")
                         ? name + ".f32 %out, 0f3FC00000, %in0;"
                         : name + ".f32 %out, %in0;";
  Words y;
  for (size_t at = 0; at < x.size(); at += 32) {
    Lanewise setup;
    setup.inputs.emplace_back(32);
    for (size_t i = 0; i < 32; ++i)
      setup.inputs[0][i] = x[std::min(at + i, x.size() - 1)];
    for (uint64_t bits : runLanewise(setup, body))
      y.push_back(bits);
  }
  y.resize(x.size());
  return y;
}

struct Function {
  const char *name;
  double (*exact)(double);
  bool absolute; ///< how the error is measured
  float least, most;
};

double reciprocal(double x) { return 1 / x; }
double reciprocalRoot(double x) { return 1 / std::sqrt(x); }
double divide(double x) { return 1.5 / x; }

const Function kFunctions[] = {
    {"ex2.approx.ftz", std::exp2, false, -100, 100},
    {"ex2.approx", std::exp2, false, -100, 100},
    {"lg2.approx.ftz", std::log2, true, 0.5f, 2},
    {"lg2.approx", std::log2, true, 0.5f, 2},
    {"rcp.approx.ftz", reciprocal, false, 1, 2},
    {"rsqrt.approx.ftz", reciprocalRoot, false, 1, 4},
    {"sqrt.approx.ftz", std::sqrt, false, 1, 4},
    {"sin.approx.ftz", std::sin, true, -3.1415926f, 3.1415926f},
    {"cos.approx.ftz", std::cos, true, -3.1415926f, 3.1415926f},
    {"tanh.approx", std::tanh, false, -5, 5},
    {"div.full.ftz", divide, false, 1, 2}};

float number(uint64_t bits) { return f32FromBits(uint32_t(bits)); }

bool isNormal(double x) {
  return std::isfinite(x) && std::fabs(x) >= 0x1p-126 && std::fabs(x) < 0x1p127;
}

/// Largest error where both the exact value and the result are normal numbers.
double largestError(const Function &function, const Words &x, const Words &y) {
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    double argument = number(x[i]), exact = function.exact(argument);
    if (!isNormal(exact) || !isNormal(argument) || !isNormal(number(y[i])) ||
        (function.absolute &&
         (argument < function.least || argument > function.most)))
      continue;
    double error = std::fabs(number(y[i]) - exact);
    worst =
        std::max(worst, function.absolute ? error : error / std::fabs(exact));
  }
  return worst;
}

/// The emulator errs at least as much as the H200, at most 2.5 times as much.
TEST(Hardware, ApproximationsErrAsTheHardwareDoes) {
  std::mt19937_64 random(testSeed());
  ASSERT_EQ(recording().functions.size(), std::size(kFunctions));
  for (const Function &function : kFunctions) {
    const auto &[x, y] = recording().functions.at(function.name);
    double hardware = largestError(function, x, y);
    std::uniform_real_distribution<float> draw(function.least, function.most);
    Words arguments;
    for (int i = 0; i < 20000; ++i)
      arguments.push_back(bitsOfF32(draw(random)));
    double own =
        largestError(function, arguments, evaluate(function.name, arguments));
    EXPECT_GE(own, hardware) << function.name;
    EXPECT_LE(own, 2.5 * hardware) << function.name;
    EXPECT_LE(largestError(function, x, evaluate(function.name, x)),
              2.5 * hardware)
        << function.name;
  }
}

/// Zeros, infinities, NaN and what overflows or is flushed.
TEST(Hardware, SpecialValuesOfApproximations) {
  size_t specials = 0;
  for (const Function &function : kFunctions) {
    const auto &[x, y] = recording().functions.at(function.name);
    auto own = evaluate(function.name, x);
    for (size_t i = 0; i < x.size(); ++i)
      if (float v = number(y[i]);
          !function.absolute && (v == 0 || !std::isfinite(v))) {
        ++specials;
        EXPECT_EQ(own[i], y[i]) << function.name << " of " << number(x[i]);
      }
  }
  EXPECT_GT(specials, 60u);
}

} // namespace
