//===- MathTest.cpp - functions that have expansions of their own here ----===//
//
// What MathInstructions.cpp makes of quotients and so of erf and tanh, on the
// emulator, whose approximations are off by as much as those of devices may be:
// the error in units in the last place over all magnitudes, and special values.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/testing/Draws.h"
#include "compiler/target/cuda/testing/SimulatedKernels.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace attune::target::cuda;
using namespace attune::target::cuda::testing;
using namespace attune::target::common::testing;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Function {
  const char *name;
  double (*exact)(double);
  double units;   ///< the error that is allowed
  bool keepsSign; ///< of zero

  friend void PrintTo(const Function &function, std::ostream *out) {
    *out << function.name;
  }
};

const Function kFunctions[] = {
    {"erf", [](double x) { return std::erf(x); }, 10, true},
    {"tanh", [](double x) { return std::tanh(x); }, 3, false},
};

/// The size of a unit in the last place of a float near `value`.
double unitOf(double value) {
  value = std::max(std::abs(value), double(std::numeric_limits<float>::min()));
  return std::ldexp(1.0, std::ilogb(value) - 23);
}

class CudaMath : public ::testing::TestWithParam<Function> {
protected:
  std::vector<float> apply(std::vector<float> x) {
    auto text = llvm::formatv(R"(
tile.kernel map @f(%x: memref<?xf32>, %y: memref<?xf32>) {{
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  tile.parallel (%i) in (%n by 256) {{
    %a = tile.load %x[%i by 256] : memref<?xf32> -> tensor<256xf32>
    %b = math.{0} %a : tensor<256xf32>
    tile.store %b, %y[%i by 256] : tensor<256xf32> -> memref<?xf32>
  }
}
)",
                              GetParam().name)
                    .str();
    auto kernels = SimulatedKernels::compile(text);
    std::vector<float> y(x.size());
    auto size = int64_t(x.size());
    if (kernels) {
      auto report = kernels->run(
          "f", {Argument(x.data(), {size}), Argument(y.data(), {size})}, 1);
      EXPECT_TRUE(report.ok()) << report.text();
    }
    return y;
  }
};

} // namespace

TEST_P(CudaMath, ErrorOverAllMagnitudes) {
  std::mt19937 random = seededRandom();
  std::vector<float> x;
  // Where the functions bend, and every exponent, subnormals included.
  std::uniform_real_distribution<float> near(-10, 10), mantissa(1, 2);
  for (int i = 0; i < 40000; ++i)
    x.push_back(near(random));
  for (int exponent = -149; exponent < 128; ++exponent)
    for (int i = 0; i < 40; ++i)
      x.push_back(
          std::ldexp(i % 2 ? mantissa(random) : -mantissa(random), exponent));
  std::vector<float> y = apply(x);
  double worst = 0;
  size_t where = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    double exact = GetParam().exact(x[i]);
    double error = std::abs(y[i] - exact) / unitOf(exact);
    if (!(error <= worst)) {
      worst = error;
      where = i;
    }
  }
  EXPECT_LE(worst, GetParam().units) << "at " << x[where] << ": " << y[where];
  printf("  %s: %.2f units at %g\n", GetParam().name, worst, x[where]);
}

TEST_P(CudaMath, SpecialValuesAreThoseOfC) {
  std::vector<float> y =
      apply({std::nanf(""), kInfinity, -kInfinity, 0.0f, -0.0f});
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(y[1], 1.0f);
  EXPECT_EQ(y[2], -1.0f);
  EXPECT_EQ(y[3], 0.0f);
  EXPECT_EQ(y[4], 0.0f);
  if (GetParam().keepsSign) {
    EXPECT_TRUE(std::signbit(y[4]));
  }
}

INSTANTIATE_TEST_SUITE_P(All, CudaMath, ::testing::ValuesIn(kFunctions),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });
