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

/// Items of several rows each, that are apart by any number of elements: an
/// item may begin at a whole vector and its other rows not, and rows end inside
/// vectors.
TEST_P(Sweep, ItemsOfSeveralRowsThatLieApart) {
  std::string memref = "memref<?x?x?xf32, strided<[?, ?, 1]>>";
  std::string text = llvm::formatv(R"(
tile.kernel row @f(%x: {0}, %y: {0}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %items = memref.dim %x, %c0 : {0}
  %rows = memref.dim %x, %c1 : {0}
  %cols = memref.dim %x, %c2 : {0}
  tile.parallel (%i) in (%items) {{
    %r = tile.range %c0 to %rows : !tile.span<?>
    %j = tile.range %c0 to %cols : !tile.span<?>
    %a = tile.load %x[%i, %r by ?, %j by ?] : {0} -> tensor<?x?xf32>
    %p = tile.reduce sum %a axis 1 over(%j : !tile.span<?>) : tensor<?x?xf32> -> tensor<?xf32>
    %s = tile.reduce sum %p axis 0 over(%r : !tile.span<?>) : tensor<?xf32> -> tensor<f32>
    %b = tile.broadcast %s over(%r, %j : !tile.span<?>, !tile.span<?>) : tensor<f32> -> tensor<?x?xf32>
    %z = arith.addf %a, %b : tensor<?x?xf32>
    tile.store %z, %y[%i, %r by ?, %j by ?] : tensor<?x?xf32> -> {0}
  }
})",
                                   memref);
  auto kernels = GetParam().compile(text, GetParam().machine);
  ASSERT_TRUE(kernels);
  for (int64_t columns :
       {int64_t(3), int64_t(8), int64_t(41), int64_t(64), draw(1, 200)})
    for (int64_t pitch : {columns, columns + 1, (columns + 9) / 8 * 8}) {
      int64_t items = draw(1, 4), rows = draw(2, 9);
      // Every item begins at a whole vector.
      int64_t distance = (rows * pitch + 15) / 16 * 16;
      SCOPED_TRACE(llvm::formatv("{0} x {1} x {2}, rows {3} apart", items, rows,
                                 columns, pitch)
                       .str());
      std::vector<float> x(items * distance + 16, kGuard), y = x;
      std::vector<bool> used(x.size());
      std::normal_distribution<float> normal;
      auto at = [&](int64_t i, int64_t r, int64_t j) {
        return i * distance + r * pitch + j;
      };
      for (int64_t i = 0; i < items; ++i)
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t j = 0; j < columns; ++j) {
            x[at(i, r, j)] = normal(random);
            used[at(i, r, j)] = true;
          }
      auto slot = [&](std::vector<float> &data) {
        return Argument(data.data(), {items, rows, columns},
                        {distance, pitch, 1});
      };
      ASSERT_TRUE(kernels->run("f", {slot(x), slot(y)}, draw(1, 99)));
      for (size_t i = 0; i < y.size(); ++i)
        ASSERT_TRUE(used[i] || y[i] == kGuard)
            << "wrote between rows, at " << i;
      for (int64_t i = 0; i < items; ++i) {
        double sum = 0;
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t j = 0; j < columns; ++j)
            sum += x[at(i, r, j)];
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t j = 0; j < columns; ++j)
            ASSERT_NEAR(y[at(i, r, j)], x[at(i, r, j)] + sum, 1e-4);
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
