// Which ops join which group. README.md has the rules; here is the order.
//
// Contractions first: what follows a product in its registers costs nothing.
// Then sums of gathers, then rows around norms, softmax and reductions. Maps
// take what is left.
#include "compiler/fusion/Clusters.h"

namespace attune::fusion {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;
using nn::ElementwiseOp;
using nn::GroupKind;

static bool isBool(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType().isInteger(1);
}

static bool readsCluster(const Cluster &cluster, Operation *op) {
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    Operation *producer = operand.getDefiningOp();
    return producer && cluster.ops.contains(producer);
  });
}

static bool broadcastsToSpace(Value value, const Cluster &cluster) {
  return nn::broadcastsTo(nn::getDims(value), cluster.space);
}

// ---- contraction ----

// Whether an update of weights may be part of a product. It may if there is but
// one, as where a gradient is added to: that has the place of the old value. An
// optimizer updates a weight and its averages, each in its place, which a map
// can do and a product with several results cannot.
static bool mayUpdate(const Clusters &clusters, const Cluster &cluster,
                      ElementwiseOp op) {
  std::optional<int64_t> update = clusters.updateOf(op);
  if (!update)
    return true;
  auto isSame = [&](Operation *reader) {
    return clusters.updateOf(reader) == update;
  };
  return *update != Clusters::kSeveral &&
         llvm::all_of(op.getInputs(), [&](Value input) {
           Operation *producer = input.getDefiningOp();
           return !producer || !cluster.ops.contains(producer) ||
                  llvm::all_of(producer->getUsers(), isSame);
         });
}

// An elementwise op over the product's result whose other operands exist before
// the product runs. One that is made much later would hold it up, and what it
// reads in memory: the gradient of a table that is the last layer as well is
// the sum of one from the first op of the backward pass and one from its last.
static bool isEpilogue(const Clusters &clusters, const Cluster &cluster,
                       ElementwiseOp op) {
  if (clusters.isTaken(op) || nn::getDims(op.getResult()) != cluster.space ||
      !readsCluster(cluster, op) || !mayUpdate(clusters, cluster, op))
    return false;
  for (Value input : op.getInputs()) {
    Operation *producer = input.getDefiningOp();
    if (producer && cluster.ops.contains(producer))
      continue;
    // Positions have no registers in a tile of products.
    if (!broadcastsToSpace(input, cluster) || clusters.isPositional(producer))
      return false;
    if (producer && clusters.depthOf(producer) > clusters.depthOf(cluster.main))
      return false;
  }
  return !clusters.isBarred(cluster, op);
}

// Conditions stay inside: an i1 that is read outside goes back, and whatever in
// the epilogue reads it.
static void dropBoolResults(Clusters &clusters, Cluster &cluster) {
  SmallVector<Operation *> drop;
  for (Operation *op : cluster.ops)
    if ((isBool(op->getResult(0)) && clusters.isReadOutside(cluster, op)) ||
        llvm::any_of(op->getOperands(), [&](Value operand) {
          return llvm::is_contained(drop, operand.getDefiningOp());
        }))
      drop.push_back(op);
  for (Operation *op : llvm::reverse(drop))
    clusters.remove(cluster, op);
}

// What a row group or an optimizer can make of a value that is stored anyway is
// not stored as well: the squares of a gradient, of which a norm is the sum;
// what the gradient of a layer's norm is made of. At worst the reader reads two
// tensors for one, and the product reads and writes one less each.
static void dropRepeated(Clusters &clusters, Cluster &cluster) {
  auto isStored = [&](Value input) {
    Operation *producer = input.getDefiningOp();
    return !producer || !cluster.ops.contains(producer) ||
           clusters.isReadOutside(cluster, producer);
  };
  auto reduces = [](Operation *reader) {
    return isa<nn::ReduceOp, nn::NormOp, nn::SoftmaxOp>(reader);
  };
  auto isMadeByReaders = [&](Operation *op) {
    bool joinsRow = llvm::any_of(op->getUsers(), reduces);
    return llvm::all_of(op->getUsers(), [&](Operation *reader) {
      return !cluster.ops.contains(reader) && !clusters.isTaken(reader) &&
             (reduces(reader) || clusters.updateOf(reader) ||
              (joinsRow && isa<ElementwiseOp>(reader)));
    });
  };
  SmallVector<Operation *> members(cluster.ops.begin(), cluster.ops.end());
  for (Operation *op : llvm::reverse(ArrayRef(members).drop_front()))
    if (llvm::all_of(op->getOperands(), isStored) && isMadeByReaders(op))
      clusters.remove(cluster, op);
}

static void growContraction(Clusters &clusters, nn::ContractOp contract) {
  Cluster &cluster = clusters.create(GroupKind::Contraction, contract,
                                     nn::getDims(contract.getResult()));
  if (isBool(contract.getResult()))
    return;
  // Members come in block order, so that one walk over the readers is enough:
  // a reader of the newest member is looked at after it.
  for (size_t next = 0; next < cluster.ops.size(); ++next)
    for (Operation *user : cluster.ops[next]->getUsers())
      if (auto op = dyn_cast<ElementwiseOp>(user);
          op && isEpilogue(clusters, cluster, op))
        clusters.add(cluster, op);
  dropBoolResults(clusters, cluster);
  dropRepeated(clusters, cluster);
}

// ---- row ----

// The dims with columns of 1.
static Dims reducedSpace(const Cluster &cluster) {
  Dims dims = cluster.space;
  for (DimAttr &dim : llvm::MutableArrayRef(dims).take_back(cluster.columns))
    dim = DimAttr::constant(dim.getContext(), 1);
  return dims;
}

static bool hasRowDims(Value value, const Cluster &cluster) {
  Dims dims = nn::getDims(value);
  return dims == cluster.space || dims == reducedSpace(cluster);
}

// The number of trailing dims that an op reduces or normalises, 0 for others.
static int64_t reducedColumns(Operation *op) {
  int64_t rank = 0, first = 0;
  if (auto norm = dyn_cast<nn::NormOp>(op)) {
    rank = nn::getDims(norm.getInput()).size();
    first = norm.getAxis();
  } else if (auto softmax = dyn_cast<nn::SoftmaxOp>(op)) {
    rank = nn::getDims(softmax.getInput()).size();
    first = softmax.getAxis();
  } else if (auto reduce = dyn_cast<nn::ReduceOp>(op)) {
    rank = nn::getDims(reduce.getInput()).size();
    first = reduce.getAxes().empty() ? rank : reduce.getAxes().front();
  }
  return rank - first;
}

// Whether an op may stand in a row body, its neighbourhood apart.
static bool fitsRow(const Clusters &clusters, const Cluster &cluster,
                    Operation *op) {
  if (clusters.isTaken(op) || op->getNumResults() == 0)
    return false;
  if (int64_t columns = reducedColumns(op))
    return columns == cluster.columns &&
           nn::getDims(op->getOperand(0)) == cluster.space;
  if (!isa<ElementwiseOp>(op) || !hasRowDims(op->getResult(0), cluster))
    return false;
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    return broadcastsToSpace(operand, cluster);
  });
}

// A reduction that drops its columns is read outside only, and conditions are
// read inside only.
static bool isReadableIn(const Clusters &clusters, const Cluster &cluster,
                         Operation *op) {
  Value result = op->getResult(0);
  if (isBool(result))
    return llvm::all_of(op->getUsers(), [&](Operation *user) {
      return cluster.ops.contains(user);
    });
  return true;
}

static bool joinRow(Clusters &clusters, Cluster &cluster, Operation *op) {
  if (!op || !fitsRow(clusters, cluster, op) ||
      !isReadableIn(clusters, cluster, op) || clusters.isBarred(cluster, op))
    return false;
  clusters.add(cluster, op);
  return true;
}

static bool isDroppedReduce(Operation *op) {
  auto reduce = dyn_cast<nn::ReduceOp>(op);
  return reduce && !reduce.getKeepdims();
}

// Reductions that read what a member reads in full: the sums of a gradient and
// of its product with something else, of which a norm's parameters need both.
// Neither reads the other; together they read memory once.
static bool joinSiblings(Clusters &clusters, Cluster &cluster,
                         Operation *member) {
  bool joined = false;
  for (Value operand : member->getOperands())
    if (nn::getDims(operand) == cluster.space)
      for (Operation *user : operand.getUsers())
        if (reducedColumns(user) > 0)
          joined |= joinRow(clusters, cluster, user);
  return joined;
}

static void growRow(Clusters &clusters, Operation *seed) {
  Cluster &cluster =
      clusters.create(GroupKind::Row, seed, nn::getDims(seed->getOperand(0)),
                      reducedColumns(seed));
  bool changed = true;
  while (changed) {
    changed = false;
    // A copy: joining adds members.
    SmallVector<Operation *> members(cluster.ops.begin(), cluster.ops.end());
    for (Operation *member : members) {
      for (Value operand : member->getOperands())
        if (Operation *producer = operand.getDefiningOp();
            producer && !clusters.isPositional(producer) &&
            !isDroppedReduce(producer))
          changed |= joinRow(clusters, cluster, producer);
      if (!isDroppedReduce(member))
        for (Operation *user : member->getUsers())
          changed |= joinRow(clusters, cluster, user);
      changed |= joinSiblings(clusters, cluster, member);
    }
  }
}

// ---- map ----

// An op that reads its operands element by element or by index, so that it can
// stand inside a map of the same space.
static bool joinMap(Clusters &clusters, Cluster &cluster, Operation *op) {
  if (!op || clusters.isTaken(op) || !isa<ElementwiseOp, nn::GatherOp>(op) ||
      clusters.isPositional(op))
    return false;
  Dims dims = nn::getDims(op->getResult(0));
  // A smaller value would be computed again for each element that it goes to;
  // for a gather that is a load like that of any operand.
  bool onlyHere = !clusters.isReadOutside(cluster, op);
  if (dims != cluster.space && !(isa<nn::GatherOp>(op) && onlyHere &&
                                 nn::broadcastsTo(dims, cluster.space)))
    return false;
  if (clusters.isBarred(cluster, op))
    return false;
  clusters.add(cluster, op);
  return true;
}

static void growMap(Clusters &clusters, Operation *seed) {
  Cluster &cluster =
      clusters.create(GroupKind::Map, seed, nn::getDims(seed->getResult(0)));
  // What gathers, concats and pads read is computed before them.
  if (!isa<ElementwiseOp>(seed))
    return;
  for (size_t next = 0; next < cluster.ops.size(); ++next) {
    Operation *member = cluster.ops[next];
    if (isa<ElementwiseOp>(member))
      for (Value operand : member->getOperands())
        joinMap(clusters, cluster, operand.getDefiningOp());
  }
}

// Sums of gathered rows (embeddings): the gathers are loads of the sum, which a
// norm after them then reads once.
static void growGatherSums(Clusters &clusters, ArrayRef<Operation *> ops) {
  llvm::DenseSet<Operation *> sums;
  auto isGathered = [&](Value value, const Dims &dims) {
    Operation *producer = value.getDefiningOp();
    return producer && nn::getDims(value) == dims &&
           (isa<nn::GatherOp>(producer) || sums.contains(producer));
  };
  for (Operation *op : ops) {
    auto add = dyn_cast<ElementwiseOp>(op);
    if (!add || clusters.isTaken(op) ||
        add.getKind() != nn::ElementwiseKind::Add)
      continue;
    Dims dims = nn::getDims(add.getResult());
    if (llvm::any_of(add.getInputs(),
                     [&](Value input) { return isGathered(input, dims); }))
      sums.insert(op);
  }
  for (Operation *op : llvm::reverse(ops))
    if (sums.contains(op) && !clusters.isTaken(op))
      growMap(clusters, op);
}

// ---- all ----

static SmallVector<Operation *> computeOps(Block &block) {
  SmallVector<Operation *> ops;
  for (Operation &op : block)
    if (isCompute(&op))
      ops.push_back(&op);
  return ops;
}

// Positional ops are copied into who reads them; one that is read by a view, a
// return or an op that cannot hold a copy is computed as a map. `copied` holds
// the ops after `op` that need no map.
static bool isCopiedEverywhere(const Clusters &clusters, Operation *op,
                               const llvm::DenseSet<Operation *> &copied) {
  return llvm::all_of(op->getUsers(), [&](Operation *user) {
    Cluster *cluster = clusters.of(user);
    bool holdsCopy =
        cluster && isa<ElementwiseOp>(user) &&
        (cluster->kind == GroupKind::Row || cluster->kind == GroupKind::Map);
    return holdsCopy || copied.contains(user);
  });
}

static GroupKind kindOfAttention(Operation *op) {
  return isa<nn::AttentionOp>(op) ? GroupKind::Attention
                                  : GroupKind::AttentionBackward;
}

void growClusters(Clusters &clusters) {
  SmallVector<Operation *> ops = computeOps(clusters.getBlock());
  for (Operation *op : ops)
    if (auto contract = dyn_cast<nn::ContractOp>(op))
      growContraction(clusters, contract);
  for (Operation *op : ops)
    if (isa<nn::AttentionOp, nn::AttentionBackwardOp>(op))
      clusters.create(kindOfAttention(op), op, nn::getDims(op->getResult(0)));
  for (Operation *op : ops)
    if (auto scatter = dyn_cast<nn::ScatterOp>(op))
      clusters.create(GroupKind::Scatter, op, nn::getDims(scatter.getResult()));
  growGatherSums(clusters, ops);
  for (Operation *op : ops)
    if (!clusters.isTaken(op) && reducedColumns(op) > 0)
      growRow(clusters, op);
  // From the last op up, so that a map is named and shaped by what it gives.
  for (Operation *op : llvm::reverse(ops))
    if (!clusters.isTaken(op) && !clusters.isPositional(op))
      growMap(clusters, op);
  llvm::DenseSet<Operation *> copied;
  for (Operation *op : llvm::reverse(ops)) {
    if (clusters.isTaken(op))
      continue;
    if (isCopiedEverywhere(clusters, op, copied))
      copied.insert(op);
    else
      clusters.create(GroupKind::Map, op, nn::getDims(op->getResult(0)));
  }
}

void separateClusters(Clusters &clusters) {
  for (Operation *op : computeOps(clusters.getBlock())) {
    GroupKind kind = isa<nn::ContractOp>(op) ? GroupKind::Contraction
                     : isa<nn::AttentionOp, nn::AttentionBackwardOp>(op)
                         ? kindOfAttention(op)
                     : isa<nn::ScatterOp>(op) ? GroupKind::Scatter
                     : reducedColumns(op) > 0 ? GroupKind::Row
                                              : GroupKind::Map;
    clusters.create(kind, op,
                    nn::getDims(kind == GroupKind::Row ? op->getOperand(0)
                                                       : op->getResult(0)),
                    reducedColumns(op));
  }
}

} // namespace attune::fusion
