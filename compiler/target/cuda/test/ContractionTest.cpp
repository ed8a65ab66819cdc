//===- ContractionTest.cpp - GEMM kernels against double precision --------===//
//
// Runs the PTX on the GPU emulator, which reports races, reads of what nobody
// wrote and accesses beyond a buffer. Shapes are drawn from a printed seed
// (ATTUNE_TEST_SEED repeats one): both orientations of both operands, any
// strides, tails on and off every block, run-time extents and static ones,
// batches, epilogues. What lies between rows is NaN in operands, and a guard in
// results that must keep its value.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/testing/Draws.h"
#include "compiler/target/common/testing/TypedBuffer.h"
#include "compiler/target/cuda/testing/SimulatedKernels.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

using namespace attune;
using namespace attune::target::cuda;
using namespace attune::target::cuda::testing;
using namespace attune::target::common::testing;

namespace {

/// How an operand or result lies in memory, seen as [outer, inner].
/// Heads: batches lie side by side in a row. Overlapping: rows begin 8 elements
/// after each other, as those of a convolution's windows do.
enum class Layout { InnerUnit, OuterUnit, Strided, Heads, Overlapping };

/// Matrices in memory, one for each batch.
struct Matrix {
  Matrix(Scalar type, int64_t batch, int64_t rows, int64_t columns,
         Layout layout, int64_t pad)
      : batch(batch), rows(rows), columns(columns), layout(layout) {
    bool inner = layout != Layout::OuterUnit;
    bool heads = layout == Layout::Heads;
    int64_t unit = layout == Layout::Strided ? 3 : heads ? batch : 1;
    int64_t pitch = unit * (inner ? columns : rows) + pad;
    if (layout == Layout::Overlapping)
      pitch = 8;
    rowStride = inner ? pitch : 1;
    columnStride = layout == Layout::Strided ? 3 : inner ? 1 : pitch;
    batchStride = heads ? columns : pitch * (inner ? rows : columns);
    int64_t size = heads ? pitch * rows : batch * batchStride;
    if (layout == Layout::Overlapping)
      size = pitch * (rows - 1) + columns;
    data = TypedBuffer(type, std::max<int64_t>(1, size), NAN);
  }
  int64_t place(int64_t b, int64_t i, int64_t j) const {
    return b * batchStride + i * rowStride + j * columnStride;
  }
  double at(int64_t b, int64_t i, int64_t j) const {
    return data.get(place(b, i, j));
  }
  void fill(std::mt19937 &random) {
    std::normal_distribution<float> normal;
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j)
          data.set(place(b, i, j), normal(random));
  }
  /// What was NaN and belongs to no element still is.
  bool guardsHold() const {
    std::vector<bool> used(data.size());
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j)
          used[place(b, i, j)] = true;
    for (int64_t i = 0; i < data.size(); ++i)
      if (!used[i] && !std::isnan(data.get(i)))
        return false;
    return true;
  }
  /// The memref: a batch, then [rows, columns], or the other way round.
  Argument argument(bool transposed) {
    std::vector<int64_t> sizes{batch, rows, columns},
        strides{batchStride, rowStride, columnStride};
    if (transposed) {
      std::swap(sizes[1], sizes[2]);
      std::swap(strides[1], strides[2]);
    }
    return Argument(data.bytes(), sizes, strides);
  }
  /// Extents and strides of the memref are run-time values, but for units.
  std::string type(bool transposed, bool isStatic) const {
    auto text = [&](int64_t value) {
      return isStatic ? std::to_string(value) : std::string("?");
    };
    std::string row = layout == Layout::OuterUnit ? "1" : text(rowStride);
    std::string column = columnStride == 1 && layout != Layout::OuterUnit
                             ? "1"
                             : text(columnStride);
    std::string first = text(rows), second = text(columns);
    if (transposed) {
      std::swap(row, column);
      std::swap(first, second);
    }
    return llvm::formatv("memref<?x{0}x{1}x{2}, strided<[{3}, {4}, {5}]>>",
                         first, second, nameOf(data.type), text(batchStride),
                         row, column);
  }

  int64_t batch, rows, columns;
  Layout layout;
  int64_t rowStride, columnStride, batchStride;
  TypedBuffer data;
};

struct Case {
  int64_t m, n, k;
  int64_t blockM = 64, blockN = 64, blockK = 32;
  Scalar in = Scalar::F16, out = Scalar::F32;
  bool tf32 = false;
  Layout lhs = Layout::InnerUnit, rhs = Layout::OuterUnit; ///< k is unit
  Layout result = Layout::InnerUnit;
  bool transLhs = false, transRhs = false; ///< memrefs list k first, or last
  bool transResult = false;                ///< the memref is [columns, rows]
  bool isStatic = false;
  bool epilogue = false; ///< bias, gelu, residual in place
  int64_t batch = 1;
  int64_t pad = 0;      ///< elements between rows
  int64_t offset = 0;   ///< bytes by which all buffers miss their alignment
  bool rowsLast = true; ///< the order of the grid
  int64_t biasFrom = 0; ///< elements of its buffer before the bias

  std::string text() const {
    return llvm::formatv(
        "m={0} n={1} k={2} blocks {3}x{4}x{5} {6}->{7} layouts {8} {9} {10} "
        "trans {11} {12} {13} static={14} epilogue={15} batch={16} pad={17} "
        "offset={18} rowsLast={19}",
        m, n, k, blockM, blockN, blockK, tf32 ? "tf32" : nameOf(in),
        nameOf(out), int(lhs), int(rhs), int(result), transLhs, transRhs,
        transResult, isStatic, epilogue, batch, pad, offset, rowsLast);
  }
};

/// Everything of a case in memory.
struct Problem {
  Case c;
  Matrix lhs, rhs, result;
  TypedBuffer bias;

  explicit Problem(const Case &c)
      : c(c), lhs(c.in, c.batch, c.m, c.k, c.lhs, c.pad),
        rhs(c.in, c.batch, c.k, c.n, c.rhs, c.pad),
        result(c.out, c.batch, c.m, c.n, c.result, c.pad),
        bias(Scalar::F32, c.biasFrom + c.n, 0.0) {}

  std::string text() const;
  double expected(const Matrix &before, int64_t b, int64_t i, int64_t j) const;
};

} // namespace

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

/// y = gelu(a b + bias) + y, or y = a b.
std::string Problem::text() const {
  std::string a = lhs.type(c.transLhs, c.isStatic),
              b = rhs.type(c.transRhs, c.isStatic),
              y = result.type(c.transResult, c.isStatic);
  std::string block = llvm::formatv("tensor<{0}x{1}xf32>", c.blockM, c.blockN);
  auto blockOf = [](int64_t rows, int64_t columns, Scalar type) {
    return llvm::formatv("tensor<{0}x{1}x{2}>", rows, columns, nameOf(type))
        .str();
  };
  std::string aBlock = c.transLhs ? blockOf(c.blockK, c.blockM, c.in)
                                  : blockOf(c.blockM, c.blockK, c.in),
              bBlock = c.transRhs ? blockOf(c.blockN, c.blockK, c.in)
                                  : blockOf(c.blockK, c.blockN, c.in),
              yBlock = c.transResult ? blockOf(c.blockN, c.blockM, c.out)
                                     : blockOf(c.blockM, c.blockN, c.out);
  std::string i = llvm::formatv("%i by {0}", c.blockM),
              j = llvm::formatv("%j by {0}", c.blockN),
              d = llvm::formatv("%d by {0}", c.blockK);
  std::string yAt = c.transResult ? j + ", " + i : i + ", " + j;
  std::string text = llvm::formatv(
      R"(tile.kernel contraction @f(%a: {0}, %b: {1}, %bias: memref<?xf32>, %y: {2}) {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %batch = memref.dim %a, %c0 : {0}
      %m = memref.dim %a, %c{3} : {0}
      %k = memref.dim %a, %c{4} : {0}
      %n = memref.dim %b, %c{5} : {1}
)",
      a, b, y, c.transLhs ? 2 : 1, c.transLhs ? 1 : 2, c.transRhs ? 1 : 2);
  text += c.rowsLast ? llvm::formatv("tile.parallel (%q, %j, %i) in (%batch, "
                                     "%n by {0}, %m by {1}) {{\n",
                                     c.blockN, c.blockM)
                           .str()
                     : llvm::formatv("tile.parallel (%q, %i, %j) in (%batch, "
                                     "%m by {1}, %n by {0}) {{\n",
                                     c.blockN, c.blockM)
                           .str();
  if (c.epilogue)
    text += llvm::formatv(R"(
        %b0 = tile.load %bias[{0}] : memref<?xf32> -> tensor<{1}xf32>
        %start = tile.broadcast %b0 axes [1] : tensor<{1}xf32> -> {2}
)",
                          j, c.blockN, block);
  else
    text += llvm::formatv("        %start = arith.constant dense<0.0> : {0}\n",
                          block);
  text += llvm::formatv(
      R"(
        %sum = tile.for %d in (%c0 to %k by {0}) iter(%acc = %start) : {1} {{
          %x = tile.load %a[%q, {2}] : {3} -> {4}
          %z = tile.load %b[%q, {5}] : {6} -> {7}
          %p = tile.dot %x, %z, %acc {8} {9} {10} : {4}, {7} -> {1}
          tile.yield %p : {1}
        }
)",
      c.blockK, block, c.transLhs ? d + ", " + i : i + ", " + d, a, aBlock,
      c.transRhs ? j + ", " + d : d + ", " + j, b, bBlock,
      c.transLhs ? "trans_lhs" : "", c.transRhs ? "trans_rhs" : "",
      c.tf32 ? "tf32" : "");
  std::string value = "%sum";
  if (c.epilogue) {
    text += llvm::formatv(R"(
        %rsqrt2 = arith.constant dense<0.707106769> : {0}
        %half = arith.constant dense<0.5> : {0}
        %one = arith.constant dense<1.0> : {0}
        %scaled = arith.mulf %sum, %rsqrt2 : {0}
        %erf = math.erf %scaled : {0}
        %erf1 = arith.addf %erf, %one : {0}
        %h = arith.mulf %sum, %half : {0}
        %gelu = arith.mulf %h, %erf1 : {0}
)",
                          block);
    value = "%gelu";
  }
  std::string wide =
      c.transResult ? blockOf(c.blockN, c.blockM, Scalar::F32) : block;
  if (c.transResult) {
    text +=
        llvm::formatv("        %t = tile.transpose {0} [1, 0] : {1} -> {2}\n",
                      value, block, wide);
    value = "%t";
  }
  if (c.epilogue) {
    std::string before = "%r0";
    text += llvm::formatv("        %r0 = tile.load %y[%q, {0}] : {1} -> {2}\n",
                          yAt, y, yBlock);
    if (c.out != Scalar::F32) {
      text += llvm::formatv("        %r1 = arith.extf %r0 : {0} to {1}\n",
                            yBlock, wide);
      before = "%r1";
    }
    text += llvm::formatv("        %e = arith.addf {0}, {1} : {2}\n", value,
                          before, wide);
    value = "%e";
  }
  if (c.out != Scalar::F32) {
    text += llvm::formatv("        %o = arith.truncf {0} : {1} to {2}\n", value,
                          wide, yBlock);
    value = "%o";
  }
  return text +
         llvm::formatv("        tile.store {0}, %y[%q, {1}] : {2} -> {3}\n"
                       "      }\n    }\n",
                       value, yAt, yBlock, y)
             .str();
}

//===----------------------------------------------------------------------===//
// The check
//===----------------------------------------------------------------------===//

double Problem::expected(const Matrix &before, int64_t b, int64_t i,
                         int64_t j) const {
  double sum = c.epilogue ? bias.get(c.biasFrom + j) : 0.0;
  for (int64_t k = 0; k < c.k; ++k) {
    double x = lhs.at(b, i, k), y = rhs.at(b, k, j);
    sum += c.tf32 ? roundedToTf32(x) * roundedToTf32(y) : x * y;
  }
  if (!c.epilogue)
    return sum;
  return sum / 2 * (1 + std::erf(sum / std::sqrt(2.0))) + before.at(b, i, j);
}

/// Units in the last place of the type of the result; and of sums in f32, which
/// the emulated tensor core cuts and does not round.
static double tolerance(const Case &c) {
  double sums = 4e-7 * std::sqrt(double(c.k) + 1);
  double rounding = c.out == Scalar::F32   ? 0.0
                    : c.out == Scalar::F16 ? 6e-4
                                           : 5e-3;
  return sums + rounding;
}

/// The greatest difference from what is expected, and the greatest of that.
static std::pair<double, double> run(Problem &problem, const std::string &text,
                                     std::mt19937 &random) {
  const Case &c = problem.c;
  auto kernels = SimulatedKernels::compile(text);
  EXPECT_TRUE(kernels) << text;
  if (!kernels)
    return {NAN, 0};
  problem.lhs.fill(random);
  problem.rhs.fill(random);
  problem.result.fill(random);
  for (int64_t j = 0; j < c.n; ++j)
    problem.bias.set(c.biasFrom + j, std::normal_distribution<float>()(random));
  Matrix before = problem.result;
  gpusim::Report report = kernels->run(
      "f",
      {problem.lhs.argument(c.transLhs), problem.rhs.argument(c.transRhs),
       Argument(problem.bias.bytes(c.biasFrom), {c.n}),
       problem.result.argument(c.transResult)},
      random(), c.offset);
  EXPECT_TRUE(report.ok()) << report.text();
  EXPECT_TRUE(problem.result.guardsHold());
  double worst = 0, largest = 1e-30;
  for (int64_t b = 0; b < c.batch; ++b)
    for (int64_t i = 0; i < c.m; ++i)
      for (int64_t j = 0; j < c.n; ++j) {
        double want = problem.expected(before, b, i, j),
               got = problem.result.at(b, i, j);
        worst =
            std::isnan(got) ? INFINITY : std::max(worst, std::abs(want - got));
        largest = std::max(largest, std::abs(want));
      }
  return {worst, largest};
}

static void check(Problem &problem, const std::string &text,
                  std::mt19937 &random) {
  SCOPED_TRACE(problem.c.text());
  auto [worst, largest] = run(problem, text, random);
  EXPECT_LE(worst, tolerance(problem.c) * largest);
}

static void check(const Case &c, std::mt19937 &random) {
  Problem problem(c);
  check(problem, problem.text(), random);
}

namespace {

class CudaContraction : public ::testing::Test, protected Draws {
protected:
};

constexpr Scalar kTypes[] = {Scalar::F16, Scalar::BF16, Scalar::F32};
/// With tf32 or without.
constexpr std::pair<Scalar, bool> kPrecisions[] = {{Scalar::F16, false},
                                                   {Scalar::BF16, false},
                                                   {Scalar::F32, true},
                                                   {Scalar::F32, false}};
constexpr Layout kUnits[] = {Layout::InnerUnit, Layout::OuterUnit};

/// Every orientation of both operands in every type, with all extents in whole
/// chunks: the main loop, what it leaves, and tails of blocks.
TEST_F(CudaContraction, Orientations) {
  for (auto [type, tf32] : kPrecisions)
    for (Layout lhs : kUnits)
      for (Layout rhs : kUnits) {
        Case c{8 * draw(9, 12), 8 * draw(9, 12), 8 * draw(17, 22)};
        c.in = type, c.tf32 = tf32;
        c.lhs = lhs, c.rhs = rhs, c.isStatic = draw(0, 1);
        check(c, random);
      }
}

/// Rows begin at whole chunks and end anywhere.
TEST_F(CudaContraction, TailsInsideChunks) {
  for (auto [type, tf32] : kPrecisions)
    for (Layout rhs : kUnits) {
      Case c{draw(3, 70), draw(3, 70), draw(130, 200)};
      c.tf32 = tf32;
      // The pitch of every matrix is its inner extent and this.
      c.k = c.k / 8 * 8 + 3, c.m = c.m / 8 * 8 + 3, c.n = c.n / 8 * 8 + 3;
      c.pad = 5;
      c.in = type, c.lhs = Layout::OuterUnit, c.rhs = rhs;
      c.epilogue = draw(0, 1), c.isStatic = draw(0, 1);
      check(c, random);
    }
}

/// A bias between two vectors beside a result on one.
TEST_F(CudaContraction, UnalignedBias) {
  for (Scalar type : kTypes) {
    Case c{64, 64, 64};
    c.in = c.out = type, c.isStatic = true;
    c.epilogue = true, c.biasFrom = 1;
    check(c, random);
  }
}

/// Nothing that could be copied in chunks, by its strides or by its address.
TEST_F(CudaContraction, Unaligned) {
  for (auto [type, tf32] : kPrecisions)
    for (Layout layout : kUnits) {
      Case c{draw(3, 70), draw(3, 70), draw(65, 100)};
      c.tf32 = tf32;
      c.in = c.out = type, c.lhs = layout, c.rhs = layout;
      c.pad = 1 + 2 * draw(0, 3), c.epilogue = draw(0, 1);
      check(c, random);
      Case shifted{64, 64, 128};
      shifted.in = shifted.out = type, shifted.lhs = layout;
      shifted.isStatic = true, shifted.offset = type == Scalar::F32 ? 4 : 2;
      check(shifted, random);
    }
}

TEST_F(CudaContraction, AnyStridesAndFlags) {
  for (int64_t flags = 0; flags < 8; ++flags) {
    Case c{draw(30, 70), draw(30, 70), 8 * draw(5, 9)};
    c.transLhs = flags & 1, c.transRhs = flags & 2, c.transResult = flags & 4;
    c.lhs = kUnits[draw(0, 1)], c.rhs = kUnits[draw(0, 1)];
    c.result = kUnits[draw(0, 1)], c.epilogue = draw(0, 1);
    check(c, random);
  }
  for (int64_t strided = 0; strided < 3; ++strided) {
    Case c{draw(30, 70), draw(30, 70), draw(30, 70)};
    (strided == 0 ? c.lhs : strided == 1 ? c.rhs : c.result) = Layout::Strided;
    check(c, random);
  }
}

/// The last chunk of a row does not end where the next row begins; that of the
/// last row, which is part of a whole stage, ends beyond the buffer.
TEST_F(CudaContraction, OverlappingRows) {
  for (bool transposed : {false, true}) {
    Case c{32, 8 * draw(3, 7) + draw(1, 7), 32 * draw(6, 8)};
    c.rhs = Layout::Overlapping;
    c.blockN = 64;
    if (transposed) {
      std::swap(c.m, c.n);
      c.lhs = Layout::Overlapping, c.rhs = Layout::InnerUnit;
    }
    check(c, random);
  }
}

/// A result whose rows are contiguous, in whole vectors.
TEST_F(CudaContraction, TransposedResults) {
  for (Scalar type : {Scalar::F16, Scalar::F32}) {
    Case c{8 * draw(9, 14), draw(65, 100), 64};
    c.out = type, c.result = Layout::OuterUnit, c.epilogue = true;
    check(c, random);
  }
}

TEST_F(CudaContraction, Epilogues) {
  for (auto [in, tf32] : kPrecisions)
    for (Scalar out : kTypes) {
      Case c{draw(30, 100), 8 * draw(4, 12), 32 * draw(1, 3)};
      c.in = in, c.tf32 = tf32, c.out = out, c.epilogue = true,
      c.isStatic = draw(0, 1);
      check(c, random);
    }
}

TEST_F(CudaContraction, BatchesAndHeads) {
  for (Layout layout : {Layout::InnerUnit, Layout::Heads}) {
    Case c{draw(65, 100), draw(17, 64), 8 * draw(3, 9)};
    c.batch = 3, c.lhs = layout, c.result = layout, c.rowsLast = false;
    c.rhs = Layout::OuterUnit;
    c.out = Scalar::F16;
    check(c, random);
  }
}

/// The blocks of compiler/kernels and others, among them such as are no whole
/// fragments, and steps of k that are no stage.
TEST_F(CudaContraction, Blocks) {
  struct Block {
    int64_t m, n, k;
  };
  for (Block block : {Block{128, 128, 32},
                      {128, 256, 32},
                      {256, 128, 32},
                      {128, 128, 64},
                      {64, 128, 64},
                      {64, 64, 64},
                      {32, 64, 64},
                      {16, 64, 64},
                      {16, 128, 64},
                      {192, 48, 768},
                      {20, 24, 48},
                      {8, 8, 8}}) {
    Case c{draw(1, block.m), draw(1, block.n) + block.n / 2, 8 * draw(1, 30)};
    c.blockM = block.m, c.blockN = block.n, c.blockK = block.k;
    c.rhs = kUnits[draw(0, 1)], c.rowsLast = draw(0, 1);
    c.isStatic = draw(0, 1);
    check(c, random);
  }
  Case f32{100, 130, 100};
  f32.blockM = f32.blockN = 128, f32.blockK = 16, f32.in = Scalar::F32;
  check(f32, random);
  Case tf32{100, 300, 8 * draw(4, 20)};
  tf32.blockM = 128, tf32.blockN = 256, tf32.blockK = 16;
  tf32.in = Scalar::F32, tf32.tf32 = true, tf32.rhs = kUnits[draw(0, 1)];
  check(tf32, random);
}

/// The checks above say that nothing but its operands is rounded; here is that
/// these are: by 2^-11 each, which errors of f32 are a hundredth of.
TEST_F(CudaContraction, Tf32HasElevenBits) {
  Case c{70, 60, 128};
  c.in = Scalar::F32, c.tf32 = true;
  Problem problem(c);
  std::string text = problem.text();
  problem.c.tf32 = false; // as it is judged
  auto [error, largest] = run(problem, text, random);
  EXPECT_GT(error, 3e-5 * largest);
  EXPECT_LT(error, 0x1p-10 * largest);
}

/// More row blocks than stand side by side in the order of the grid.
TEST_F(CudaContraction, ManyBlocks) {
  for (bool rowsLast : {false, true}) {
    Case c{16 * 11 - 3, 16 * 3 - 5, 16};
    c.blockM = c.blockN = c.blockK = 16, c.rowsLast = rowsLast;
    check(c, random);
  }
}

/// Sums of half precision are f32 until they are rounded once.
TEST_F(CudaContraction, SumsOfHalfPrecision) {
  Case c{40, 40, 64};
  c.out = Scalar::F16;
  Problem problem(c);
  std::string text = problem.text();
  auto replaceAll = [&](const std::string &from, const std::string &to) {
    for (size_t at; (at = text.find(from)) != std::string::npos;)
      text.replace(at, from.size(), to);
  };
  replaceAll("        %o = arith.truncf %sum : tensor<64x64xf32> to "
             "tensor<64x64xf16>\n",
             "");
  replaceAll("tile.store %o", "tile.store %sum");
  replaceAll("tensor<64x64xf32>", "tensor<64x64xf16>");
  check(problem, text, random);
}

TEST_F(CudaContraction, WhatHasNoCodeIsAnError) {
  auto complaint = [](const std::string &text) {
    ::testing::internal::CaptureStderr();
    EXPECT_FALSE(SimulatedKernels::compile(text));
    return ::testing::internal::GetCapturedStderr();
  };
  Case large{8, 8, 8};
  large.blockM = large.blockN = 256;
  EXPECT_THAT(complaint(Problem(large).text()),
              ::testing::HasSubstr("has a block of 256 x 256, which is more "
                                   "than the registers of 8 warps hold"));
  std::string text = Problem(Case{8, 8, 8}).text();
  for (size_t at; (at = text.find("f16")) != std::string::npos;)
    text.replace(at, 3, "f64");
  EXPECT_THAT(complaint(text),
              ::testing::HasSubstr("expected two operands of f16, of bf16 or "
                                   "of f32: other types have no contraction"));
}

TEST_F(CudaContraction, AnEmptySumIsTheStartValue) {
  Case c{7, 20, 0};
  c.epilogue = true;
  check(c, random);
}

} // namespace
