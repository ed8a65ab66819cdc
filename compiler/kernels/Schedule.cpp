// The choice of blocks: contractions on a CPU, attention; contractions on a GPU
// are in GpuBlocks.cpp. Those of CPUs were measured on Zen 3 (AVX2) and Cascade
// Lake (AVX-512); what decided stands beside each figure.
#include "compiler/kernels/Schedule.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

namespace attune::kernels {

using namespace mlir;
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
// A packed left operand of a block of rows, all of k: it streams from L3 like
// one that need not be packed. Columns are packed anew for each block of rows,
// so it is to have a quarter of the rows at least.
static constexpr int64_t kPackedBytes = 4 << 20;
// Blocks of columns below which packing does not pay.
static constexpr int64_t kFewestShares = 2;
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

// A left operand that is contiguous along rows is packed once for all columns
// of a block of rows. A tile reads a half or a quarter of a line at each k:
// where a k block of all rows stays in L2, the next tile finds the rest there,
// and packing gains nothing. It takes as long as 5 to 10 columns.
static bool packsLeft(const MachineModel &machine,
                      const ContractionShape &shape, int64_t columns) {
  int64_t depth = std::min(kDepth, shape.most.depth);
  return shape.lhsAlongRows && shape.most.columns > kFewestShares * columns &&
         shape.most.rows >
             machine.l2Bytes / 2 / (4 * std::max<int64_t>(1, depth));
}

static int64_t packedRows(const ContractionShape &shape) {
  // Where k has no bound, the least that there is.
  int64_t fits = kPackedBytes / 4 / std::max<int64_t>(1, shape.most.depth);
  return std::clamp<int64_t>(llvm::alignDown(fits, kRows / 8), kRows / 4,
                             kRows);
}

static ContractionBlocks chooseCoreBlocks(const MachineModel &machine,
                                          const ContractionShape &shape) {
  ContractionBlocks blocks;
  blocks.columns = chooseColumns(machine, shape.extents.columns.getConstant());
  bool packsRows = packsLeft(machine, shape, blocks.columns);
  std::optional<int64_t> height = shape.extents.rows.getConstant();
  // Fewer rows than a register tile are a block of just those.
  int64_t unit = height && *height < machine.rowTile ? 1 : machine.rowTile;
  blocks.rows = balanced(height, packsRows ? packedRows(shape) : kRows, unit);
  // A short k is one block of just that extent.
  std::optional<int64_t> length = shape.extents.depth.getConstant();
  blocks.depth = length && *length <= kDepth ? std::max<int64_t>(*length, 1)
                                             : balanced(length, kDepth, 16);
  blocks.rowsOutermost = shape.lhsAlongRows ? packsRows : shape.packed;

  int64_t k = length.value_or(kDepth);
  int64_t flops = std::max<int64_t>(1, 2 * blocks.rows * blocks.columns * k);
  int64_t bytes = std::max<int64_t>(1, blocks.columns * k * 4);
  blocks.grain =
      std::max<int64_t>(1, std::min(kTaskFlops / flops, kTaskBytes / bytes));
  return blocks;
}

SmallVector<ContractionBlocks>
chooseContractionBlocks(const MachineModel &machine,
                        const ContractionShape &shape) {
  if (machine.isGpu)
    return chooseGpuBlocks(machine, shape);
  return {chooseCoreBlocks(machine, shape)};
}

// Queries of a work item: a multiple of every machine's row tile.
static constexpr int64_t kQueries = 48;
// Keys of a block: K and V of a block (128 KB at a head size of 64) stay in L2,
// the scores of a row tile in L1. 512 is equal within noise, 128 costs 1 point.
static constexpr int64_t kMostKeys = 512, kFewestKeys = 64;

// The largest blocks whose fragments, sums and scores stay in the registers of
// four warps: a row of a warp's tile holds keys / 8 + size / 8 pairs of sums
// for each half, and f32 operands take twice the registers. Of those, size 64
// spills with 32 keys (ptxas then aims at three blocks) and with 64 and a bias.
// Above 96, a bias or a mask of keys takes the last registers; half the keys
// give 16 back. A causal block of 128 queries
// computes more that is hidden and ends later: up to size 64, where its keys
// cost little, 64 are 3 to 20 % faster up to 4096 positions. tf32 has the
// blocks of f32, and of them one more in the registers that it leaves.
static AttentionBlocks chooseGpuAttentionBlocks(const AttentionShape &shape) {
  int64_t size = std::max(shape.headSize, shape.valueSize);
  bool half = shape.isHalf;
  bool isLong = size <= 64 && (half || size > 32);
  AttentionBlocks blocks = {64, isLong ? 64 : 32};
  if (!half && size > 48 && size <= 64 && shape.isBiased)
    blocks.keys = 48;
  bool isMasked = half ? shape.isBiased || shape.isMasked : shape.isBiased;
  if (isMasked && size > 96 && size <= 128)
    blocks.keys = 16;
  if (half && size <= 128 && !(shape.isCausal && size <= 64))
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
  shorten(blocks.queries, shape.queries.getConstant(),
          std::min<int64_t>(blocks.queries, 64));
  shorten(blocks.keys, shape.keys.getConstant(), 16);
  return blocks;
}

AttentionBlocks chooseAttentionBlocks(const MachineModel &machine,
                                      const AttentionShape &shape) {
  if (machine.isGpu)
    return chooseGpuAttentionBlocks(shape);
  AttentionBlocks blocks;
  std::optional<int64_t> height = shape.queries.getConstant();
  int64_t unit = height && *height < machine.rowTile ? 1 : machine.rowTile;
  blocks.queries = balanced(height, kQueries, unit);
  int64_t fits = machine.l2Bytes / 4 /
                 (4 * std::max<int64_t>(1, shape.headSize + shape.valueSize));
  int64_t most = std::clamp<int64_t>(llvm::alignDown(fits, machine.panelWidth),
                                     kFewestKeys, kMostKeys);
  blocks.keys = balanced(shape.keys.getConstant(), most, machine.panelWidth);
  return blocks;
}

// Queries of a step: what the sums dK and dV of a block of keys are read and
// written for.
static constexpr int64_t kBackwardQueries = 48;

AttentionBlocks chooseAttentionBackwardBlocks(const MachineModel &machine,
                                              const AttentionShape &shape) {
  if (machine.isGpu) // which has no code for it yet, and says so
    return {64, 64};
  AttentionBlocks blocks;
  std::optional<int64_t> height = shape.queries.getConstant();
  int64_t unit = height && *height < machine.rowTile ? 1 : machine.rowTile;
  blocks.queries = balanced(height, kBackwardQueries, unit);
  // K^T, K, V^T, dK and dV of a block stay in L2, and the scores of a step.
  int64_t perKey =
      4 * (3 * shape.headSize + 2 * shape.valueSize + 2 * blocks.queries);
  int64_t fits = machine.l2Bytes / 2 / std::max<int64_t>(1, perKey);
  int64_t most = std::clamp<int64_t>(llvm::alignDown(fits, machine.panelWidth),
                                     kFewestKeys, kMostKeys);
  blocks.keys = balanced(shape.keys.getConstant(), most, machine.panelWidth);
  return blocks;
}

} // namespace attune::kernels
