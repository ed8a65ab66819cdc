//===- ContractionTest.cpp - GEMM kernels against double precision --------===//
//
// Shapes are drawn from a printed seed (ATTUNE_TEST_SEED repeats one), for
// every code version that this machine runs: weights in panels and activations
// packed at run time, either transposed; any M, N, K; bias, activation and
// residual; every chunking of the grid. Rows lie at strides with guards between
// them that must keep their value.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/testing/Draws.h"
#include "compiler/target/cpu/testing/CompiledKernels.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

using namespace attune::target::cpu;
using namespace attune::target::cpu::testing;

namespace {

constexpr float kGuardValue = 12345.0f;

/// A matrix in memory with guards at the end of its rows.
struct Matrix {
  Matrix(int64_t rows, int64_t columns, int64_t stride)
      : rows(rows), columns(columns), stride(stride),
        data(std::max<int64_t>(1, rows * stride), kGuardValue) {}
  float &at(int64_t i, int64_t j) { return data[i * stride + j]; }
  void fill(std::mt19937 &random) {
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        at(i, j) = normal(random);
  }
  bool guardsHold() {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = columns; j < stride; ++j)
        if (at(i, j) != kGuardValue)
          return false;
    return true;
  }
  Argument argument() {
    return Argument(data.data(), {rows, columns}, {stride, 1});
  }

  int64_t rows, columns, stride;
  std::vector<float> data;
};

/// [ceil(N / 16)][K][16], zero beyond N.
std::vector<float> packPanels(Matrix &b) {
  int64_t panels = (b.columns + 15) / 16;
  std::vector<float> packed(panels * b.rows * 16 + 16, 0.0f);
  for (int64_t k = 0; k < b.rows; ++k)
    for (int64_t n = 0; n < b.columns; ++n)
      packed[(n / 16 * b.rows + k) * 16 + n % 16] = b.at(k, n);
  return packed;
}

struct Case {
  int64_t m, n, k;
  int64_t blockM = 192, blockN = 48, blockK = 768;
  bool panels = true; ///< static weights in panels, else a packed activation
  bool transposed = false;    ///< B is stored as [N, K]
  bool epilogue = true;       ///< bias, relu, residual
  bool leftAlongRows = false; ///< A is stored as [K, M]
};

/// A is stored as [K, M], as the X of a weight gradient X^T dY.
Case gradientOf(Case c) {
  c.panels = c.epilogue = false;
  c.leftAlongRows = true;
  return c;
}

/// A matrix stored column by column, followed by a page that must not be read.
class ColumnsBeforeGuard {
public:
  explicit ColumnsBeforeGuard(Matrix &from) {
    size_t page = sysconf(_SC_PAGESIZE), bytes = from.rows * from.columns * 4;
    size_t whole = (bytes + page - 1) / page * page;
    mapped = whole + page;
    base = static_cast<char *>(mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base + whole, page, PROT_NONE);
    data = reinterpret_cast<float *>(base + whole - bytes);
    for (int64_t i = 0; i < from.rows; ++i)
      for (int64_t k = 0; k < from.columns; ++k)
        data[k * from.rows + i] = from.at(i, k);
  }
  ~ColumnsBeforeGuard() { munmap(base, mapped); }
  ColumnsBeforeGuard(const ColumnsBeforeGuard &) = delete;

  float *data;

private:
  char *base;
  size_t mapped;
};

/// y = relu(a b + bias) + residual, or y = a b.
std::string kernelText(const Case &c) {
  std::string bType = c.panels
                          ? llvm::formatv("memref<{0}x{1}xf32>", c.k, c.n).str()
                      : c.transposed ? "memref<?x?xf32, strided<[1, ?]>>"
                                     : "memref<?x?xf32, strided<[?, 1]>>";
  std::string rows = "memref<?x?xf32, strided<[?, 1]>>",
              left =
                  c.leftAlongRows ? "memref<?x?xf32, strided<[1, ?]>>" : rows;
  std::string block = llvm::formatv("tensor<{0}x{1}xf32>", c.blockM, c.blockN);
  std::string text = llvm::formatv(
      R"(tile.kernel contraction @f(%a: {5}, %b: {1} {2}, %bias: memref<?xf32>, %r: {0}, %c: {0}) {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %m = memref.dim %a, %c0 : {5}
      %n = memref.dim %b, %c1 : {1}
      %k = memref.dim %b, %c0 : {1}
      tile.parallel (%i, %j) in (%m by {3}, %n by {4}) {{
)",
      rows, bType,
      c.panels ? "{tile.panels = #tile.panels<axis = 1, width = 16>}" : "",
      c.blockM, c.blockN, left);
  if (c.epilogue)
    text += llvm::formatv(R"(
        %b0 = tile.load %bias[%j by {0}] : memref<?xf32> -> tensor<{0}xf32>
        %start = tile.broadcast %b0 axes [1] : tensor<{0}xf32> -> {1}
)",
                          c.blockN, block);
  else
    text += llvm::formatv("        %start = arith.constant dense<0.0> : {0}\n",
                          block);
  text += llvm::formatv(R"(
        %sum = tile.for %d in (%c0 to %k by {0}) iter(%acc = %start) : {3} {{
          %x = tile.load %a[%i by {1}, %d by {0}] : {4} -> tensor<{1}x{0}xf32>
          %y = tile.load %b[%d by {0}, %j by {2}] : {5} -> tensor<{0}x{2}xf32>
          %p = tile.dot %x, %y, %acc : tensor<{1}x{0}xf32>, tensor<{0}x{2}xf32> -> {3}
          tile.yield %p : {3}
        }
)",
                        c.blockK, c.blockM, c.blockN, block, left, bType);
  if (c.epilogue)
    text += llvm::formatv(R"(
        %zero = arith.constant dense<0.0> : {0}
        %relu = arith.maximumf %sum, %zero : {0}
        %res = tile.load %r[%i by {1}, %j by {2}] : {3} -> {0}
        %out = arith.addf %relu, %res : {0}
)",
                          block, c.blockM, c.blockN, rows);
  text += llvm::formatv(R"(
        tile.store {4}, %c[%i by {1}, %j by {2}] : {0} -> {3}
      }
    })",
                        block, c.blockM, c.blockN, rows,
                        c.epilogue ? "%out" : "%sum");
  return text;
}

void check(const Case &c, CodeVersion version, std::mt19937 &random) {
  SCOPED_TRACE(
      llvm::formatv("{0} m={1} n={2} k={3} blocks {4}x{5}x{6} panels={7} "
                    "transposed={8} epilogue={9} left along rows={10}",
                    codeVersionName(version), c.m, c.n, c.k, c.blockM, c.blockN,
                    c.blockK, c.panels, c.transposed, c.epilogue,
                    c.leftAlongRows)
          .str());
  auto kernels = CompiledKernels::compile(kernelText(c), version);
  ASSERT_TRUE(kernels);
  Matrix a(c.m, c.k, c.k + 3), b(c.k, c.n, c.n), out(c.m, c.n, c.n + 5);
  Matrix residual(c.m, c.n, c.n + 5), bias(1, c.n, c.n);
  for (Matrix *matrix : {&a, &b, &residual, &bias})
    matrix->fill(random);
  std::vector<float> panels = packPanels(b),
                     transposed(std::max<int64_t>(1, c.n * c.k));
  for (int64_t k = 0; k < c.k; ++k)
    for (int64_t n = 0; n < c.n; ++n)
      transposed[n * c.k + k] = b.at(k, n);
  // In place: the residual lies where the result goes.
  out.data = residual.data;
  Argument right = c.panels ? Argument(panels.data(), {c.k, c.n})
                   : c.transposed
                       ? Argument(transposed.data(), {c.k, c.n}, {1, c.k})
                       : b.argument();
  ColumnsBeforeGuard columns(a);
  Argument left = c.leftAlongRows ? Argument(columns.data, {c.m, c.k}, {1, c.m})
                                  : a.argument();
  int64_t workers = 2;
  auto call = kernels->prepare("f",
                               {left, right, Argument(bias.data.data(), {c.n}),
                                out.argument(), out.argument()},
                               workers);
  call.runAll(1 + int64_t(random() % 4), workers);
  EXPECT_TRUE(call.scratchIsIntact());
  EXPECT_TRUE(out.guardsHold());

  double worst = 0, largest = 0;
  for (int64_t i = 0; i < c.m; ++i)
    for (int64_t j = 0; j < c.n; ++j) {
      double sum = c.epilogue ? bias.at(0, j) : 0.0;
      for (int64_t k = 0; k < c.k; ++k)
        sum += double(a.at(i, k)) * b.at(k, j);
      if (c.epilogue)
        sum = std::max(sum, 0.0) + residual.at(i, j);
      worst = std::max(worst, std::abs(sum - out.at(i, j)));
      largest = std::max(largest, std::abs(sum));
      ASSERT_FALSE(std::isnan(out.at(i, j))) << "at " << i << ", " << j;
    }
  EXPECT_LE(worst, 2e-6 * std::sqrt(double(c.k) + 1) * std::max(largest, 1.0));
}

class Contraction : public ::testing::TestWithParam<CodeVersion>,
                    protected attune::target::common::testing::Draws {
protected:
};

TEST_P(Contraction, WeightsInPanels) {
  check({1, 48, 32}, GetParam(), random);
  check({197, 96, 64}, GetParam(), random);
  check({5, 768, 100, 192, 64}, GetParam(), random);
  for (int trial = 0; trial < 6; ++trial)
    check({draw(1, 400), draw(1, 200), draw(1, 300), draw(1, 200),
           16 * draw(1, 6), 768, true, false, draw(0, 1) == 1},
          GetParam(), random);
}

TEST_P(Contraction, SumsOverSeveralBlocksOfK) {
  check({37, 96, 300, 192, 48, 128}, GetParam(), random);
  check({13, 50, 257, 8, 32, 64}, GetParam(), random);
}

TEST_P(Contraction, PacksActivations) {
  for (bool transposed : {false, true}) {
    check({64, 64, 64, 192, 64, 768, false, transposed}, GetParam(), random);
    for (int trial = 0; trial < 4; ++trial)
      check({draw(1, 150), draw(1, 150), draw(1, 150), draw(1, 64),
             16 * draw(1, 6), 16 * draw(2, 6), false, transposed,
             draw(0, 1) == 1},
            GetParam(), random);
  }
}

TEST_P(Contraction, PacksALeftOperandAlongRows) {
  for (bool transposed : {false, true}) {
    check(gradientOf({96, 64, 64, 96, 16, 768, false, transposed}), GetParam(),
          random);
    // Fewer rows than a tile, than a group; one more than all groups at once.
    for (int64_t m : {1, 5, 9, 49, 65, 97})
      check(gradientOf({m, 70, 33, 96, 32, 16, false, transposed}), GetParam(),
            random);
    for (int64_t blockN : {16, 32, 48, 64})
      check(gradientOf({draw(1, 300), draw(1, 150), draw(1, 150), draw(9, 200),
                        blockN, 16 * draw(2, 6), false, transposed}),
            GetParam(), random);
  }
  check(gradientOf({20, 20, 0, 96, 48, 64}), GetParam(), random);
  // The right operand as weights: only the left one is packed.
  Case weights{130, 100, 60, 96, 48, 32};
  weights.leftAlongRows = true;
  check(weights, GetParam(), random);
}

TEST_P(Contraction, AnEmptySumIsTheStartValue) {
  check({7, 20, 0, 192, 48, 64, false}, GetParam(), random);
}

TEST_P(Contraction, WhatStandsBesideKernelsDoesNotMatter) {
  std::string text = kernelText({16, 48, 32});
  text += "func.func private @of_another_level(tensor<?xf32>) -> tensor<?xf32>";
  EXPECT_TRUE(CompiledKernels::compile(text, GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Versions, Contraction,
                         ::testing::ValuesIn(runnableVersions()),
                         [](const auto &info) {
                           std::string name = codeVersionName(info.param).str();
                           return name.substr(name.size() - 2);
                         });

} // namespace
