//===- SweepShape.cpp -----------------------------------------------------===//
#include "compiler/target/cuda/SweepShape.h"
#include "compiler/target/cuda/Emitter.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;

/// Threads of a block in which several items stand: so few that a short grid
/// still spreads, so many that a multiprocessor fills up with blocks.
static constexpr int64_t kSharedBlock = 64, kSharedMapBlock = 128;
static constexpr int64_t kMostThreads = 256, kMostRowThreads = 512;
/// Values of a block that a thread keeps in registers, and of all blocks: more
/// would spill, or leave a multiprocessor too few warps.
static constexpr int64_t kKeptValues = 32, kKeptInAll = 64;
/// Threads of a kernel that reduces which a multiprocessor must hold at least:
/// enough loads under way. Left alone, the assembler would sooner spill than
/// hold fewer than it likes.
static constexpr int64_t kResidentThreads = 384;
/// Units of a row of run-time length for which there is code without loops.
static constexpr int64_t kFewUnits = 2, kManyUnits = 8;
/// What a thread of a long row takes, if that leaves enough threads.
static constexpr int64_t kValuesOfRow = 16;
static constexpr int64_t kMapUnroll = 2, kRowUnroll = 4;

std::optional<int64_t> attune::target::cuda::limitOf(Value span) {
  auto type = cast<tile::SpanType>(span.getType());
  return type.isDynamic() ? std::nullopt : std::optional(type.getSize());
}

static std::optional<int64_t> limitOf(const Spans &spans) {
  int64_t product = 1;
  for (Value span : spans) {
    std::optional<int64_t> limit = limitOf(span);
    if (!limit)
      return std::nullopt;
    product *= *limit;
  }
  return product;
}

static int64_t powerAbove(int64_t n) {
  return int64_t(llvm::PowerOf2Ceil(uint64_t(std::max<int64_t>(n, 1))));
}

static int64_t powerBelow(int64_t n) {
  return int64_t(llvm::bit_floor(uint64_t(std::max<int64_t>(n, 1))));
}

namespace {

class Chooser {
public:
  Chooser(tile::KernelOp kernel, const SweepPlan &plan)
      : kernel(kernel), plan(plan) {}
  SweepShape run();

private:
  void findAccesses();
  void addAccess(Value memref, OperandRange positions, Value lanes);
  bool mayAlign(const VectorAccess &access) const;
  void chooseVector();
  void chooseForMap();
  void chooseForRow();
  void chooseForLanes();
  std::optional<int64_t> elements() const;
  std::optional<int64_t> itemLimit();
  const Spans *commonSpans() const;
  bool startsAtZero() const;
  int64_t registersOfValue() const;

  tile::KernelOp kernel;
  const SweepPlan &plan;
  SweepShape shape;
};

} // namespace

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

static int64_t bytesOf(Value memref) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  return element.isIndex()
             ? 8
             : std::max<int64_t>(1, element.getIntOrFloatBitWidth() / 8);
}

void Chooser::addAccess(Value memref, OperandRange positions, Value lanes) {
  auto strides = cast<MemRefType>(memref.getType()).getStridesAndOffset().first;
  for (auto [position, stride] : llvm::zip(positions, strides))
    if (position == lanes && stride == 1) {
      shape.accesses.push_back({memref, positions, lanes});
      return;
    }
}

/// The span of a load's own that runs along the lanes of a sweep: `lanes`, or
/// the last one of a load that is elsewhere than what is made of it, as a piece
/// of a concatenation is.
static Value lanesOf(tile::LoadOp load, const Sweep &sweep, Value lanes) {
  auto spans = tile::spansAmong(load.getPositions());
  Value last = spans.empty() ? Value() : spans.back();
  bool isKnown =
      !last || last == lanes || llvm::is_contained(sweep.spans, last);
  return isKnown ? lanes : last;
}

void Chooser::findAccesses() {
  for (const Sweep &sweep : plan.sweeps) {
    if (sweep.spans.empty() && !plan.lanes)
      continue;
    Value lanes = plan.lanes ? plan.lanes : sweep.spans.back();
    for (Value part : partsOf(sinksOf(sweep)))
      if (auto load = part.getDefiningOp<tile::LoadOp>())
        addAccess(load.getSource(), load.getPositions(),
                  lanesOf(load, sweep, lanes));
    for (Operation *op : sweep.stores)
      if (auto store = dyn_cast<tile::StoreOp>(op))
        addAccess(store.getDest(), store.getPositions(), lanes);
  }
}

/// Whether the strides that are known keep a vector aligned.
bool Chooser::mayAlign(const VectorAccess &access) const {
  auto strides =
      cast<MemRefType>(access.memref.getType()).getStridesAndOffset().first;
  for (auto [position, stride] : llvm::zip(access.positions, strides))
    if (position != access.lanes && !matchPattern(position, m_Zero()) &&
        !ShapedType::isDynamic(stride) && stride % shape.vector)
      return false;
  return true;
}

void Chooser::chooseVector() {
  findAccesses();
  int64_t widest = 0;
  for (const VectorAccess &access : shape.accesses)
    widest = std::max(widest, bytesOf(access.memref));
  if (!widest)
    return;
  shape.vector = std::clamp<int64_t>(kWidestAccess / widest, 2, 8);
  bool fits = llvm::all_of(shape.accesses, [&](const VectorAccess &access) {
    std::optional<int64_t> limit = limitOf(access.lanes);
    return mayAlign(access) && (!limit || *limit >= shape.vector);
  });
  if (!fits)
    shape.vector = 1;
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

/// Elements of the largest sweep, at most.
std::optional<int64_t> Chooser::elements() const {
  int64_t most = 1;
  for (const Sweep &sweep : plan.sweeps) {
    std::optional<int64_t> limit = ::limitOf(sweep.spans);
    if (!limit)
      return std::nullopt;
    most = std::max(most, *limit);
  }
  return most;
}

/// Elements of a work item by the grid, if it is cut into blocks.
std::optional<int64_t> Chooser::itemLimit() {
  int64_t product = 1;
  bool isCut = false;
  for (int64_t step : kernel.getParallel().getSteps())
    if (step != tile::ParallelOp::kUnblocked) {
      product *= step;
      isCut = true;
    }
  return isCut ? std::optional(product) : std::nullopt;
}

void Chooser::chooseForMap() {
  constexpr int64_t kUnknown = 2048;
  std::optional<int64_t> most = elements();
  if (!most)
    most = itemLimit();
  int64_t units = llvm::divideCeil(most.value_or(kUnknown), shape.vector);
  shape.unroll = kMapUnroll;
  int64_t wanted = llvm::divideCeil(units, shape.unroll);
  // A block of one item is of whole warps, whatever their number.
  shape.threads =
      wanted > kSharedMapBlock / 2
          ? std::min<int64_t>(kMostThreads, llvm::alignTo(wanted, kWarp))
          : powerAbove(wanted);
  shape.items = std::max<int64_t>(1, kSharedMapBlock / shape.threads);
}

/// The spans of all sweeps over elements; null if they differ.
const Spans *Chooser::commonSpans() const {
  const Spans *spans = nullptr;
  for (const Sweep &sweep : plan.sweeps) {
    if (sweep.spans.empty())
      continue;
    if (spans && sweep.spans != *spans)
      return nullptr;
    spans = &sweep.spans;
  }
  return spans;
}

/// Whether it is known how many elements there are.
static bool isExact(const Spans &spans) {
  return llvm::all_of(spans, [](Value span) {
    auto range = span.getDefiningOp<tile::RangeOp>();
    return range && limitOf(span).value_or(0) > 0 &&
           matchPattern(range.getStart(), m_Constant()) &&
           matchPattern(range.getEnd(), m_Constant());
  });
}

/// Whether all items have their elements at the same places.
bool Chooser::startsAtZero() const {
  return llvm::all_of(plan.sweeps, [](const Sweep &sweep) {
    return llvm::all_of(sweep.spans, [](Value span) {
      auto range = span.getDefiningOp<tile::RangeOp>();
      return range && matchPattern(range.getStart(), m_Zero());
    });
  });
}

void Chooser::chooseForRow() {
  shape.unroll = kRowUnroll;
  const Spans *spans = commonSpans();
  bool exact = spans && isExact(*spans);
  std::optional<int64_t> count = elements();
  // A row in registers has no tail of its own.
  if (exact && *limitOf(spans->back()) % shape.vector)
    shape.vector = 1;
  int64_t units = count ? llvm::divideCeil(*count, shape.vector) : kWarp;
  if (units < kWarp && startsAtZero())
    shape.threads = powerBelow(units);
  else if (!count || *count <= kWarp * kKeptValues)
    shape.threads = kWarp;
  else
    shape.threads =
        std::clamp(powerAbove(llvm::divideCeil(*count, kValuesOfRow)),
                   2 * kWarp, kMostRowThreads);
  shape.exchanges = shape.threads > 1;
  // More than a warp meet at barriers, which are of the block.
  shape.items = shape.threads > kWarp ? 1 : kSharedBlock / shape.threads;
  if (!spans)
    return;
  int64_t most = kKeptInAll / std::max<int64_t>(1, registersOfValue());
  most = std::min(most, kKeptValues) / shape.vector;
  if (!exact)
    shape.keptUnits = {kFewUnits, std::min(most, kManyUnits)};
  else if (int64_t each = llvm::divideCeil(units, shape.threads); each <= most)
    shape.keptUnits = {each};
}

/// Registers for what is loaded in one sweep and wanted in another, for each
/// element.
int64_t Chooser::registersOfValue() const {
  llvm::DenseMap<Value, unsigned> sweepsOf;
  for (const Sweep &sweep : plan.sweeps)
    for (Value part : partsOf(sinksOf(sweep)))
      if (part.getDefiningOp<tile::LoadOp>())
        ++sweepsOf[part];
  int64_t registers = 0;
  for (auto [load, sweeps] : sweepsOf)
    if (sweeps > 1)
      registers += llvm::divideCeil(
          bytesOf(load.getDefiningOp<tile::LoadOp>().getSource()), 4);
  return registers;
}

/// Threads side by side along the lanes, then along what is reduced.
void Chooser::chooseForLanes() {
  constexpr int64_t kLanes = 64, kShare = 8;
  shape.unroll = kRowUnroll;
  int64_t width = limitOf(plan.lanes).value_or(kLanes);
  shape.across =
      std::min(kLanes, powerAbove(llvm::divideCeil(width, shape.vector)));
  // Each thread reads the sums of all warps, for each element of a vector.
  int64_t threads = shape.vector > 4 ? kMostThreads : kMostRowThreads;
  int64_t most = std::max<int64_t>(1, threads / shape.across), share = most;
  if (std::optional<int64_t> count = elements())
    share = std::min(most, powerBelow(*count / kShare));
  // Items of one warp could go different ways between two exchanges.
  if (share > 1)
    share = std::max(share, kWarp / shape.across);
  shape.threads = shape.across * share;
  shape.exchanges = share > 1;
  bool meet = shape.threads > kWarp && shape.exchanges;
  shape.items =
      meet ? 1 : std::max<int64_t>(1, kSharedMapBlock / shape.threads);
}

SweepShape Chooser::run() {
  for (const Sweep &sweep : plan.sweeps)
    shape.transposes |= !turnedLoads(plan, sweep).empty();
  if (shape.transposes) {
    shape.threads = kMostThreads;
    shape.unroll = kMapUnroll;
    shape.exchanges = true;
    return shape;
  }
  chooseVector();
  bool reduces = llvm::any_of(
      plan.sweeps, [](const Sweep &sweep) { return !sweep.reduces.empty(); });
  if (plan.lanes)
    chooseForLanes();
  else if (reduces)
    chooseForRow();
  else
    chooseForMap();
  if (reduces)
    shape.residentBlocks =
        std::max<int64_t>(1, kResidentThreads / (shape.threads * shape.items));
  return shape;
}

SweepShape SweepShape::choose(tile::KernelOp kernel, const SweepPlan &plan) {
  return Chooser(kernel, plan).run();
}
