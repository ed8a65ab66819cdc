// The choice of blocks. Those of CPUs were measured on Zen 3 (AVX2) and Cascade
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

// Blocks of a GPU. A launch takes
//
//   area * (k + overhead) * max(blocks / rate, 1 / alone)
//
// by the multiprocessor that has most blocks: `rate` is what its main loop
// reaches with neighbours, `alone` what it reaches by itself, `overhead` the k
// in whose time a block begins and ends. Fitted to products of 128, 1024 and
// 6304 rows with 768 to 3072 columns and k on an H200, in bf16 with their
// epilogues and cold weights, to within 7 to 15 %; those of 32 x 128, 16 x 128
// and 128 x 64 are estimates from warm ones.
struct GpuBlock {
  int64_t rows, columns;
  /// k of a stage, in bytes: 64 where a stage is large, so that several fit
  /// beside another block's; 128, a whole turn of the banks, where it is small
  /// or the block waits for memory.
  int64_t depthBytes;
  double rate, alone, overhead;
};
static constexpr GpuBlock kGpuBlocks[] = {
    {128, 256, 64, 1.05, 1.00, 600}, {128, 128, 64, 1.00, 0.81, 400},
    {64, 128, 64, 0.86, 0.59, 280},  {64, 128, 128, 0.83, 0.72, 400},
    {128, 64, 64, 0.82, 0.59, 280},  {64, 64, 128, 0.71, 0.50, 280},
    {32, 128, 128, 0.55, 0.40, 200}, {32, 64, 128, 0.44, 0.36, 200},
    {16, 128, 128, 0.33, 0.26, 100}, {16, 64, 128, 0.27, 0.21, 100},
    {16, 32, 128, 0.24, 0.10, 100},
};
// f32 fills the registers with half as many sums, for its fragments are there
// twice. Its three products of tf32 take six times as long for each k.
static constexpr int64_t kGpuMostF32 = 128 * 128;
static constexpr int64_t kGpuSlowerF32 = 6;
// A run-time extent counts as this: so many that the last blocks matter little.
static constexpr int64_t kGpuMany = 1 << 20;
// Kernels of one contraction at most, and how much slower than the best of all
// blocks they may be before there is another. What any launch takes (3
// microseconds) tempers that.
static constexpr size_t kGpuMostVariants = 8;
static constexpr double kGpuTolerated = 1.05, kGpuLaunch = 6e6;

namespace {

// The blocks that a contraction may have on a GPU, and their times.
class GpuChoice {
public:
  GpuChoice(const MachineModel &machine, const ContractionShape &shape)
      : machine(machine), shape(shape) {
    for (const GpuBlock &block : kGpuBlocks)
      if (shape.elementBytes < 4 || block.rows * block.columns <= kGpuMostF32)
        candidates.push_back(&block);
  }

  SmallVector<ContractionBlocks> run();

private:
  struct Extents {
    int64_t rows, columns, depth, batches;
  };

  double time(const GpuBlock &block, const Extents &at) const;
  double timeOf(ArrayRef<const GpuBlock *> blocks, const Extents &at) const;
  std::pair<double, double> slowdown(ArrayRef<const GpuBlock *> blocks) const;
  SmallVector<Extents> samples() const;
  DimAttr cost(const GpuBlock &block) const;
  ContractionBlocks finish(const GpuBlock &block) const;

  const MachineModel &machine;
  const ContractionShape &shape;
  SmallVector<const GpuBlock *> candidates;
};

} // namespace

static int64_t atLeastOne(std::optional<int64_t> extent, int64_t otherwise) {
  return std::max<int64_t>(1, extent.value_or(otherwise));
}

double GpuChoice::time(const GpuBlock &block, const Extents &at) const {
  int64_t count = llvm::divideCeil(at.rows, block.rows) *
                  llvm::divideCeil(at.columns, block.columns) * at.batches;
  int64_t most = llvm::divideCeil(count, machine.multiprocessors);
  double k = double(at.depth) * (shape.elementBytes == 4 ? kGpuSlowerF32 : 1);
  return double(block.rows * block.columns) * (k + block.overhead) *
         std::max(double(most) / block.rate, 1 / block.alone);
}

double GpuChoice::timeOf(ArrayRef<const GpuBlock *> blocks,
                         const Extents &at) const {
  double least = time(*blocks.front(), at);
  for (const GpuBlock *block : blocks.drop_front())
    least = std::min(least, time(*block, at));
  return least;
}

// Extents that a launch may have: those that are constants, and the same few
// for each that is not.
SmallVector<GpuChoice::Extents> GpuChoice::samples() const {
  auto some = [](DimAttr dim) {
    SmallVector<int64_t> values;
    if (auto constant = dim.getConstant())
      return SmallVector<int64_t>{std::max<int64_t>(1, *constant)};
    for (int64_t value = 1; value <= 1 << 14; value *= 2)
      values.push_back(value);
    return values;
  };
  SmallVector<Extents> all;
  for (int64_t rows : some(shape.rows))
    for (int64_t columns : some(shape.columns))
      for (int64_t depth : some(shape.depth))
        for (int64_t batches : some(shape.batches))
          all.push_back({rows, columns, depth, batches});
  return all;
}

// How many times as long as with the best of all blocks: all samples together,
// and the one where that is most.
std::pair<double, double>
GpuChoice::slowdown(ArrayRef<const GpuBlock *> blocks) const {
  double sum = 0, most = 1;
  for (const Extents &at : samples()) {
    double times = (timeOf(blocks, at) + kGpuLaunch) /
                   (timeOf(candidates, at) + kGpuLaunch);
    sum += times;
    most = std::max(most, times);
  }
  return {sum, most};
}

// The time as the runtime computes it from the dims, in integers.
DimAttr GpuChoice::cost(const GpuBlock &block) const {
  constexpr double kUnit = 64; // elements of a block
  MLIRContext *context = shape.rows.getContext();
  auto constant = [&](double value) {
    return DimAttr::constant(context, int64_t(value));
  };
  DimAttr count = shape.rows.ceilDiv(constant(block.rows)) *
                  shape.columns.ceilDiv(constant(block.columns)) *
                  shape.batches;
  DimAttr most = count.ceilDiv(constant(machine.multiprocessors));
  DimAttr k = shape.depth * (shape.elementBytes == 4 ? kGpuSlowerF32 : 1);
  double area = block.rows * block.columns / kUnit;
  DimAttr times =
      (most * constant(area / block.rate)).max(constant(area / block.alone));
  return (k + int64_t(block.overhead)) * times;
}

ContractionBlocks GpuChoice::finish(const GpuBlock &block) const {
  return {block.rows,
          block.columns,
          block.depthBytes / shape.elementBytes,
          /*rowsOutermost=*/true,
          /*grain=*/1,
          cost(block)};
}

SmallVector<ContractionBlocks> GpuChoice::run() {
  Extents many = {atLeastOne(shape.rows.getConstant(), kGpuMany),
                  atLeastOne(shape.columns.getConstant(), kGpuMany),
                  atLeastOne(shape.depth.getConstant(), kGpuMany),
                  atLeastOne(shape.batches.getConstant(), kGpuMany)};
  SmallVector<const GpuBlock *> chosen{
      *llvm::min_element(candidates, [&](const GpuBlock *a, const GpuBlock *b) {
        return time(*a, many) < time(*b, many);
      })};
  // Each further one is that which helps most.
  while (chosen.size() < kGpuMostVariants &&
         slowdown(chosen).second > kGpuTolerated) {
    auto with = [&](const GpuBlock *block) {
      SmallVector<const GpuBlock *> more(chosen);
      more.push_back(block);
      return slowdown(more).first;
    };
    chosen.push_back(*llvm::min_element(
        candidates, [&](const GpuBlock *a, const GpuBlock *b) {
          return with(a) < with(b);
        }));
  }
  return llvm::map_to_vector(
      chosen, [&](const GpuBlock *block) { return finish(*block); });
}

SmallVector<ContractionBlocks>
chooseContractionBlocks(const MachineModel &machine,
                        const ContractionShape &shape) {
  if (machine.isGpu)
    return GpuChoice(machine, shape).run();
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
// A causal block of 128
// queries computes more that is hidden and ends later: up to size 64, where its
// keys cost little, 64 are 3 to 20 % faster up to 4096 positions.
static AttentionBlocks chooseGpuAttentionBlocks(const AttentionShape &shape) {
  int64_t size = std::max(shape.headSize, shape.valueSize);
  bool half = shape.isHalf;
  bool isLong = size <= 64 && (half || size > 32);
  AttentionBlocks blocks = {64, isLong ? 64 : 32};
  if (!half && size > 48 && size <= 64 && shape.isBiased)
    blocks.keys = 48;
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

} // namespace attune::kernels
