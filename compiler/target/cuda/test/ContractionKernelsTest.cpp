//===- ContractionKernelsTest.cpp - the kernels of contractions.tile ------===//
//
// The kernels that are timed on devices, here with smaller extents: their
// numbers, and what they ask of memory (no bank conflicts, whole sectors).
// Their registers are in budgets.md.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/testing/Draws.h"
#include "compiler/target/common/testing/TypedBuffer.h"
#include "compiler/target/cuda/testing/SimulatedKernels.h"
#include "compiler/target/cuda/testing/SmallerExtents.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace attune;
using namespace attune::target::cuda;
using namespace attune::target::cuda::testing;
using namespace attune::target::common::testing;

namespace {

struct Kernel {
  std::string name;
  int64_t m, n, k; ///< at full size
  Scalar type;
  std::optional<Scalar> result = {}; ///< where it is another type
  int64_t batch = 1;
  bool bias = false, gelu = false, residual = false;
  bool transposed = false; ///< the right operand is [columns, k]
  bool narrow = false;     ///< the block has 32 columns
  bool tf32 = false;
  double scale = 1;

  friend void PrintTo(const Kernel &kernel, std::ostream *out) {
    *out << kernel.name;
  }
};

const Kernel kKernels[] = {
    {.name = "f16_square",
     .m = 4096,
     .n = 4096,
     .k = 4096,
     .type = Scalar::F16},
    {.name = "f16_square_wide",
     .m = 4096,
     .n = 4096,
     .k = 4096,
     .type = Scalar::F16},
    {.name = "f16_large", .m = 8192, .n = 8192, .k = 8192, .type = Scalar::F16},
    {.name = "bf16_vocabulary",
     .m = 1024,
     .n = 50257,
     .k = 768,
     .type = Scalar::BF16,
     .result = Scalar::F32,
     .transposed = true},
    {.name = "bf16_bias_gelu",
     .m = 4096,
     .n = 4096,
     .k = 1024,
     .type = Scalar::BF16,
     .bias = true,
     .gelu = true},
    {.name = "bf16_bias_residual",
     .m = 4096,
     .n = 1024,
     .k = 4096,
     .type = Scalar::BF16,
     .bias = true,
     .residual = true},
    {.name = "f32_square",
     .m = 2048,
     .n = 2048,
     .k = 2048,
     .type = Scalar::F32},
    {.name = "tf32_square",
     .m = 4096,
     .n = 4096,
     .k = 4096,
     .type = Scalar::F32,
     .tf32 = true},
    {.name = "tf32_small",
     .m = 4096,
     .n = 4096,
     .k = 4096,
     .type = Scalar::F32,
     .tf32 = true},
    {.name = "tf32_transposed",
     .m = 4096,
     .n = 4096,
     .k = 4096,
     .type = Scalar::F32,
     .transposed = true,
     .tf32 = true},
    {.name = "f16_image",
     .m = 197,
     .n = 3072,
     .k = 768,
     .type = Scalar::F16,
     .bias = true},
    {.name = "f16_scores",
     .m = 1024,
     .n = 1024,
     .k = 64,
     .type = Scalar::F16,
     .batch = 96,
     .transposed = true,
     .scale = 0.125},
    {.name = "f16_scores_low",
     .m = 1024,
     .n = 1024,
     .k = 64,
     .type = Scalar::F16,
     .batch = 96,
     .transposed = true,
     .scale = 0.125},
    {.name = "f16_decode",
     .m = 16,
     .n = 4096,
     .k = 8192,
     .type = Scalar::F16,
     .narrow = true},
};

std::string readKernels() {
  auto buffer = llvm::MemoryBuffer::getFile(ATTUNE_TEST_KERNELS);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

TypedBuffer randomBuffer(Scalar type, int64_t size, std::mt19937 &random) {
  std::normal_distribution<float> normal;
  TypedBuffer buffer(type, size, 0.0);
  for (int64_t i = 0; i < size; ++i)
    buffer.set(i, normal(random));
  return buffer;
}

class CudaContractionKernels : public ::testing::TestWithParam<Kernel> {};

} // namespace

TEST_P(CudaContractionKernels, NumbersAndMemory) {
  const Kernel &kernel = GetParam();
  std::mt19937 random = seededRandom();
  static auto kernels =
      SimulatedKernels::compile(withSmallerExtents(readKernels()));
  ASSERT_TRUE(kernels);

  int64_t m = smaller(kernel.m), n = smaller(kernel.n), k = smaller(kernel.k),
          batch = smaller(kernel.batch);
  TypedBuffer a = randomBuffer(kernel.type, batch * m * k, random),
              b = randomBuffer(kernel.type, batch * n * k, random),
              bias = randomBuffer(Scalar::F32, n, random),
              residual = randomBuffer(kernel.type, m * n, random),
              c(kernel.result.value_or(kernel.type), batch * m * n, NAN);
  std::vector<Argument> arguments{Argument(a.bytes(), {batch, m, k}),
                                  Argument(b.bytes(), {batch, n, k})};
  if (kernel.bias)
    arguments.push_back(Argument(bias.bytes(), {n}));
  if (kernel.residual)
    arguments.push_back(Argument(residual.bytes(), {m, n}));
  arguments.push_back(Argument(c.bytes(), {batch, m, n}));
  gpusim::Report report = kernels->run(kernel.name, arguments, random());
  ASSERT_TRUE(report.ok()) << report.text();

  // Shared memory is passed through without conflicts, but where f32 is read
  // across its rows, and on the way out of a narrow block; global memory in
  // whole sectors, some of them, in tails, several times.
  EXPECT_EQ(report.sum("ldmatrix").conflicts, 0u);
  EXPECT_EQ(report.sum("cp.async").conflicts, 0u);
  EXPECT_EQ(report.sum("st.shared").conflicts, 0u);
  if (kernel.type != Scalar::F32 && !kernel.narrow) {
    EXPECT_EQ(report.sum("ld.shared").conflicts, 0u);
  }
  for (const char *access : {"cp.async", "st.global"}) {
    gpusim::LineCount count = report.sum(access);
    // 128 bytes of a warp that begin anywhere lie in five sectors.
    bool isOdd = n % 8 != 0 && access == std::string("st.global");
    EXPECT_LE(count.sectors, count.sectorsNeeded * (isOdd ? 5 : 4) / 4)
        << access;
  }

  std::vector<double> x = a.values(), y = b.values();
  if (kernel.tf32)
    for (std::vector<double> *side : {&x, &y})
      llvm::transform(*side, side->begin(), roundedToTf32);
  double worst = 0, largest = 0;
  for (int64_t q = 0; q < batch; ++q)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = kernel.bias ? bias.get(j) : 0.0;
        for (int64_t d = 0; d < k; ++d)
          sum +=
              x[(q * m + i) * k + d] *
              y[kernel.transposed ? (q * n + j) * k + d : (q * k + d) * n + j];
        sum *= kernel.scale;
        if (kernel.gelu)
          sum *= (1 + std::erf(sum / std::sqrt(2.0))) / 2;
        if (kernel.residual)
          sum += residual.get(i * n + j);
        double got = c.get((q * m + i) * n + j);
        ASSERT_FALSE(std::isnan(got)) << "at " << q << ", " << i << ", " << j;
        worst = std::max(worst, std::abs(sum - got));
        largest = std::max(largest, std::abs(sum));
      }
  double rounding = kernel.type == Scalar::F32   ? 6e-6
                    : kernel.type == Scalar::F16 ? 5e-4
                                                 : 4e-3;
  EXPECT_LE(worst / largest, rounding);
}

INSTANTIATE_TEST_SUITE_P(All, CudaContractionKernels,
                         ::testing::ValuesIn(kKernels),
                         [](const auto &info) { return info.param.name; });

//===----------------------------------------------------------------------===//
// Budgets
//===----------------------------------------------------------------------===//

TEST(CudaContractionBudgets, SharedMemoryFitsAnyCapability) {
  auto kernels = SimulatedKernels::compile(readKernels());
  ASSERT_TRUE(kernels);
  for (const PtxKernel &kernel : kernels->ptx().kernels) {
    // Blocks of 128 threads come in pairs; one runs on any capability.
    int64_t most = Machine::find("sm_80")->sharedBytes;
    EXPECT_LE(kernel.sharedBytes, kernel.threads == 128 ? most / 2 : 99 * 1024)
        << kernel.name;
  }
}
