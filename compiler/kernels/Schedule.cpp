// The choice of blocks. Those of CPUs were measured on Zen 3 (AVX2) and Cascade
// Lake (AVX-512); what decided stands beside each figure.
#include "compiler/kernels/Schedule.h"

#include "llvm/Support/MathExtras.h"

namespace attune::kernels {

using nn::DimAttr;

// Columns of a block: three panels. Wider blocks of B leave L1 (-1 to -4
// points).
static constexpr int64_t kColumnPanels = 3;
// A k block of 768 keeps a row tile of A in L1 and a block of B (147 KB) in L2;
// 384 costs 1.3 points, 3072 costs 3.4.
static constexpr int64_t kDepth = 768;
// Rows of a block: a multiple of every machine's row tile (2, 6, 8). A block
// reads its weights anew, so the 197 rows of a ViT are better one block than
// two
// (+1.5 points); a block's rows of one k block (1.2 MB) stream from L3 under
// the FMAs.
static constexpr int64_t kRows = 384;
// A task should be this much work or traffic, tens of microseconds.
static constexpr int64_t kTaskFlops = 4 << 20;
static constexpr int64_t kTaskBytes = 256 << 10;

// The smallest block of at most `most`, in multiples of `unit`, with which
// `extent` falls into as few blocks as with `most`: 3072 by 768, 1000 by 500.
static int64_t balanced(std::optional<int64_t> extent, int64_t most,
                        int64_t unit) {
  if (!extent)
    return most;
  int64_t count = std::max<int64_t>(1, llvm::divideCeil(*extent, most));
  int64_t even = llvm::divideCeil(std::max<int64_t>(*extent, 1), count);
  return std::min<int64_t>(most, llvm::alignTo(even, unit));
}

static int64_t chooseColumns(const MachineModel &machine,
                             std::optional<int64_t> columns) {
  int64_t width = machine.panelWidth;
  int64_t most = kColumnPanels * width;
  // One block of four panels beats a block of three and one of one.
  if (columns && *columns <= (kColumnPanels + 1) * width)
    return std::max<int64_t>(width, llvm::alignTo(*columns, width));
  return most;
}

static ContractionBlocks chooseCoreBlocks(const MachineModel &machine,
                                          const ContractionShape &shape) {
  ContractionBlocks blocks;
  std::optional<int64_t> height = shape.rows.getConstant();
  // Fewer rows than a register tile are a block of just those.
  int64_t unit = height && *height < machine.rowTile ? 1 : machine.rowTile;
  blocks.rows = balanced(height, kRows, unit);
  blocks.columns = chooseColumns(machine, shape.columns.getConstant());
  // A short k is one block of just that extent.
  std::optional<int64_t> length = shape.depth.getConstant();
  blocks.depth = length && *length <= kDepth ? std::max<int64_t>(*length, 1)
                                             : balanced(length, kDepth, 16);
  blocks.rowsOutermost = shape.packed;

  int64_t k = length.value_or(kDepth);
  int64_t flops = std::max<int64_t>(1, 2 * blocks.rows * blocks.columns * k);
  int64_t bytes = std::max<int64_t>(1, blocks.columns * k * 4);
  blocks.grain =
      std::max<int64_t>(1, std::min(kTaskFlops / flops, kTaskBytes / bytes));
  return blocks;
}

// Blocks of a GPU. What one does in a time t is
//
//   t * rate / (1 + overhead / k)
//
// of what the tensor cores can: `rate` is what its main loop reaches,
// `overhead` the k in whose time it begins and ends. Measured on an H200, f16
// (TFLOP/s):
//
//   128 x 256   473 at k = 4096
//   128 x 128   451 at k = 4096, 114 at k = 64
//    64 x 128                    138 at k = 64
//
// The first is alone on its multiprocessor, so that nothing else hides its
// beginning and end; its overhead is taken to be twice that of two who share
// one. All lower rates are estimates, by what the warps read from shared memory
// for each product.
struct GpuBlock {
  int64_t rows, columns;
  double rate, overhead;
};
static constexpr GpuBlock kGpuBlocks[] = {
    {128, 256, 1.10, 400}, {128, 128, 1.00, 200}, {64, 128, 0.80, 110},
    {128, 64, 0.80, 110},  {64, 64, 0.65, 90},    {32, 128, 0.55, 60},
    {32, 64, 0.45, 60},    {16, 128, 0.35, 60},   {16, 64, 0.30, 60},
    {16, 32, 0.20, 60},
};
// f32 fills the registers with half as many sums, for its fragments are there
// twice. Its three products of tf32 take six times as long for each k.
static constexpr int64_t kGpuMostF32 = 128 * 128;
static constexpr double kGpuSlowerF32 = 6;
// k of a stage, in bytes: 64 where a stage is large, so that four fit beside
// another block's; 128, a whole turn of the banks, where it is small.
static constexpr int64_t kGpuDepthBytes = 64, kGpuSmallDepthBytes = 128;
static constexpr int64_t kGpuSmallBlock = 64 * 128;
// A run-time extent counts as this: so many that the last blocks matter little.
static constexpr int64_t kGpuMany = 1 << 20;

// The block with which the multiprocessor that has most of them is done first.
static ContractionBlocks chooseGpuBlocks(const MachineModel &machine,
                                         const ContractionShape &shape) {
  auto extent = [](DimAttr dim) {
    return std::max<int64_t>(1, dim.getConstant().value_or(kGpuMany));
  };
  const GpuBlock *best = nullptr;
  double least = 0;
  bool isF32 = shape.elementBytes == 4;
  double k = double(extent(shape.depth)) * (isF32 ? kGpuSlowerF32 : 1);
  for (const GpuBlock &block : kGpuBlocks) {
    if (isF32 && block.rows * block.columns > kGpuMostF32)
      continue;
    int64_t count = llvm::divideCeil(extent(shape.rows), block.rows) *
                    llvm::divideCeil(extent(shape.columns), block.columns) *
                    extent(shape.batches);
    int64_t most = llvm::divideCeil(count, machine.multiprocessors);
    double time = double(most * block.rows * block.columns) *
                  (k + block.overhead) / block.rate;
    if (!best || time < least)
      best = &block, least = time;
  }
  bool isSmall = best->rows * best->columns < kGpuSmallBlock;
  int64_t bytes = isSmall ? kGpuSmallDepthBytes : kGpuDepthBytes;
  return {best->rows, best->columns, bytes / shape.elementBytes,
          /*rowsOutermost=*/true, /*grain=*/1};
}

ContractionBlocks chooseContractionBlocks(const MachineModel &machine,
                                          const ContractionShape &shape) {
  return machine.isGpu ? chooseGpuBlocks(machine, shape)
                       : chooseCoreBlocks(machine, shape);
}

// Queries of a work item: a multiple of every machine's row tile.
static constexpr int64_t kQueries = 48;
// Keys of a block: K and V of a block (128 KB at a head size of 64) stay in L2,
// the scores of a row tile in L1. 512 is equal within noise, 128 costs 1 point.
static constexpr int64_t kMostKeys = 512, kFewestKeys = 64;

// The largest blocks whose fragments, sums and scores stay in the registers of
// four warps: a row of a warp's tile holds keys / 8 + size / 8 pairs of sums
// for each half, and f32 operands take twice the registers. Of those, size 64
// spills with 32 keys: ptxas then aims at three blocks.
static AttentionBlocks chooseGpuAttentionBlocks(std::optional<int64_t> queries,
                                                std::optional<int64_t> keys,
                                                int64_t size, bool half) {
  bool isLong = size <= 64 && (half || size > 32);
  AttentionBlocks blocks = {64, isLong ? 64 : 32};
  if (half && size <= 128)
    blocks.queries = 128;
  if (!half && size > 192) // or they would not fit 99 KB beside keys and values
    blocks.queries = 32;
  // Short extents are one block; four warps of 16 rows, tiles of 16 keys.
  auto shorten = [](int64_t &block, std::optional<int64_t> extent,
                    int64_t unit) {
    if (extent)
      block = std::min<int64_t>(
          block, llvm::alignTo(std::max<int64_t>(*extent, 1), unit));
  };
  shorten(blocks.queries, queries, std::min<int64_t>(blocks.queries, 64));
  shorten(blocks.keys, keys, 16);
  return blocks;
}

AttentionBlocks chooseAttentionBlocks(const MachineModel &machine,
                                      DimAttr queries, DimAttr keys,
                                      int64_t headSize, int64_t valueSize,
                                      bool half) {
  if (machine.isGpu)
    return chooseGpuAttentionBlocks(queries.getConstant(), keys.getConstant(),
                                    std::max(headSize, valueSize), half);
  AttentionBlocks blocks;
  std::optional<int64_t> height = queries.getConstant();
  int64_t unit = height && *height < machine.rowTile ? 1 : machine.rowTile;
  blocks.queries = balanced(height, kQueries, unit);
  int64_t fits =
      machine.l2Bytes / 4 / (4 * std::max<int64_t>(1, headSize + valueSize));
  int64_t most = std::clamp<int64_t>(llvm::alignDown(fits, machine.panelWidth),
                                     kFewestKeys, kMostKeys);
  blocks.keys = balanced(keys.getConstant(), most, machine.panelWidth);
  return blocks;
}

} // namespace attune::kernels
