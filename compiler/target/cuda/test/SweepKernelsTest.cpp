//===- SweepKernelsTest.cpp - the code of common row and map kernels ------===//
//
// The kernels of sweeps.tile: their numbers on aligned and unaligned
// buffers, and that memory is touched in whole sectors and shared memory
// without conflicts. Their registers are in budgets.md.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/testing/Draws.h"
#include "compiler/target/cuda/testing/SimulatedKernels.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace attune::target::cuda;
using namespace attune::target::cuda::testing;
using namespace attune::target::common::testing;

namespace {

std::string kernelsText() {
  auto file = llvm::MemoryBuffer::getFile(ATTUNE_TEST_KERNELS);
  return file ? (*file)->getBuffer().str() : "";
}

/// Compiled once for all cases.
SimulatedKernels *kernels() {
  static std::unique_ptr<SimulatedKernels> all =
      SimulatedKernels::compile(kernelsText());
  return all.get();
}

//===----------------------------------------------------------------------===//
// Numbers and traffic
//===----------------------------------------------------------------------===//

/// A tensor of f32 that begins some elements behind an aligned address.
class Tensor {
public:
  Tensor(Tensor &&) = default; // not copied: the address would be another
  Tensor(std::vector<int64_t> sizes, int64_t shift) : sizes(std::move(sizes)) {
    count = 1;
    for (int64_t size : this->sizes)
      count *= size;
    data.resize(count + kLine + shift, NAN);
    auto address = reinterpret_cast<uintptr_t>(data.data());
    first = (kLine - address / 4 % kLine) % kLine + shift;
  }
  float &operator[](int64_t i) { return data[first + i]; }
  Argument argument() { return Argument(&data[first], sizes); }
  int64_t count;

private:
  static constexpr int64_t kLine = 16;
  std::vector<int64_t> sizes;
  int64_t first;
  std::vector<float> data;
};

class SweepKernels : public ::testing::TestWithParam<int64_t>, protected Draws {
protected:
  void SetUp() override { ASSERT_TRUE(kernels()); }
  Tensor empty(std::vector<int64_t> sizes) {
    return Tensor(std::move(sizes), GetParam());
  }
  Tensor drawn(std::vector<int64_t> sizes) {
    Tensor tensor = empty(std::move(sizes));
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < tensor.count; ++i)
      tensor[i] = normal(random);
    return tensor;
  }
  void run(const char *name, const std::vector<Argument> &arguments) {
    attune::gpusim::Report report = kernels()->run(name, arguments, random());
    ASSERT_FALSE(report.error) << report.error->text();
    for (const auto &line : report.lines) {
      // A vector that is not aligned is two sectors more.
      if (GetParam() == 0)
        EXPECT_LE(line.sectors, line.sectorsNeeded)
            << line.opcode << " in line " << line.line;
      EXPECT_EQ(line.conflicts, 0u) << line.opcode << " in line " << line.line;
    }
  }
};

TEST_P(SweepKernels, LayerNorm) {
  for (int64_t n : {768, 4096}) {
    int64_t rows = 3;
    Tensor x = drawn({rows, n}), scale = drawn({n}), bias = drawn({n}),
           y = empty({rows, n});
    run(llvm::formatv("layer_norm_{0}", n).str().c_str(),
        {x.argument(), scale.argument(), bias.argument(), y.argument()});
    for (int64_t i = 0; i < rows; ++i) {
      double mean = 0, variance = 0;
      for (int64_t j = 0; j < n; ++j)
        mean += double(x[i * n + j]) / n;
      for (int64_t j = 0; j < n; ++j)
        variance += std::pow(x[i * n + j] - mean, 2) / n;
      for (int64_t j = 0; j < n; ++j)
        ASSERT_NEAR(y[i * n + j],
                    (x[i * n + j] - mean) / std::sqrt(variance + 1e-5) *
                            scale[j] +
                        bias[j],
                    1e-5);
    }
  }
}

TEST_P(SweepKernels, Softmax) {
  struct Case {
    const char *name;
    int64_t columns;
  };
  for (Case c : {Case{"softmax_1024", 1024}, Case{"softmax_197", 197},
                 Case{"softmax_any", 640}}) {
    SCOPED_TRACE(c.name);
    int64_t rows = 5, n = c.columns;
    Tensor x = drawn({rows, n}), y = empty({rows, n});
    // Rows of 197 begin anywhere.
    attune::gpusim::Report report =
        kernels()->run(c.name, {x.argument(), y.argument()}, random());
    ASSERT_FALSE(report.error) << report.error->text();
    for (int64_t i = 0; i < rows; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < n; ++j)
        sum += std::exp(double(x[i * n + j]));
      for (int64_t j = 0; j < n; ++j)
        ASSERT_NEAR(y[i * n + j], std::exp(double(x[i * n + j])) / sum, 1e-6);
    }
  }
}

TEST_P(SweepKernels, BiasGeluResidual) {
  int64_t rows = 3, n = 1024;
  Tensor x = drawn({rows, n}), bias = drawn({n}), residual = drawn({rows, n}),
         y = empty({rows, n});
  run("bias_gelu_residual",
      {x.argument(), bias.argument(), residual.argument(), y.argument()});
  for (int64_t i = 0; i < rows * n; ++i) {
    double v = double(x[i]) + bias[i % n];
    ASSERT_NEAR(y[i], v * (1 + std::erf(v * M_SQRT1_2)) / 2 + residual[i],
                2e-6);
  }
}

TEST_P(SweepKernels, Transpose0213) {
  Tensor x = drawn({1, 512, 12, 64}), y = empty({1, 12, 512, 64});
  Argument turned = x.argument();
  turned.sizes = {1, 12, 512, 64};
  turned.strides = {393216, 64, 768, 1};
  run("transpose_0213", {turned, y.argument()});
  for (int64_t i = 0; i < y.count; ++i)
    ASSERT_EQ(y[i], x[i / 64 % 512 * 768 + i / 32768 * 64 + i % 64]);
}

TEST_P(SweepKernels, Transpose021) {
  int64_t n = 1024;
  Tensor x = drawn({1, n, n}), y = empty({1, n, n});
  Argument turned = x.argument();
  turned.strides = {n * n, 1, n};
  run("transpose_021", {turned, y.argument()});
  for (int64_t i = 0; i < n * n; ++i)
    ASSERT_EQ(y[i], x[i % n * n + i / n]);
}

TEST_P(SweepKernels, SumOverTheFirstAxis) {
  int64_t rows = std::uniform_int_distribution<int64_t>(1, 300)(random),
          n = 4096;
  SCOPED_TRACE(rows);
  Tensor x = drawn({rows, n}), y = empty({n});
  run("sum_axis_0", {x.argument(), y.argument()});
  for (int64_t j = 0; j < n; ++j) {
    double sum = 0;
    for (int64_t i = 0; i < rows; ++i)
      sum += x[i * n + j];
    ASSERT_NEAR(y[j], sum, 1e-4);
  }
}

TEST_P(SweepKernels, GatherRows) {
  int64_t rows = 9, n = 768, all = 100; // of the 30000 that it may read
  Tensor table = drawn({all, n}), y = empty({rows, n});
  std::vector<int64_t> indices(rows);
  for (int64_t &index : indices)
    index = std::uniform_int_distribution<int64_t>(0, all - 1)(random);
  run("gather_rows",
      {Argument(indices.data(), {rows}), table.argument(), y.argument()});
  for (int64_t i = 0; i < rows * n; ++i)
    ASSERT_EQ(y[i], table[indices[i / n] * n + i % n]);
}

INSTANTIATE_TEST_SUITE_P(Alignment, SweepKernels, ::testing::Values(0, 1),
                         [](const auto &info) {
                           return info.param ? "None" : "Whole";
                         });

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

/// The text of one .entry.
llvm::StringRef entryOf(llvm::StringRef ptx, const std::string &name) {
  size_t begin = ptx.find(".entry " + name + "(");
  return ptx.substr(begin, ptx.find("\n}", begin) - begin);
}

TEST(SweepCode, AlignedRowsMoveSixteenBytesAtOnce) {
  ASSERT_TRUE(kernels());
  for (const PtxKernel &kernel : kernels()->ptx().kernels) {
    SCOPED_TRACE(kernel.name);
    llvm::StringRef text = entryOf(kernels()->ptx().text, kernel.name);
    EXPECT_FALSE(text.contains(".local"));
    // Rows of 197 are aligned for one in four, and tiles are turned one by one.
    if (kernel.name == "softmax_197" || kernel.name == "transpose_021")
      continue;
    EXPECT_TRUE(text.contains("ld.global.v4"));
    EXPECT_TRUE(text.contains("st.global.v4"));
  }
}

/// Items of so many elements, less their sum.
std::string itemsOf(int64_t rows, int64_t columns) {
  std::string memref =
      llvm::formatv("memref<?x{0}x{1}xf32, strided<[?, ?, 1]>>", rows, columns);
  return llvm::formatv(R"(
tile.kernel row @f(%x: {2}, %y: {2}) {{
  %c0 = arith.constant 0 : index
  %rows = arith.constant {0} : index
  %cols = arith.constant {1} : index
  %items = memref.dim %y, %c0 : {2}
  tile.parallel (%i) in (%items) {{
    %r = tile.range %c0 to %rows : !tile.span<{0}>
    %j = tile.range %c0 to %cols : !tile.span<{1}>
    %a = tile.load %x[%i, %r by {0}, %j by {1}] : {2} -> tensor<{0}x{1}xf32>
    %p = tile.reduce sum %a axis 1 : tensor<{0}x{1}xf32> -> tensor<{0}xf32>
    %s = tile.reduce sum %p axis 0 : tensor<{0}xf32> -> tensor<f32>
    %b = tile.broadcast %s : tensor<f32> -> tensor<{0}x{1}xf32>
    %z = arith.subf %a, %b : tensor<{0}x{1}xf32>
    tile.store %z, %y[%i, %r by {0}, %j by {1}] : tensor<{0}x{1}xf32> -> {2}
  }
})",
                       rows, columns, memref);
}

/// Units are divided in 32 bits where all of an item can be counted in them,
/// and only there. Division by a constant is the high half of a product.
TEST(SweepCode, UnitsAreCountedInAsManyBitsAsTheyNeed) {
  auto dividesIn64 = [](int64_t rows, int64_t columns) {
    auto kernels = SimulatedKernels::compile(itemsOf(rows, columns));
    EXPECT_TRUE(kernels);
    return kernels &&
           llvm::StringRef(kernels->ptx().text).contains("mul.hi.u64");
  };
  EXPECT_FALSE(dividesIn64(46339, 46339)); // a prime, squared below 2^31
  EXPECT_TRUE(dividesIn64(65537, 65537));  // a prime, squared above 2^32
}

} // namespace
