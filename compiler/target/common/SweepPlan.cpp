//===- SweepPlan.cpp - which passes a row kernel makes over a row ---------===//
//
// A reduction needs a pass over its row; what uses its result needs a later
// one. So reductions are levelled by how many stand before them, those of one
// level and span share a pass, and the stores go with the last pass: an output
// may share its buffer with an input that earlier passes read again.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/SweepPlan.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::common;

namespace {

bool isBlock(Value value) { return isa<RankedTensorType>(value.getType()); }

class Planner {
public:
  Planner(tile::KernelOp kernel, SweepPlan &plan)
      : kernel(kernel), plan(plan) {}

  LogicalResult run();

private:
  unsigned levelOf(Value block);
  const Spans &spansOf(Value block);
  Spans findSpans(Value block);
  Spans repeatedSpans(tile::BroadcastOp op);
  LogicalResult addReduction(tile::ReduceOp last);
  LogicalResult addStore(Operation *store, Value block, ValueRange positions,
                         unsigned level);
  Sweep &sweep(const Spans &spans, unsigned level);

  tile::KernelOp kernel;
  SweepPlan &plan;
  llvm::DenseMap<Value, unsigned> levels;
};

/// The reduction that takes what `reduce` gives to reduce another dimension of
/// it, if that is all it is for.
tile::ReduceOp nextInChain(tile::ReduceOp reduce) {
  if (!reduce.getResult().hasOneUse())
    return {};
  auto next = dyn_cast<tile::ReduceOp>(*reduce->user_begin());
  return next && next.getKind() == reduce.getKind() ? next : tile::ReduceOp();
}

tile::ReduceOp previousInChain(tile::ReduceOp reduce) {
  auto previous = reduce.getBlock().getDefiningOp<tile::ReduceOp>();
  return previous && nextInChain(previous) == reduce ? previous
                                                     : tile::ReduceOp();
}

} // namespace

//===----------------------------------------------------------------------===//
// Spans
//===----------------------------------------------------------------------===//

const Spans &Planner::spansOf(Value block) {
  auto found = plan.spans.find(block);
  if (found != plan.spans.end())
    return found->second;
  Spans spans = findSpans(block);
  spans.resize(cast<RankedTensorType>(block.getType()).getRank());
  return plan.spans[block] = spans;
}

Spans Planner::findSpans(Value block) {
  Operation *op = block.getDefiningOp();
  if (!op)
    return {};
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return tile::spansAmong(load.getPositions());
  if (auto random = dyn_cast<tile::RandomOp>(op))
    return tile::spansAmong(random.getPositions());
  if (auto iota = dyn_cast<tile::IotaOp>(op))
    return {iota.getSpan()};
  if (auto broadcast = dyn_cast<tile::BroadcastOp>(op))
    return repeatedSpans(broadcast);
  if (auto reduce = dyn_cast<tile::ReduceOp>(op)) {
    Spans spans = spansOf(reduce.getBlock());
    if (reduce.getSpan()) // where the block itself says less
      plan.spans[reduce.getBlock()][reduce.getAxis()] = reduce.getSpan();
    spans.erase(spans.begin() + reduce.getAxis());
    return spans;
  }
  if (auto transpose = dyn_cast<tile::TransposeOp>(op)) {
    Spans source = spansOf(transpose.getBlock()), spans;
    for (int64_t dim : transpose.getPermutation())
      spans.push_back(source[dim]);
    return spans;
  }
  // Element by element: what one operand does not say another may.
  Spans spans(cast<RankedTensorType>(block.getType()).getRank());
  for (Value operand : op->getOperands()) {
    if (tile::isSpan(operand))
      spans[0] = operand; // of a gather
    if (!isBlock(operand))
      continue;
    Spans own = spansOf(operand); // a copy: the map may grow
    for (auto [dim, span] : llvm::enumerate(own))
      if (span && dim < spans.size())
        spans[dim] = span;
  }
  return spans;
}

Spans Planner::repeatedSpans(tile::BroadcastOp op) {
  auto type = cast<RankedTensorType>(op.getType());
  Spans spans(type.getRank());
  if (isBlock(op.getSource()))
    for (auto [dim, span] : llvm::enumerate(Spans(spansOf(op.getSource()))))
      spans[op.getAxes()[dim]] = span;
  auto next = op.getSpans().begin();
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim) && !llvm::is_contained(op.getAxes(), dim))
      spans[dim] = *next++;
  return spans;
}

//===----------------------------------------------------------------------===//
// Sweeps
//===----------------------------------------------------------------------===//

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
  auto reduce = dyn_cast<tile::ReduceOp>(op);
  if (reduce && !previousInChain(reduce))
    ++level;
  return levels[block] = level;
}

Sweep &Planner::sweep(const Spans &spans, unsigned level) {
  for (Sweep &sweep : plan.sweeps)
    if (sweep.spans == spans && sweep.level == level)
      return sweep;
  plan.sweeps.push_back({spans, level, {}, {}, {}, {}});
  return plan.sweeps.back();
}

LogicalResult Planner::addReduction(tile::ReduceOp last) {
  tile::ReduceOp first = last;
  (void)spansOf(last.getResult()); // so that all know their spans
  while (tile::ReduceOp previous = previousInChain(first))
    first = previous;
  Spans spans = plan.spans[first.getBlock()],
        left = plan.spans[last.getResult()], loops;
  bool known = llvm::all_of(spans, [](Value span) { return bool(span); });
  if (!known || left.size() > 1)
    return last.emitOpError(
               "expected to reduce a block along spans to a scalar "
               "or to lanes, found ")
           << first.getBlock().getType();
  Value lanes = left.empty() ? Value() : left.front();
  if (lanes && (spans.back() != lanes || (plan.lanes && plan.lanes != lanes)))
    return last.emitOpError(
        "expected the dimension that is left to be the last "
        "one, and the same for all reductions");
  plan.lanes = lanes;
  for (Value span : spans)
    if (span != lanes)
      loops.push_back(span);
  sweep(loops, levelOf(last.getResult()))
      .reduces.push_back({last, first.getBlock()});
  return success();
}

LogicalResult Planner::addStore(Operation *store, Value block,
                                ValueRange positions, unsigned level) {
  Spans spans = tile::spansAmong(positions), loops;
  if (isBlock(block))
    (void)spansOf(block);
  if (plan.lanes && (spans.empty() || spans.back() != plan.lanes))
    return store->emitOpError("expected the lanes of the reductions to be the "
                              "last span of the result");
  for (Value span : spans)
    if (span != plan.lanes)
      loops.push_back(span);
  sweep(loops, level).stores.push_back(store);
  return success();
}

LogicalResult Planner::run() {
  Block *body = kernel.getParallel().getBody();
  unsigned last = 0;
  SmallVector<tile::ReduceOp> reduces;
  for (auto reduce : body->getOps<tile::ReduceOp>()) {
    last = std::max(last, levelOf(reduce.getResult()));
    if (!nextInChain(reduce))
      reduces.push_back(reduce);
  }
  for (unsigned level = 1; level <= last; ++level)
    for (tile::ReduceOp reduce : reduces)
      if (levelOf(reduce.getResult()) == level && failed(addReduction(reduce)))
        return failure();
  for (Operation &op : *body) {
    LogicalResult added = success();
    if (auto store = dyn_cast<tile::StoreOp>(op))
      added = addStore(store, store.getBlock(), store.getPositions(), last + 1);
    else if (auto store = dyn_cast<memref::StoreOp>(op))
      added = addStore(store, store.getValue(), {}, last + 1);
    if (failed(added))
      return failure();
  }
  return success();
}

FailureOr<SweepPlan> SweepPlan::make(tile::KernelOp kernel) {
  SweepPlan plan;
  if (failed(Planner(kernel, plan).run()))
    return failure();
  return plan;
}

SmallVector<Value> attune::target::common::sinksOf(const Sweep &sweep) {
  SmallVector<Value> blocks;
  for (const Reduction &reduction : sweep.reduces)
    blocks.push_back(reduction.block);
  for (Operation *op : sweep.stores)
    if (auto store = dyn_cast<tile::StoreOp>(op))
      blocks.push_back(store.getBlock());
  return blocks;
}

SmallVector<Value> attune::target::common::partsOf(ArrayRef<Value> blocks) {
  SmallVector<Value> work(blocks);
  llvm::SetVector<Value> parts;
  while (!work.empty()) {
    Value block = work.pop_back_val();
    Operation *op = block.getDefiningOp();
    if (!op || !isBlock(block) || isa<tile::ReduceOp>(op) ||
        !parts.insert(block))
      continue;
    llvm::append_range(work, op->getOperands());
  }
  return parts.takeVector();
}

SmallVector<tile::LoadOp>
attune::target::common::turnedLoads(const SweepPlan &plan, const Sweep &sweep) {
  SmallVector<tile::LoadOp> loads;
  if (plan.lanes || !sweep.reduces.empty() || sweep.spans.size() < 2)
    return loads;
  Value rows = sweep.spans[sweep.spans.size() - 2], lanes = sweep.spans.back();
  for (Value part : partsOf(sinksOf(sweep))) {
    auto load = part.getDefiningOp<tile::LoadOp>();
    if (!load)
      continue;
    auto strides = cast<MemRefType>(load.getSource().getType())
                       .getStridesAndOffset()
                       .first;
    bool alongRows = false, acrossLanes = false;
    for (auto [position, stride] : llvm::zip(load.getPositions(), strides)) {
      alongRows |= position == rows && stride == 1;
      acrossLanes |= position == lanes && stride != 1;
    }
    if (alongRows && acrossLanes)
      loads.push_back(load);
  }
  return loads;
}
