// Clusters as a graph.
#include "compiler/fusion/Clusters.h"
#include "dialects/nn/Weights.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"

namespace attune::fusion {

using namespace mlir;

bool isCompute(Operation *op) {
  return isa<nn::ElementwiseOp, nn::ReduceOp, nn::ContractOp, nn::NormOp,
             nn::SoftmaxOp, nn::AttentionOp, nn::AttentionBackwardOp,
             nn::ConcatOp, nn::PadOp, nn::GatherOp, nn::IotaOp, nn::DimOp,
             nn::RandomOp, nn::ScatterOp>(op);
}

bool isSplatConstant(Value value) {
  DenseElementsAttr elements;
  return matchPattern(value, m_Constant(&elements)) && elements.isSplat();
}

// Copies of more ops than this cost a reader more than a load.
static constexpr int64_t kMostCopied = 64;

// One walk in block order: an op's operands have been looked at before it. The
// size of what a copy takes along counts an op once for each path to it, as
// copies of it would.
Clusters::Clusters(Block &block) : block(block) {
  llvm::DenseMap<Operation *, int64_t> sizes;
  auto sizeOf = [&](Operation &op) -> std::optional<int64_t> {
    if (isa<nn::IotaOp, nn::DimOp, nn::RandomOp>(op))
      return 1;
    if (!isa<nn::ElementwiseOp>(op))
      return std::nullopt;
    int64_t size = 1;
    for (Value operand : op.getOperands()) {
      if (isSplatConstant(operand))
        continue;
      auto known = sizes.find(operand.getDefiningOp());
      if (known == sizes.end())
        return std::nullopt;
      size += known->second;
    }
    return size <= kMostCopied ? std::optional(size) : std::nullopt;
  };
  for (Operation &op : block)
    if (auto size = sizeOf(op)) {
      sizes[&op] = *size;
      positional.insert(&op);
    }
  findLevels();
  findUpdates();
}

void Clusters::findLevels() {
  size_t most = 0;
  for (Operation &op : block) {
    Level level;
    for (Value operand : op.getOperands())
      if (Operation *producer = operand.getDefiningOp()) {
        Level before = levels.lookup(producer);
        level.ops = std::max(level.ops, before.ops + 1);
        level.depth = std::max(level.depth, before.depth);
      }
    if (isCompute(&op) && !isa<nn::ElementwiseOp>(op))
      ++level.depth;
    levels[&op] = level;
    most = std::max(most, level.ops);
  }
  furthest.resize(most + 2);
}

// Against the order of the block: an op's readers have been looked at.
void Clusters::findUpdates() {
  auto function = dyn_cast<func::FuncOp>(block.getParentOp());
  if (!function)
    return;
  auto updateBy = [&](OpOperand &use) -> std::optional<int64_t> {
    unsigned number = use.getOperandNumber();
    if (isa<func::ReturnOp>(use.getOwner()) && nn::updatedBy(function, number))
      return number;
    return updateOf(use.getOwner());
  };
  for (Operation &op : llvm::reverse(block)) {
    if (!isa<nn::ElementwiseOp>(op) || op.use_empty())
      continue;
    std::optional<int64_t> all = updateBy(*op.use_begin());
    for (OpOperand &use : op.getUses()) {
      std::optional<int64_t> update = updateBy(use);
      if (all && update != all)
        all = update ? std::optional(kSeveral) : std::nullopt;
    }
    if (all)
      updates[&op] = *all;
  }
}

Cluster &Clusters::create(nn::GroupKind kind, Operation *main, nn::Dims space,
                          int64_t columns) {
  auto cluster = std::make_unique<Cluster>();
  cluster->kind = kind;
  cluster->main = main;
  cluster->space = std::move(space);
  cluster->columns = columns;
  cluster->first = cluster->last = levelOf(main);
  clusters.push_back(std::move(cluster));
  add(*clusters.back(), main);
  return *clusters.back();
}

void Clusters::add(Cluster &cluster, Operation *op) {
  cluster.ops.insert(op);
  owner[op] = &cluster;
  cluster.first = std::min(cluster.first, levelOf(op));
  cluster.last = std::max(cluster.last, levelOf(op));
  for (size_t i = cluster.first + 1; i < furthest.size(); i += i & -i)
    furthest[i] = std::max(furthest[i], cluster.last);
}

size_t Clusters::horizon(size_t level) const {
  for (size_t end = level;; level = end) {
    for (size_t i = level + 1; i > 0; i -= i & -i)
      end = std::max(end, furthest[i]);
    if (end == level)
      return end;
  }
}

void Clusters::remove(Cluster &cluster, Operation *op) {
  cluster.ops.remove(op);
  owner.erase(op);
}

bool Clusters::isReadOutside(const Cluster &cluster, Operation *op) const {
  return llvm::any_of(op->getUsers(), [&](Operation *user) {
    return !cluster.ops.contains(user);
  });
}

bool Clusters::makesCycle(const Cluster &cluster, Operation *op) const {
  auto isInside = [&](Operation *other) {
    return other == op || cluster.ops.contains(other);
  };
  SmallVector<Operation *> work;
  llvm::DenseSet<Operation *> seen;
  // A reader is of a higher level, so only a cluster can lead back.
  size_t end = horizon(std::max(cluster.last, levelOf(op)));
  auto visit = [&](Operation *reader) {
    reader = block.findAncestorOpInBlock(*reader);
    if (reader && levelOf(reader) > end)
      return;
    // Whoever reads a cluster waits for all of it.
    Cluster *other = reader ? of(reader) : nullptr;
    if (!other) {
      if (reader && seen.insert(reader).second)
        work.push_back(reader);
      return;
    }
    for (Operation *member : other->ops)
      if (seen.insert(member).second)
        work.push_back(member);
  };
  auto leave = [&](Operation *from) {
    for (Operation *user : from->getUsers())
      if (!isInside(user))
        visit(user);
  };
  leave(op);
  for (Operation *member : cluster.ops)
    leave(member);
  while (!work.empty())
    for (Operation *user : work.pop_back_val()->getUsers()) {
      if (isInside(user))
        return true;
      if (!seen.contains(user))
        visit(user);
    }
  return false;
}

} // namespace attune::fusion
