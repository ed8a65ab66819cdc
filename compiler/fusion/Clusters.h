// Sets of ops that become groups, and what may join them. Private to fusion/.
#pragma once

#include "dialects/nn/NN.h"
#include "mlir/IR/Block.h"
#include "llvm/ADT/DenseSet.h"

namespace attune::fusion {

/// The ops of one group, in block order.
struct Cluster {
  nn::GroupKind kind;
  /// Names the group: contract, attention, softmax, norm or reduce, else the
  /// last op.
  mlir::Operation *main;
  /// Iteration space (README.md).
  nn::Dims space;
  /// Trailing dims of `space` that a row group reduces; 0 elsewhere.
  int64_t columns = 0;
  llvm::SetVector<mlir::Operation *> ops;
};

/// All clusters of a block, and who reads whom.
class Clusters {
public:
  explicit Clusters(mlir::Block &block) : block(block) {}

  Cluster &create(nn::GroupKind kind, mlir::Operation *main, nn::Dims space,
                  int64_t columns = 0);
  Cluster *of(mlir::Operation *op) const { return owner.lookup(op); }
  bool isTaken(mlir::Operation *op) const { return owner.contains(op); }
  void add(Cluster &cluster, mlir::Operation *op);
  /// Takes an op out again; nothing in the cluster may read it.
  void remove(Cluster &cluster, mlir::Operation *op);

  /// Whether a path leaves `cluster` with `op` and comes back, other clusters
  /// being one node each. Such a group could not be scheduled.
  bool makesCycle(const Cluster &cluster, mlir::Operation *op) const;
  /// Whether some value of `op` is read outside of `cluster`.
  bool isReadOutside(const Cluster &cluster, mlir::Operation *op) const;

  llvm::ArrayRef<std::unique_ptr<Cluster>> all() const { return clusters; }
  mlir::Block &getBlock() const { return block; }

private:
  mlir::Block &block;
  llvm::SmallVector<std::unique_ptr<Cluster>> clusters;
  llvm::DenseMap<mlir::Operation *, Cluster *> owner;
};

/// Ops that groups are made of; not views, weights and constants.
bool isCompute(mlir::Operation *op);

/// A constant whose elements are equal: a literal inside bodies.
bool isSplatConstant(mlir::Value value);

/// Made of iota, dim and literals alone: a function of positions. Bodies hold
/// copies of such ops, so that no mask of positions is ever stored.
bool isPositional(mlir::Operation *op);

/// One cluster for each op that computes, joined as far as README.md allows.
void growClusters(Clusters &clusters);
/// One cluster for each op that computes.
void separateClusters(Clusters &clusters);

} // namespace attune::fusion
