//===- SweepTest.cpp - row and map kernels against double precision -------===//
//
// Row lengths are drawn from a printed seed, on and off every vector and turn
// of the main loop, for every code version that can run here. Outputs have
// guards at the end of their rows that must keep their value.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/testing/Draws.h"
#include "compiler/target/common/testing/TestTarget.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace attune::target::common::testing;

namespace {

constexpr float kGuard = 12345.0f;
constexpr int64_t kPad = 7;

struct Rows {
  Rows(int64_t rows, int64_t columns)
      : rows(rows), columns(columns),
        data(rows * (columns + kPad) + 1, kGuard) {}
  float &at(int64_t i, int64_t j) { return data[i * (columns + kPad) + j]; }
  Argument argument() {
    return Argument(data.data(), {rows, columns}, {columns + kPad, 1});
  }
  bool guardsHold() {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = columns; j < columns + kPad; ++j)
        if (at(i, j) != kGuard)
          return false;
    return true;
  }
  int64_t rows, columns;
  std::vector<float> data;
};

class Sweep : public ::testing::TestWithParam<TestTarget>, protected Draws {
protected:
  Rows filled(int64_t rows, int64_t columns, float spread = 1) {
    Rows result(rows, columns);
    std::normal_distribution<float> normal(0, spread);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        result.at(i, j) = normal(random);
    return result;
  }
  /// Lengths around every edge of the loops, and some drawn.
  std::vector<int64_t> lengths() {
    return {1,  15, 16,  17,  63,           64,
            65, 80, 127, 128, draw(1, 300), draw(1, 3000)};
  }
};

constexpr const char *kRows = "memref<?x?xf32, strided<[?, 1]>>";

TEST_P(Sweep, SoftmaxOfRowsOfAnyLength) {
  std::string text = llvm::formatv(R"(
tile.kernel row @f(%x: {0}, %y: {0}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = memref.dim %x, %c0 : {0}
  %cols = memref.dim %x, %c1 : {0}
  tile.parallel (%i) in (%rows) {{
    %j = tile.range %c0 to %cols : !tile.span<?>
    %a = tile.load %x[%i, %j by ?] : {0} -> tensor<?xf32>
    %m = tile.reduce max %a axis 0 over(%j : !tile.span<?>) : tensor<?xf32> -> tensor<f32>
    %mb = tile.broadcast %m over(%j : !tile.span<?>) : tensor<f32> -> tensor<?xf32>
    %s = arith.subf %a, %mb : tensor<?xf32>
    %e = math.exp %s : tensor<?xf32>
    %sum = tile.reduce sum %e axis 0 over(%j : !tile.span<?>) : tensor<?xf32> -> tensor<f32>
    %sb = tile.broadcast %sum over(%j : !tile.span<?>) : tensor<f32> -> tensor<?xf32>
    %p = arith.divf %e, %sb : tensor<?xf32>
    tile.store %p, %y[%i, %j by ?] : tensor<?xf32> -> {0}
  }
})",
                                   kRows);
  auto kernels = GetParam().compile(text, GetParam().machine);
  ASSERT_TRUE(kernels);
  for (int64_t length : lengths()) {
    SCOPED_TRACE(length);
    Rows x = filled(draw(1, 5), length, 5), y(x.rows, length);
    ASSERT_TRUE(kernels->run("f", {x.argument(), y.argument()}, draw(1, 99)));
    EXPECT_TRUE(y.guardsHold());
    for (int64_t i = 0; i < x.rows; ++i) {
      double max = -INFINITY, sum = 0;
      for (int64_t j = 0; j < length; ++j)
        max = std::fmax(max, x.at(i, j));
      for (int64_t j = 0; j < length; ++j)
        sum += std::exp(x.at(i, j) - max);
      for (int64_t j = 0; j < length; ++j)
        ASSERT_NEAR(y.at(i, j), std::exp(x.at(i, j) - max) / sum, 1e-6);
    }
  }
}

TEST_P(Sweep, NormOfASumThatIsStoredInPlace) {
  // z = a + b over a's memory, y = (z - mean) * rstd: the sum must not be
  // formed twice from what it overwrote.
  constexpr int64_t n = 200;
  std::string rows = llvm::formatv("memref<?x{0}xf32, strided<[?, 1]>>", n);
  std::string row = llvm::formatv("tensor<{0}xf32>", n);
  std::string text = llvm::formatv(R"(
tile.kernel row @f(%a: {0}, %b: {0}, %z: {0}, %y: {0}) {{
  %c0 = arith.constant 0 : index
  %cn = arith.constant {1} : index
  %rows = memref.dim %a, %c0 : {0}
  tile.parallel (%i) in (%rows) {{
    %j = tile.range %c0 to %cn : !tile.span<{1}>
    %u = tile.load %a[%i, %j by {1}] : {0} -> {2}
    %v = tile.load %b[%i, %j by {1}] : {0} -> {2}
    %x = arith.addf %u, %v : {2}
    %count = arith.constant dense<{1}.0> : tensor<f32>
    %eps = arith.constant dense<1.0e-5> : tensor<f32>
    %sum = tile.reduce sum %x axis 0 : {2} -> tensor<f32>
    %mean = arith.divf %sum, %count : tensor<f32>
    %mb = tile.broadcast %mean : tensor<f32> -> {2}
    %centred = arith.subf %x, %mb : {2}
    %sq = arith.mulf %centred, %centred : {2}
    %sqs = tile.reduce sum %sq axis 0 : {2} -> tensor<f32>
    %var = arith.divf %sqs, %count : tensor<f32>
    %vare = arith.addf %var, %eps : tensor<f32>
    %inv = math.rsqrt %vare : tensor<f32>
    %ib = tile.broadcast %inv : tensor<f32> -> {2}
    %r = arith.mulf %centred, %ib : {2}
    tile.store %x, %z[%i, %j by {1}] : {2} -> {0}
    tile.store %r, %y[%i, %j by {1}] : {2} -> {0}
  }
})",
                                   rows, n, row);
  auto kernels = GetParam().compile(text, GetParam().machine);
  ASSERT_TRUE(kernels);
  Rows a = filled(9, n), b = filled(9, n), y(9, n), before = a;
  auto slot = [&](Rows &r) {
    return Argument(r.data.data(), {9, n}, {n + kPad, 1});
  };
  ASSERT_TRUE(
      kernels->run("f", {slot(a), slot(b), slot(a), slot(y)}, draw(1, 99)));
  EXPECT_TRUE(a.guardsHold() && y.guardsHold());
  for (int64_t i = 0; i < 9; ++i) {
    double mean = 0, square = 0;
    for (int64_t j = 0; j < n; ++j)
      mean += (double(before.at(i, j)) + b.at(i, j)) / n;
    for (int64_t j = 0; j < n; ++j)
      square += std::pow(double(before.at(i, j)) + b.at(i, j) - mean, 2) / n;
    for (int64_t j = 0; j < n; ++j) {
      double z = double(before.at(i, j)) + b.at(i, j);
      ASSERT_NEAR(a.at(i, j), z, 1e-6);
      ASSERT_NEAR(y.at(i, j), (z - mean) / std::sqrt(square + 1e-5), 1e-5);
    }
  }
}

TEST_P(Sweep, MapsWithIntegersMasksAndGathers) {
  // y[i, j] = j < n[i] ? table[id[i], j] : position j, with ids from memory.
  std::string text = llvm::formatv(R"(
tile.kernel map @f(%ids: memref<?xi64>, %lengths: memref<?xi32>, %table: {0}, %y: {0}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = memref.dim %y, %c0 : {0}
  %cols = memref.dim %y, %c1 : {0}
  tile.parallel (%i, %j) in (%rows, %cols by 100) {{
    %id64 = memref.load %ids[%i] : memref<?xi64>
    %id = arith.index_cast %id64 : i64 to index
    %n = memref.load %lengths[%i] : memref<?xi32>
    %nb = tile.broadcast %n : i32 -> tensor<100xi32>
    %p = tile.iota %j : !tile.span<100> -> tensor<100xi32>
    %in = arith.cmpi slt, %p, %nb : tensor<100xi32>
    %g = tile.load %table[%id, %j by 100] : {0} -> tensor<100xf32>
    %pf = arith.sitofp %p : tensor<100xi32> to tensor<100xf32>
    %r = arith.select %in, %g, %pf : tensor<100xi1>, tensor<100xf32>
    tile.store %r, %y[%i, %j by 100] : tensor<100xf32> -> {0}
  }
})",
                                   kRows);
  auto kernels = GetParam().compile(text, GetParam().machine);
  ASSERT_TRUE(kernels);
  for (int64_t length : lengths()) {
    SCOPED_TRACE(length);
    int64_t rows = draw(1, 5);
    Rows table = filled(11, length), y(rows, length);
    std::vector<int64_t> ids;
    std::vector<int32_t> lengths;
    for (int64_t i = 0; i < rows; ++i) {
      ids.push_back(draw(0, 10));
      lengths.push_back(draw(0, length));
    }
    ASSERT_TRUE(kernels->run("f",
                             {Argument(ids.data(), {rows}),
                              Argument(lengths.data(), {rows}),
                              table.argument(), y.argument()},
                             draw(1, 99)));
    EXPECT_TRUE(y.guardsHold());
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < length; ++j)
        ASSERT_EQ(y.at(i, j), j < lengths[i] ? table.at(ids[i], j) : float(j));
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Sweep, ::testing::ValuesIn(testTargets()),
                         [](const auto &info) { return info.param.name; });

} // namespace
