//===- ScheduleTest.cpp - the choice of blocks ----------------------------===//
#include "compiler/kernels/Schedule.h"
#include "mlir/IR/MLIRContext.h"
#include <gtest/gtest.h>
#include <limits>

using namespace attune;
using namespace attune::kernels;
using nn::DimAttr;

namespace {

class GpuBlocks : public ::testing::Test {
protected:
  GpuBlocks() { context.loadDialect<nn::NNDialect>(); }

  /// Of products of S rows, S at most `most`.
  llvm::SmallVector<ContractionBlocks> choose(int64_t columns, int64_t depth,
                                              int64_t most = kAny,
                                              int64_t elementBytes = 2,
                                              bool tf32 = false,
                                              bool lhsAlongRows = false) {
    auto constant = [&](int64_t value) {
      return DimAttr::constant(&context, value);
    };
    return chooseContractionBlocks(
        *MachineModel::get("sm_80"),
        {{DimAttr::symbol(&context, "S"), constant(columns), constant(depth),
          constant(1)},
         {most, columns, depth, 1},
         elementBytes,
         tf32,
         lhsAlongRows,
         /*packed=*/false});
  }
  /// The one that the runtime takes.
  static ContractionBlocks cheapest(llvm::ArrayRef<ContractionBlocks> all,
                                    int64_t rows) {
    llvm::StringMap<int64_t> symbols;
    symbols["S"] = rows;
    return *llvm::min_element(
        all, [&](const ContractionBlocks &a, const ContractionBlocks &b) {
          return *a.cost.evaluate(symbols) < *b.cost.evaluate(symbols);
        });
  }

  static constexpr int64_t kAny = std::numeric_limits<int64_t>::max();
  mlir::MLIRContext context;
};

TEST_F(GpuBlocks, FewerRowsHaveSmallerBlocks) {
  auto all = choose(768, 3072);
  EXPECT_GT(all.size(), 2u);
  EXPECT_LE(all.size(), 8u);
  int64_t last = 0;
  for (int64_t rows : {1, 128, 1024, 1 << 20}) {
    ContractionBlocks best = cheapest(all, rows);
    EXPECT_GE(best.rows * best.columns, last) << rows << " rows";
    last = best.rows * best.columns;
  }
  // Two blocks of 128 columns are a whole multiprocessor's work.
  EXPECT_GE(last, 128 * 128);
  EXPECT_LE(cheapest(all, 1).rows, 16);
  // 1024 rows of GPT-2: no less than 96 blocks for 132 multiprocessors.
  ContractionBlocks gpt2 = cheapest(all, 1024);
  EXPECT_LE(gpt2.rows * gpt2.columns, 64 * 128);
  EXPECT_GE(gpt2.rows * gpt2.columns, 64 * 64);
}

TEST_F(GpuBlocks, TheFirstIsForManyRows) {
  for (auto [columns, depth] :
       {std::pair(768, 768), {50257, 768}, {4096, 4096}, {64, 64}, {1, 1}}) {
    auto all = choose(columns, depth);
    ContractionBlocks best = cheapest(all, 1 << 20);
    EXPECT_EQ(all.front().rows, best.rows);
    EXPECT_EQ(all.front().columns, best.columns);
  }
}

TEST_F(GpuBlocks, NoneIsForMoreRowsThanThereMayBe) {
  auto all = choose(768, 768, /*most=*/16);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_LE(all.front().rows, 16);
}

/// Its arithmetic is a third of that of f32, and so are its registers of
/// fragments: it has the blocks of f16, half as deep.
TEST_F(GpuBlocks, Tf32HasTheBlocksOfHalfPrecision) {
  ContractionBlocks half = choose(4096, 4096).front(),
                    tf32 = choose(4096, 2048, kAny, 4, true).front(),
                    f32 = choose(4096, 2048, kAny, 4).front();
  EXPECT_EQ(tf32.rows, half.rows);
  EXPECT_EQ(tf32.columns, half.columns);
  EXPECT_EQ(tf32.depth, half.depth / 2);
  EXPECT_GT(tf32.rows * tf32.columns, f32.rows * f32.columns);
}

/// Fragments of rows that are contiguous take more registers.
TEST_F(GpuBlocks, FewerSumsFitBesideRowsOfF32) {
  for (auto [tf32, most] : {std::pair(true, 128 * 128), {false, 128 * 64}})
    for (const ContractionBlocks &blocks :
         choose(4096, 4096, kAny, 4, tf32, /*lhsAlongRows=*/true))
      EXPECT_LE(blocks.rows * blocks.columns, most);
  EXPECT_EQ(choose(4096, 4096, kAny, 2, false, true).front().columns, 256);
}

TEST_F(GpuBlocks, CostsAreOfAnyDims) {
  llvm::StringMap<int64_t> symbols;
  for (int64_t rows : {int64_t(0), int64_t(1), int64_t(1) << 31}) {
    symbols["S"] = rows;
    for (const ContractionBlocks &blocks : choose(50257, 131072))
      EXPECT_TRUE(blocks.cost.evaluate(symbols)) << rows;
  }
}

/// X^T dY of a linear layer: `rows` features of X, `columns` of dY, over
/// `depth` positions.
class WeightGradient : public ::testing::Test {
protected:
  WeightGradient() { context.loadDialect<nn::NNDialect>(); }
  ContractionBlocks choose(int64_t rows, int64_t depth, int64_t columns,
                           bool lhsAlongRows = true) {
    auto constant = [&](int64_t value) {
      return DimAttr::constant(&context, value);
    };
    return chooseContractionBlocks(*MachineModel::get("x86-64-v3"),
                                   {{constant(rows), constant(columns),
                                     constant(depth), constant(1)},
                                    {rows, columns, depth, 1},
                                    /*elementBytes=*/4,
                                    /*tf32=*/false,
                                    lhsAlongRows,
                                    /*packed=*/false})
        .front();
  }
  mlir::MLIRContext context;
};

TEST_F(WeightGradient, PacksALeftOperandThatLeavesTheCache) {
  EXPECT_TRUE(choose(1024, 1024, 1024).rowsOutermost);
  EXPECT_FALSE(choose(1024, 1024, 1024, /*lhsAlongRows=*/false).rowsOutermost);
  EXPECT_FALSE(choose(64, 1024, 1024).rowsOutermost) << "it stays in L2";
  EXPECT_FALSE(choose(1024, 1024, 64).rowsOutermost) << "it is read once";
}

TEST_F(WeightGradient, KeepsWhatAWorkerPacksSmall) {
  for (int64_t depth : {16, 1024, 8192}) {
    ContractionBlocks blocks = choose(3072, depth, 768);
    EXPECT_LE(blocks.rows * depth * 4, 4 << 20) << depth;
    EXPECT_GE(blocks.rows, 96) << depth;
  }
}

} // namespace
