//===- MathLoweringTest.cpp - elementary functions against double ---------===//
//
// Every function that MathLowering expands, in a map kernel over many floats,
// on every code version that this machine runs: the error in units in the last
// place of the exact value, and the special values of C.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/testing/Draws.h"
#include "compiler/target/cpu/testing/CompiledKernels.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace attune::target::cpu;
using namespace attune::target::cpu::testing;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Function {
  const char *op;
  double (*exact)(double, double);
  double low, high; ///< the interval that arguments are drawn from
  double units;     ///< the error that is allowed
  bool binary = false;
};

const Function kFunctions[] = {
    {"math.exp", [](double x, double) { return std::exp(x); }, -104, 89, 2},
    {"math.exp2", [](double x, double) { return std::exp2(x); }, -150, 128, 2},
    {"math.expm1", [](double x, double) { return std::expm1(x); }, -20, 88, 2},
    {"math.expm1", [](double x, double) { return std::expm1(x); }, -0.5, 0.5,
     2},
    {"math.log", [](double x, double) { return std::log(x); }, 0, 10, 2},
    {"math.log", [](double x, double) { return std::log(x); }, 0, 3e38, 2},
    {"math.log2", [](double x, double) { return std::log2(x); }, 0, 10, 2},
    {"math.log10", [](double x, double) { return std::log10(x); }, 0, 1e6, 2},
    {"math.log1p", [](double x, double) { return std::log1p(x); }, -0.999, 10,
     3},
    {"math.log1p", [](double x, double) { return std::log1p(x); }, -1e-3, 1e-3,
     2},
    {"math.erf", [](double x, double) { return std::erf(x); }, -5, 5, 10},
    {"math.tanh", [](double x, double) { return std::tanh(x); }, -12, 12, 3},
    {"math.tanh", [](double x, double) { return std::tanh(x); }, -0.7, 0.7, 3},
    {"math.sin", [](double x, double) { return std::sin(x); }, -10, 10, 2},
    {"math.sin", [](double x, double) { return std::sin(x); }, -1e6, 1e6, 2},
    {"math.cos", [](double x, double) { return std::cos(x); }, -10, 10, 2},
    {"math.cos", [](double x, double) { return std::cos(x); }, -1e6, 1e6, 2},
    {"math.rsqrt", [](double x, double) { return 1 / std::sqrt(x); }, 0, 1e6,
     2},
    {"math.sqrt", [](double x, double) { return std::sqrt(x); }, 0, 1e6, 0.6},
    {"math.round", [](double x, double) { return std::round(x); }, -100, 100,
     0},
    {"math.roundeven", [](double x, double) { return std::nearbyint(x); }, -100,
     100, 0},
    {"math.floor", [](double x, double) { return std::floor(x); }, -100, 100,
     0},
    {"math.ceil", [](double x, double) { return std::ceil(x); }, -100, 100, 0},
    {"math.trunc", [](double x, double) { return std::trunc(x); }, -100, 100,
     0},
    {"math.powf", [](double x, double y) { return std::pow(x, y); }, 0, 20, 2,
     true},
    {"arith.remf", [](double x, double y) { return std::fmod(x, y); }, -1e4,
     1e4, 0, true},
    {"arith.maximumf", [](double x, double y) { return std::fmax(x, y); }, -9,
     9, 0, true},
};

std::string kernelText(const Function &function, int index) {
  return llvm::formatv(R"(
tile.kernel map @f{0}(%x: memref<?xf32>, %y: memref<?xf32>, %z: memref<?xf32>) {{
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  tile.parallel (%i) in (%n by 64) {{
    %a = tile.load %x[%i by 64] : memref<?xf32> -> tensor<64xf32>
    %b = tile.load %y[%i by 64] : memref<?xf32> -> tensor<64xf32>
    %r = {1} %a{2} : tensor<64xf32>
    tile.store %r, %z[%i by 64] : tensor<64xf32> -> memref<?xf32>
  }
}
)",
                       index, function.op, function.binary ? ", %b" : "")
      .str();
}

/// The size of a unit in the last place of a float near `value`.
double unitOf(double value) {
  value = std::max(std::abs(value), double(std::numeric_limits<float>::min()));
  return std::ldexp(1.0, std::ilogb(value) - 23);
}

class MathLowering : public ::testing::TestWithParam<CodeVersion>,
                     protected attune::target::common::testing::Draws {
protected:
  void SetUp() override {
    std::string text;
    for (size_t index = 0; index < std::size(kFunctions); ++index)
      text += kernelText(kFunctions[index], index);
    kernels = CompiledKernels::compile(text, GetParam());
    ASSERT_TRUE(kernels);
  }

  std::vector<float> apply(size_t index, std::vector<float> x,
                           std::vector<float> y) {
    std::vector<float> z(x.size());
    auto size = int64_t(x.size());
    kernels
        ->prepare("f" + std::to_string(index),
                  {Argument(x.data(), {size}), Argument(y.data(), {size}),
                   Argument(z.data(), {size})})
        .runAll();
    return z;
  }

  float applyOne(const char *op, float x, float y = 0) {
    for (size_t index = 0; index < std::size(kFunctions); ++index)
      if (kFunctions[index].op == std::string(op))
        return apply(index, {x}, {y}).front();
    return 0;
  }

  std::unique_ptr<CompiledKernels> kernels;
};

TEST_P(MathLowering, StaysWithinTheStatedError) {
  for (size_t index = 0; index < std::size(kFunctions); ++index) {
    const Function &function = kFunctions[index];
    std::uniform_real_distribution<double> draw(function.low, function.high);
    std::vector<float> x(200001), y(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = float(draw(random));
      y[i] = float(function.binary ? draw(random) / 3 : 0);
    }
    std::vector<float> z = apply(index, x, y);
    double worst = 0;
    size_t where = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      double exact = function.exact(x[i], y[i]);
      if (float(exact) == z[i] || (std::isnan(exact) && std::isnan(z[i])))
        continue;
      // Where a float ends, either side of the end is right.
      if (std::abs(exact) > 3.4028234e38 && std::abs(z[i]) > 3.4028234e38)
        continue;
      double error = std::abs(exact - z[i]) / unitOf(exact);
      if (!(error <= worst)) {
        worst = error;
        where = i;
      }
    }
    EXPECT_LE(worst, function.units) << function.op << "(" << x[where] << ", "
                                     << y[where] << ") = " << z[where];
    RecordProperty(std::string(function.op) + std::to_string(index),
                   std::to_string(worst));
    printf("  %-12s [%g, %g]: %.2f units\n", function.op, function.low,
           function.high, worst);
  }
}

TEST_P(MathLowering, SpecialValuesAreThoseOfC) {
  const float nan = std::nanf("");
  for (const char *op : {"math.exp", "math.exp2", "math.expm1", "math.log",
                         "math.log2", "math.log10", "math.log1p", "math.erf",
                         "math.tanh", "math.sin", "math.cos", "math.rsqrt"})
    EXPECT_TRUE(std::isnan(applyOne(op, nan))) << op;
  EXPECT_EQ(applyOne("math.exp", kInfinity), kInfinity);
  EXPECT_EQ(applyOne("math.exp", -kInfinity), 0.0f);
  EXPECT_EQ(applyOne("math.exp", 0.0f), 1.0f);
  EXPECT_EQ(applyOne("math.exp2", 10.0f), 1024.0f);
  EXPECT_EQ(applyOne("math.exp2", -kInfinity), 0.0f);
  EXPECT_EQ(applyOne("math.expm1", -kInfinity), -1.0f);
  EXPECT_EQ(applyOne("math.log", 0.0f), -kInfinity);
  EXPECT_EQ(applyOne("math.log", 1.0f), 0.0f);
  EXPECT_EQ(applyOne("math.log", kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(applyOne("math.log", -1.0f)));
  EXPECT_NEAR(applyOne("math.log", 1e-40f), std::log(1e-40f), 1e-4);
  EXPECT_EQ(applyOne("math.log2", 8.0f), 3.0f);
  EXPECT_EQ(applyOne("math.log1p", -1.0f), -kInfinity);
  EXPECT_EQ(applyOne("math.log1p", kInfinity), kInfinity);
  EXPECT_EQ(applyOne("math.erf", kInfinity), 1.0f);
  EXPECT_EQ(applyOne("math.erf", -kInfinity), -1.0f);
  EXPECT_EQ(applyOne("math.tanh", kInfinity), 1.0f);
  EXPECT_EQ(applyOne("math.tanh", -kInfinity), -1.0f);
  EXPECT_TRUE(std::isnan(applyOne("math.sin", kInfinity)));
  EXPECT_EQ(applyOne("math.rsqrt", 0.0f), kInfinity);
  EXPECT_EQ(applyOne("math.round", 0.5f), 1.0f);
  EXPECT_EQ(applyOne("math.round", -2.5f), -3.0f);
  EXPECT_EQ(applyOne("math.roundeven", 2.5f), 2.0f);
}

TEST_P(MathLowering, PowersAreThoseOfC) {
  const float bases[] = {-kInfinity, -3,   -2, -1, -0.5f, -0.0f,
                         0.0f,       0.5f, 1,  2,  3,     kInfinity};
  const float exponents[] = {-3, -2, -1, -0.5f, 0, 0.5f, 1, 2, 3, 101};
  for (float x : bases)
    for (float y : exponents) {
      float exact = std::pow(x, y), got = applyOne("math.powf", x, y);
      if (std::isnan(exact))
        EXPECT_TRUE(std::isnan(got)) << x << "^" << y;
      else if (exact == 0 || std::isinf(exact))
        EXPECT_EQ(std::abs(got), std::abs(exact)) << x << "^" << y;
      else
        EXPECT_NEAR(got, exact, 2 * unitOf(exact)) << x << "^" << y;
    }
}

INSTANTIATE_TEST_SUITE_P(Versions, MathLowering,
                         ::testing::ValuesIn(runnableVersions()),
                         [](const auto &info) {
                           std::string name = codeVersionName(info.param).str();
                           return name.substr(name.size() - 2);
                         });

} // namespace
