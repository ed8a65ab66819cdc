//===- SweepPlan.cpp - which passes a row kernel makes over a row ---------===//
//
// A reduction needs a pass over its row; what uses its result needs a later
// one. So reductions are levelled by how many stand before them, those of one
// level and span share a pass, and the stores go with the last pass: an output
// may share its buffer with an input that earlier passes read again.
//
// Between passes a block is computed anew if that is cheap (the row is in the
// first level of the cache) and kept in scratch if it is not (exp in a
// softmax).
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/SweepLowering.h"
#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

namespace {

/// Instructions from which on a block is kept: a load and a store of it.
constexpr int64_t kKeepCost = 8;

int64_t costOf(Operation *op) {
  if (isa<tile::LoadOp>(op))
    return 1;
  if (op->getDialect()->getNamespace() == "math")
    return 10;
  return isa<arith::DivFOp>(op) ? 4 : 1;
}

bool isBlock(Value value) { return isa<RankedTensorType>(value.getType()); }

/// The span that a block of rank 1 lies along; null for rank 0 or if it has
/// none (a constant, or a scalar repeated over a static extent).
Value spanOf(Value block) {
  Operation *op = block.getDefiningOp();
  if (!op || !isBlock(block))
    return {};
  auto firstSpan = [](ValueRange positions) -> Value {
    for (Value position : positions)
      if (isa<tile::SpanType>(position.getType()))
        return position;
    return {};
  };
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return firstSpan(load.getPositions());
  if (auto iota = dyn_cast<tile::IotaOp>(op))
    return iota.getSpan();
  if (auto broadcast = dyn_cast<tile::BroadcastOp>(op))
    return firstSpan(broadcast.getSpans());
  if (isa<tile::ReduceOp>(op))
    return {};
  for (Value operand : op->getOperands())
    if (Value span = spanOf(operand))
      return span;
  return {};
}

class Planner {
public:
  Planner(tile::KernelOp kernel, SweepPlan &plan)
      : kernel(kernel), plan(plan) {}

  LogicalResult run();

private:
  unsigned levelOf(Value block);
  FailureOr<Value> reduceSpan(tile::ReduceOp reduce);
  FailureOr<Value> storeSpan(tile::StoreOp store);
  Sweep &sweep(Value span, unsigned level);
  void keepExpensive();
  void keepFor(Sweep &first, Sweep &later,
               const llvm::SetVector<Value> &computed);
  int64_t cost(Value block);
  bool keep(Sweep &first, Value block);
  AffineExpr extentOf(Value span);

  tile::KernelOp kernel;
  SweepPlan &plan;
  llvm::DenseMap<Value, unsigned> levels;
};

} // namespace

/// The number of reductions that must be complete before `block` can be
/// computed.
unsigned Planner::levelOf(Value block) {
  Operation *op = block.getDefiningOp();
  if (!op || !isBlock(block))
    return 0;
  auto [it, isNew] = levels.try_emplace(block, 0);
  if (!isNew)
    return it->second;
  unsigned level = 0;
  for (Value operand : op->getOperands())
    level = std::max(level, levelOf(operand));
  if (isa<tile::ReduceOp>(op))
    ++level;
  return levels[block] = level;
}

FailureOr<Value> Planner::reduceSpan(tile::ReduceOp reduce) {
  auto type = cast<RankedTensorType>(reduce.getBlock().getType());
  Value span = reduce.getSpan() ? reduce.getSpan() : spanOf(reduce.getBlock());
  if (type.getRank() != 1 || !span)
    return reduce.emitOpError(
               "expected a row along a span to be reduced on the CPU, found ")
           << type;
  return span;
}

FailureOr<Value> Planner::storeSpan(tile::StoreOp store) {
  SmallVector<Value> spans;
  for (Value position : store.getPositions())
    if (isa<tile::SpanType>(position.getType()))
      spans.push_back(position);
  if (spans.size() > 1)
    return store.emitOpError(
               "expected a block along one span on the CPU, found ")
           << spans.size();
  return spans.empty() ? Value() : spans.front();
}

Sweep &Planner::sweep(Value span, unsigned level) {
  for (Sweep &sweep : plan.sweeps)
    if (sweep.span == span && sweep.level == level)
      return sweep;
  plan.sweeps.push_back({span, level, {}, {}, {}, {}});
  return plan.sweeps.back();
}

LogicalResult Planner::run() {
  Block *body = kernel.getParallel().getBody();
  unsigned last = 0;
  for (auto reduce : body->getOps<tile::ReduceOp>())
    last = std::max(last, levelOf(reduce.getResult()));
  for (unsigned level = 1; level <= last; ++level)
    for (auto reduce : body->getOps<tile::ReduceOp>()) {
      if (levelOf(reduce.getResult()) != level)
        continue;
      FailureOr<Value> span = reduceSpan(reduce);
      if (failed(span))
        return failure();
      sweep(*span, level).reduces.push_back(reduce);
    }
  for (auto store : body->getOps<tile::StoreOp>()) {
    FailureOr<Value> span = storeSpan(store);
    if (failed(span))
      return failure();
    sweep(*span, last + 1).stores.push_back(store);
  }
  keepExpensive();
  return success();
}

//===----------------------------------------------------------------------===//
// What is kept
//===----------------------------------------------------------------------===//

/// The blocks that a sweep reduces or stores.
static SmallVector<Value> sinks(const Sweep &sweep) {
  SmallVector<Value> blocks;
  for (tile::ReduceOp reduce : sweep.reduces)
    blocks.push_back(reduce.getBlock());
  for (tile::StoreOp store : sweep.stores)
    blocks.push_back(store.getBlock());
  return blocks;
}

/// All blocks that `work` is made of, down to reductions.
static void reach(SmallVector<Value> work, llvm::SetVector<Value> &blocks) {
  while (!work.empty()) {
    Value block = work.pop_back_val();
    Operation *op = block.getDefiningOp();
    if (!op || !isBlock(block) || isa<tile::ReduceOp>(op) ||
        !blocks.insert(block))
      continue;
    llvm::append_range(work, op->getOperands());
  }
}

int64_t Planner::cost(Value block) {
  llvm::SetVector<Value> blocks;
  reach({block}, blocks);
  int64_t sum = 0;
  for (Value part : blocks)
    sum += costOf(part.getDefiningOp());
  return sum;
}

/// Bytes are those of f32 elements over the span, which some operand spans
/// whole.
AffineExpr Planner::extentOf(Value span) {
  AffineExpr extent;
  if (auto type = cast<tile::SpanType>(span.getType());
      !ShapedType::isDynamic(type.getSize()))
    return getAffineConstantExpr(type.getSize(), kernel.getContext());
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

bool Planner::keep(Sweep &first, Value block) {
  auto type = cast<RankedTensorType>(block.getType());
  if (type.getRank() != 1 || !type.getElementType().isF32() ||
      cost(block) < kKeepCost)
    return false;
  if (plan.sections.contains(block))
    return true;
  AffineExpr extent = extentOf(first.span);
  if (!extent)
    return false;
  // Whole vectors are written, the last one beyond the end of the row.
  AffineExpr floats = extent.ceilDiv(kLanes) * kLanes;
  plan.sections[block] = plan.layout.add(floats);
  first.kept.push_back(block);
  return true;
}

/// For each block that two sweeps over one span compute: the first keeps it.
/// Only the outermost such blocks matter; what they are made of is not needed
/// again.
void Planner::keepExpensive() {
  for (auto [number, first] : llvm::enumerate(plan.sweeps)) {
    llvm::SetVector<Value> computed;
    reach(sinks(first), computed);
    for (Sweep &later : MutableArrayRef(plan.sweeps).drop_front(number + 1))
      if (first.span && later.span == first.span)
        keepFor(first, later, computed);
  }
}

void Planner::keepFor(Sweep &first, Sweep &later,
                      const llvm::SetVector<Value> &computed) {
  llvm::SetVector<Value> seen;
  SmallVector<Value> work = sinks(later);
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

FailureOr<SweepPlan> SweepPlan::make(tile::KernelOp kernel) {
  SweepPlan plan(kernel);
  if (failed(Planner(kernel, plan).run()))
    return failure();
  return plan;
}
