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
  /// Levels between which the members lie.
  size_t first = 0, last = 0;
};

/// The code of a kernel grows with its ops, and the time to compile it faster
/// than that. No model that people write comes near.
inline constexpr size_t kMostOps = 64;

/// All clusters of a block, and who reads whom.
class Clusters {
public:
  explicit Clusters(mlir::Block &block);

  Cluster &create(nn::GroupKind kind, mlir::Operation *main, nn::Dims space,
                  int64_t columns = 0);
  Cluster *of(mlir::Operation *op) const { return owner.lookup(op); }
  bool isTaken(mlir::Operation *op) const { return owner.contains(op); }
  void add(Cluster &cluster, mlir::Operation *op);
  /// Takes an op out again; nothing in the cluster may read it.
  void remove(Cluster &cluster, mlir::Operation *op);
  /// Of an op that is about to be erased.
  void forget(mlir::Operation *op) { positional.erase(op); }

  /// Made of iota, dim, random and literals alone: a function of positions.
  /// Bodies hold copies of such ops, so that no mask of positions and no random
  /// number that something else is made of is ever stored.
  bool isPositional(mlir::Operation *op) const {
    return positional.contains(op);
  }
  /// The result of the function that is the new value of a weight (nn.updates)
  /// and that `op` is a part of, if nothing else is made of it; kSeveral if
  /// there are more such results.
  std::optional<int64_t> updateOf(mlir::Operation *op) const {
    auto found = updates.find(op);
    return found == updates.end() ? std::nullopt : std::optional(found->second);
  }
  static constexpr int64_t kSeveral = -1;
  /// Whether `op` may not join: the cluster is full, or a path leaves it with
  /// `op` and comes back, other clusters being one node each. Such a group
  /// could not be scheduled.
  bool isBarred(const Cluster &cluster, mlir::Operation *op) const {
    return cluster.ops.size() >= kMostOps || makesCycle(cluster, op);
  }
  bool makesCycle(const Cluster &cluster, mlir::Operation *op) const;
  /// The most kernels on a way to `op`, itself counted, if views and
  /// elementwise ops need none: how late it can run at the earliest.
  size_t depthOf(mlir::Operation *op) const { return levels.lookup(op).depth; }
  /// Whether some value of `op` is read outside of `cluster`.
  bool isReadOutside(const Cluster &cluster, mlir::Operation *op) const;

  llvm::ArrayRef<std::unique_ptr<Cluster>> all() const { return clusters; }
  mlir::Block &getBlock() const { return block; }

private:
  /// The longest way to an op, in all ops and in those that depthOf counts.
  struct Level {
    size_t ops = 0, depth = 0;
  };
  size_t levelOf(mlir::Operation *op) const { return levels.lookup(op).ops; }
  /// The end of what has to be searched for a way back to `level` or before: no
  /// cluster has members on both sides of it.
  size_t horizon(size_t level) const;
  void findLevels();
  void findUpdates();

  mlir::Block &block;
  llvm::SmallVector<std::unique_ptr<Cluster>> clusters;
  llvm::DenseMap<mlir::Operation *, Cluster *> owner;
  llvm::DenseSet<mlir::Operation *> positional;
  llvm::DenseMap<mlir::Operation *, int64_t> updates;
  llvm::DenseMap<mlir::Operation *, Level> levels;
  /// A Fenwick tree: the greatest `last` of the clusters by their `first`.
  std::vector<size_t> furthest;
};

/// Ops that groups are made of; not views, weights and constants.
bool isCompute(mlir::Operation *op);

/// A constant whose elements are equal: a literal inside bodies.
bool isSplatConstant(mlir::Value value);

/// One cluster for each op that computes, joined as far as README.md allows.
void growClusters(Clusters &clusters);
/// One cluster for each op that computes.
void separateClusters(Clusters &clusters);

} // namespace attune::fusion
