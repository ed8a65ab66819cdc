//===- SweepKeep.cpp ------------------------------------------------------===//
#include "compiler/target/cpu/SweepKeep.h"
#include "compiler/target/common/Reductions.h"
#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;
using attune::target::common::elementOf;

namespace {

/// Instructions from which on a block is kept: a load and a store of it.
constexpr int64_t kKeepCost = 8;

/// Lanes in hand at a time, where reductions leave lanes: as many accumulators
/// as stay in registers.
constexpr int64_t kMostLanes = 128;

class Keeper {
public:
  Keeper(tile::KernelOp kernel, SweepPlan &plan) : kernel(kernel), plan(plan) {}
  void run();

private:
  void keepFor(Sweep &first, Sweep &later,
               const llvm::SetVector<Value> &computed);
  bool keep(Sweep &first, Value block);
  void prune();
  void placeSections();
  int64_t cost(Value block);
  int64_t costOf(Operation *op);
  AffineExpr extentOf(Value span);
  AffineExpr floatsOf(const Spans &spans);

  tile::KernelOp kernel;
  SweepPlan &plan;
  llvm::SmallPtrSet<void *, 4> keeping;
};

bool isBlock(Value value) { return isa<RankedTensorType>(value.getType()); }

} // namespace

int64_t Keeper::costOf(Operation *op) {
  if (auto load = dyn_cast<tile::LoadOp>(op)) {
    // A walk across rows, whose lines may not last until the next pass.
    const Spans &spans = plan.spans[load.getResult()];
    if (plan.lanes && spans.size() > 1)
      return kKeepCost;
    // Sixteen scalar loads, if not side by side.
    auto strides = cast<MemRefType>(load.getSource().getType())
                       .getStridesAndOffset()
                       .first;
    Value last = spans.empty() ? Value() : spans.back();
    for (auto [position, stride] : llvm::zip(load.getPositions(), strides))
      if (position == last && stride != 1)
        return 16;
    return 1;
  }
  if (isa<tile::GatherOp, tile::RandomOp>(op))
    return 16;
  if (op->getDialect()->getNamespace() == "math")
    return 10;
  if (isa<arith::ConstantOp, tile::BroadcastOp>(op))
    return 0;
  return isa<arith::DivFOp>(op) ? 4 : 1;
}

/// Instructions for a vector of the block. What is the same all along a row is
/// computed once.
int64_t Keeper::cost(Value block) {
  int64_t sum = 0;
  for (Value part : partsOf(block))
    if (plan.spans[part].size() == plan.spans[block].size())
      sum += costOf(part.getDefiningOp());
  return sum;
}

/// The extent of a span, which some operand spans whole.
AffineExpr Keeper::extentOf(Value span) {
  int64_t size = cast<tile::SpanType>(span.getType()).getSize();
  if (!ShapedType::isDynamic(size))
    return getAffineConstantExpr(size, kernel.getContext());
  AffineExpr extent;
  kernel.walk([&](Operation *op) {
    auto look = [&](Value memref, ValueRange positions) {
      for (auto [dim, position] : llvm::enumerate(positions))
        if (position == span && !extent && isa<BlockArgument>(memref))
          extent = plan.layout.size(memref, dim);
    };
    if (auto load = dyn_cast<tile::LoadOp>(op))
      look(load.getSource(), load.getPositions());
    else if (auto store = dyn_cast<tile::StoreOp>(op))
      look(store.getDest(), store.getPositions());
  });
  return extent;
}

/// Floats of a kept block: whole vectors along the lanes. Null if not known.
AffineExpr Keeper::floatsOf(const Spans &spans) {
  AffineExpr floats = getAffineConstantExpr(1, kernel.getContext());
  for (auto [dim, span] : llvm::enumerate(spans)) {
    AffineExpr extent = extentOf(span);
    if (!extent)
      return {};
    if (!plan.lanes && dim + 1 == spans.size())
      extent = extent.ceilDiv(kLanes) * kLanes;
    floats = floats * extent;
  }
  return plan.lanes ? floats * plan.laneStep : floats;
}

bool Keeper::keep(Sweep &first, Value block) {
  auto type = cast<RankedTensorType>(block.getType());
  // Of the full rank of the sweep, so that a place in it is a place in scratch.
  Spans full = first.spans;
  if (plan.lanes)
    full.push_back(plan.lanes);
  if (plan.spans[block] != full || !type.getElementType().isF32() ||
      cost(block) < kKeepCost)
    return false;
  if (keeping.contains(block.getAsOpaquePointer()))
    return true;
  AffineExpr floats = floatsOf(first.spans);
  // Products of extents that are not constant are no affine expression.
  if (!floats || !floats.isPureAffine())
    return false;
  keeping.insert(block.getAsOpaquePointer());
  first.kept.push_back(block);
  return true;
}

/// Takes back what is not read again after all, because something made of it is
/// kept as well.
void Keeper::prune() {
  llvm::SetVector<Value> read;
  for (Sweep &sweep : plan.sweeps) {
    llvm::SetVector<Value> reached;
    SmallVector<Value> work = sinksOf(sweep);
    while (!work.empty()) {
      Value block = work.pop_back_val();
      Operation *op = block.getDefiningOp();
      if (!op || !isBlock(block) || isa<tile::ReduceOp>(op) ||
          !reached.insert(block) || llvm::is_contained(sweep.reread, block))
        continue;
      llvm::append_range(work, op->getOperands());
    }
    llvm::erase_if(sweep.reread,
                   [&](Value block) { return !reached.contains(block); });
    read.insert(sweep.reread.begin(), sweep.reread.end());
  }
  for (Sweep &sweep : plan.sweeps)
    llvm::erase_if(sweep.kept,
                   [&](Value block) { return !read.contains(block); });
}

/// A block takes over the section of one that is read for the last time in the
/// sweep that keeps it: at each place it is read before it is written. Sums of
/// lanes have sections of their own.
void Keeper::placeSections() {
  struct Section {
    unsigned number;
    Spans spans;
    size_t lastRead;
  };
  SmallVector<Section> sections;
  for (auto [number, sweep] : llvm::enumerate(plan.sweeps))
    for (Value block : sweep.kept) {
      auto found = llvm::find_if(sections, [&](const Section &section) {
        return section.lastRead <= number && section.spans == sweep.spans;
      });
      if (found == sections.end()) {
        sections.push_back(
            {plan.layout.add(floatsOf(sweep.spans)), sweep.spans, 0});
        found = std::prev(sections.end());
      }
      plan.sections[block] = found->number;
      for (auto [later, other] : llvm::enumerate(plan.sweeps))
        if (llvm::is_contained(other.reread, block))
          found->lastRead = later;
    }
  if (!plan.lanes)
    return;
  for (Sweep &sweep : plan.sweeps)
    for (Reduction &reduction : sweep.reduces) {
      int64_t bits = elementOf(reduction.last).getIntOrFloatBitWidth();
      plan.sections[reduction.last.getResult()] =
          plan.layout.add(plan.laneStep * llvm::divideCeil(bits, 32));
    }
}

void Keeper::keepFor(Sweep &first, Sweep &later,
                     const llvm::SetVector<Value> &computed) {
  llvm::SetVector<Value> seen;
  SmallVector<Value> work = sinksOf(later);
  while (!work.empty()) {
    Value block = work.pop_back_val();
    Operation *op = block.getDefiningOp();
    if (!op || !isBlock(block) || isa<tile::ReduceOp>(op) ||
        !seen.insert(block) || llvm::is_contained(later.reread, block))
      continue;
    if (computed.contains(block) && keep(first, block))
      later.reread.push_back(block);
    else
      llvm::append_range(work, op->getOperands());
  }
}

/// For each block that two sweeps over the same spans compute: the first keeps
/// it. Only the outermost such blocks matter; what they are made of is not
/// needed again.
void Keeper::run() {
  for (auto [number, first] : llvm::enumerate(plan.sweeps)) {
    SmallVector<Value> parts = partsOf(sinksOf(first));
    llvm::SetVector<Value> computed(parts.begin(), parts.end());
    for (Sweep &later : MutableArrayRef(plan.sweeps).drop_front(number + 1))
      if (!first.spans.empty() && later.spans == first.spans)
        keepFor(first, later, computed);
  }
  prune();
  placeSections();
}

void attune::target::cpu::keepExpensiveBlocks(tile::KernelOp kernel,
                                              SweepPlan &plan) {
  Keeper(kernel, plan).run();
}

FailureOr<SweepPlan> SweepPlan::make(tile::KernelOp kernel) {
  FailureOr<common::SweepPlan> passes = common::SweepPlan::make(kernel);
  if (failed(passes))
    return failure();
  SweepPlan plan(kernel, std::move(*passes));
  if (plan.lanes) {
    int64_t size = cast<tile::SpanType>(plan.lanes.getType()).getSize();
    plan.laneStep =
        ShapedType::isDynamic(size)
            ? kMostLanes
            : std::min<int64_t>(kMostLanes, llvm::alignTo(size, kLanes));
  }
  keepExpensiveBlocks(kernel, plan);
  return plan;
}
