// Blocks of contractions for a GPU, with what decided beside each figure. Where
// extents are run-time values there are several kernels to choose from.
#include "compiler/kernels/Schedule.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;

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
// A product of tf32 takes twice as long for each k as one of f16. f32 is three
// of them, and fills the registers with half as many sums, for its fragments
// are there twice.
static constexpr int64_t kGpuSlowerTf32 = 2, kGpuSlowerF32 = 6;
static constexpr int64_t kGpuMostF32 = 128 * 128;
// Fragments of f32 whose rows are contiguous are loaded one number at a time,
// each from an address of its own: half as many sums fit beside those.
static constexpr int64_t kGpuMostTf32AlongRows = 128 * 128,
                         kGpuMostF32AlongRows = 128 * 64;
// A run-time extent counts as at most this: so many that the last blocks matter
// little.
static constexpr int64_t kGpuMany = 1 << 20;
// Kernels of one contraction at most, and how much slower than the best of all
// blocks they may be before there is another. What any launch takes (3
// microseconds) tempers that.
static constexpr size_t kGpuMostVariants = 8;
static constexpr double kGpuTolerated = 1.05, kGpuLaunch = 6e6;

namespace {

// The blocks that a contraction may have, and their times at samples of its
// extents.
class GpuChoice {
public:
  GpuChoice(const MachineModel &machine, const ContractionShape &shape);

  SmallVector<ContractionBlocks> run();

private:
  using Extents = ContractionShape::Extents<int64_t>;

  bool isSplit() const { return shape.elementBytes == 4 && !shape.tf32; }
  /// Times that a k takes as long as in f16.
  int64_t slower() const {
    return isSplit() ? kGpuSlowerF32 : shape.tf32 ? kGpuSlowerTf32 : 1;
  }
  /// Sums that a block may have.
  int64_t mostSums() const;
  double time(const GpuBlock &block, const Extents &at) const;
  void addSamples();
  double slowdown(size_t sample, double time) const;
  double sumWith(size_t candidate) const;
  void take(size_t candidate);
  double worst() const;
  DimAttr cost(const GpuBlock &block) const;
  ContractionBlocks finish(const GpuBlock &block) const;

  const MachineModel &machine;
  const ContractionShape &shape;
  SmallVector<const GpuBlock *> candidates;
  SmallVector<Extents> samples;
  SmallVector<SmallVector<double>> times; // [candidate][sample]
  SmallVector<double> best;               // of all candidates, by sample
  SmallVector<size_t> chosen;
  SmallVector<double> reached; // by those chosen, by sample
};

} // namespace

GpuChoice::GpuChoice(const MachineModel &machine, const ContractionShape &shape)
    : machine(machine), shape(shape) {
  for (const GpuBlock &block : kGpuBlocks)
    if (block.rows * block.columns <= mostSums())
      candidates.push_back(&block);
  addSamples();
  for (const GpuBlock *block : candidates)
    times.push_back(llvm::map_to_vector(
        samples, [&](const Extents &at) { return time(*block, at); }));
  best = times.front();
  for (ArrayRef<double> each : times)
    for (auto [least, other] : llvm::zip(best, each))
      least = std::min(least, other);
}

int64_t GpuChoice::mostSums() const {
  if (isSplit())
    return shape.lhsAlongRows ? kGpuMostF32AlongRows : kGpuMostF32;
  return shape.tf32 && shape.lhsAlongRows ? kGpuMostTf32AlongRows : INT64_MAX;
}

double GpuChoice::time(const GpuBlock &block, const Extents &at) const {
  int64_t count = llvm::divideCeil(at.rows, block.rows) *
                  llvm::divideCeil(at.columns, block.columns) * at.batches;
  int64_t most = llvm::divideCeil(count, machine.multiprocessors);
  double k = double(at.depth) * double(slower());
  return double(block.rows * block.columns) * (k + block.overhead) *
         std::max(double(most) / block.rate, 1 / block.alone);
}

// The first sample has as many of everything as there may be. Then powers of
// two (of 16 where several extents are open) for what is no constant, and what
// it may be at most.
void GpuChoice::addSamples() {
  auto last = [](DimAttr dim, int64_t most) {
    return std::max<int64_t>(
        1, dim.getConstant().value_or(std::min(most, kGpuMany)));
  };
  const auto &dims = shape.extents;
  const auto &most = shape.most;
  Extents many{last(dims.rows, most.rows), last(dims.columns, most.columns),
               last(dims.depth, most.depth), last(dims.batches, most.batches)};
  samples.push_back(many);
  int64_t open = llvm::count_if(
      ArrayRef{dims.rows, dims.columns, dims.depth, dims.batches},
      [](DimAttr dim) { return !dim.getConstant(); });
  int64_t factor = open == 1 ? 2 : open == 2 ? 4 : 16;
  auto valuesOf = [&](DimAttr dim, int64_t end) {
    SmallVector<int64_t> values{end};
    for (int64_t value = 1;
         !dim.getConstant() && value < end && value <= 1 << 14; value *= factor)
      values.push_back(value);
    return values;
  };
  for (int64_t rows : valuesOf(dims.rows, many.rows))
    for (int64_t columns : valuesOf(dims.columns, many.columns))
      for (int64_t depth : valuesOf(dims.depth, many.depth))
        for (int64_t batches : valuesOf(dims.batches, many.batches))
          samples.push_back({rows, columns, depth, batches});
}

// How many times as long as with the best of all blocks.
double GpuChoice::slowdown(size_t sample, double time) const {
  return (time + kGpuLaunch) / (best[sample] + kGpuLaunch);
}

// Over all samples, if this one were chosen as well.
double GpuChoice::sumWith(size_t candidate) const {
  double sum = 0;
  for (auto [sample, time] : llvm::enumerate(times[candidate]))
    sum += slowdown(sample, std::min(time, reached[sample]));
  return sum;
}

double GpuChoice::worst() const {
  double most = 1;
  for (auto [sample, time] : llvm::enumerate(reached))
    most = std::max(most, slowdown(sample, time));
  return most;
}

void GpuChoice::take(size_t candidate) {
  if (chosen.empty())
    reached = times[candidate];
  chosen.push_back(candidate);
  for (auto [least, other] : llvm::zip(reached, times[candidate]))
    least = std::min(least, other);
}

// The time as the runtime computes it from the dims, in integers.
DimAttr GpuChoice::cost(const GpuBlock &block) const {
  constexpr double kUnit = 8; // elements of a block
  const auto &[rows, columns, depth, batches] = shape.extents;
  MLIRContext *context = rows.getContext();
  auto constant = [&](double value) {
    return DimAttr::constant(context, int64_t(value));
  };
  DimAttr count = rows.ceilDiv(constant(block.rows)) *
                  columns.ceilDiv(constant(block.columns)) * batches;
  DimAttr most = count.ceilDiv(constant(machine.multiprocessors));
  DimAttr k = depth * slower();
  double area = block.rows * block.columns / kUnit;
  DimAttr turns =
      (most * constant(area / block.rate)).max(constant(area / block.alone));
  return (k + int64_t(block.overhead)) * turns;
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
  auto all = llvm::to_vector(llvm::seq<size_t>(candidates.size()));
  auto least = [&](auto measure) {
    return *llvm::min_element(
        all, [&](size_t a, size_t b) { return measure(a) < measure(b); });
  };
  take(least([&](size_t candidate) { return times[candidate].front(); }));
  // Each further one is that which helps most.
  while (chosen.size() < kGpuMostVariants && worst() > kGpuTolerated)
    take(least([&](size_t candidate) { return sumWith(candidate); }));
  return llvm::map_to_vector(
      chosen, [&](size_t candidate) { return finish(*candidates[candidate]); });
}

SmallVector<ContractionBlocks> chooseGpuBlocks(const MachineModel &machine,
                                               const ContractionShape &shape) {
  return GpuChoice(machine, shape).run();
}

} // namespace attune::kernels
