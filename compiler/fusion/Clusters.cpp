// Clusters as a graph.
#include "compiler/fusion/Clusters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

namespace attune::fusion {

using namespace mlir;

bool isCompute(Operation *op) {
  return isa<nn::ElementwiseOp, nn::ReduceOp, nn::ContractOp, nn::NormOp,
             nn::SoftmaxOp, nn::AttentionOp, nn::ConcatOp, nn::PadOp,
             nn::GatherOp, nn::IotaOp, nn::DimOp>(op);
}

bool isSplatConstant(Value value) {
  DenseElementsAttr elements;
  return matchPattern(value, m_Constant(&elements)) && elements.isSplat();
}

bool isPositional(Operation *op) {
  if (!op)
    return false;
  if (isa<nn::IotaOp, nn::DimOp>(op))
    return true;
  return isa<nn::ElementwiseOp>(op) &&
         llvm::all_of(op->getOperands(), [](Value operand) {
           return isSplatConstant(operand) ||
                  isPositional(operand.getDefiningOp());
         });
}

Cluster &Clusters::create(nn::GroupKind kind, Operation *main, nn::Dims space,
                          int64_t columns) {
  auto cluster = std::make_unique<Cluster>();
  cluster->kind = kind;
  cluster->main = main;
  cluster->space = std::move(space);
  cluster->columns = columns;
  clusters.push_back(std::move(cluster));
  add(*clusters.back(), main);
  return *clusters.back();
}

void Clusters::add(Cluster &cluster, Operation *op) {
  cluster.ops.insert(op);
  owner[op] = &cluster;
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
  auto visit = [&](Operation *reader) {
    reader = block.findAncestorOpInBlock(*reader);
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
