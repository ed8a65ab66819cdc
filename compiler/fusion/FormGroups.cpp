// FormGroups: each op that computes goes into one nn.group.
//
// Enters: nn with reductions over trailing dims and strategies chosen. Leaves:
// a function of groups, views, weights and constants.
#include "compiler/fusion/Clusters.h"
#include "compiler/fusion/Ledger.h"
#include "compiler/fusion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

namespace attune::fusion {

#define GEN_PASS_DEF_FORMGROUPS
#include "compiler/fusion/Passes.h.inc"

using namespace mlir;

namespace {
// Writes one cluster as a group.
class Outliner {
public:
  Outliner(Clusters &clusters, Cluster &cluster)
      : clusters(clusters), cluster(cluster),
        builder(cluster.main->getContext()) {}

  void run();

private:
  bool isLiteral(Value value);
  void collectOperandsOf(Operation *op);
  void collectOperands();
  void collectResults();
  void copy(Operation *op);
  Location location();
  Operation *place();

  Clusters &clusters;
  Cluster &cluster;
  OpBuilder builder;
  SmallVector<Operation *> order; // members as in the block
  llvm::SetVector<Value> operands;
  SmallVector<Value> results;
  IRMapping mapping;
};
} // namespace

// Literals and positional ops are copied into the body, not passed to it.
bool Outliner::isLiteral(Value value) {
  if (isSplatConstant(value))
    return true;
  Operation *op = value.getDefiningOp();
  return clusters.isPositional(op) && !cluster.ops.contains(op) &&
         (cluster.kind == nn::GroupKind::Row ||
          cluster.kind == nn::GroupKind::Map);
}

void Outliner::collectOperandsOf(Operation *op) {
  for (Value operand : op->getOperands()) {
    Operation *producer = operand.getDefiningOp();
    if (producer && cluster.ops.contains(producer))
      continue;
    // These read memory: they take even literals as operands, but for the
    // value that a pad writes.
    bool reads =
        isa<nn::ConcatOp, nn::GatherOp, nn::ContractOp, nn::AttentionOp,
            nn::AttentionBackwardOp, nn::NormOp, nn::ScatterOp>(op) ||
        (isa<nn::PadOp>(op) && operand == op->getOperand(0));
    if (reads || !isLiteral(operand))
      operands.insert(operand);
    else
      collectOperandsOf(producer); // of random numbers that are copied
  }
}

void Outliner::collectOperands() {
  collectOperandsOf(cluster.main);
  for (Operation *op : order)
    collectOperandsOf(op);
}

// The last op's values first.
void Outliner::collectResults() {
  for (Operation *op : llvm::reverse(order))
    for (Value value : op->getResults())
      if (llvm::any_of(value.getUsers(), [&](Operation *user) {
            return !cluster.ops.contains(user);
          }))
        results.push_back(value);
}

void Outliner::copy(Operation *op) {
  for (Value operand : op->getOperands()) {
    if (mapping.contains(operand))
      continue;
    assert(isLiteral(operand) && "an operand that was not collected");
    copy(operand.getDefiningOp());
  }
  builder.clone(*op, mapping);
}

Location Outliner::location() {
  SmallVector<Location> locations = {cluster.main->getLoc()};
  for (Operation *op : order)
    locations.push_back(op->getLoc());
  return FusedLoc::get(builder.getContext(), locations);
}

// A group stands right behind its main op and its operands. Behind its last
// member would be too late: the square of a gradient, which a norm of all
// gradients reads, stands behind all of the backward pass, and a product that
// waits for it holds its operands as long. What updates weights stays last, so
// that whoever reads the old value has done so. Maps stay where they are read.
Operation *Outliner::place() {
  auto updates = [&](Operation *op) {
    return clusters.updateOf(op).has_value();
  };
  if (cluster.kind == nn::GroupKind::Map || llvm::any_of(order, updates))
    return order.back();
  Operation *last = cluster.main;
  for (Value operand : operands)
    if (Operation *producer = operand.getDefiningOp();
        producer && last->isBeforeInBlock(producer))
      last = producer;
  return last;
}

void Outliner::run() {
  order.assign(cluster.ops.begin(), cluster.ops.end());
  llvm::sort(order,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  collectOperands();
  collectResults();
  SmallVector<Type> types =
      llvm::map_to_vector(results, [](Value value) { return value.getType(); });
  builder.setInsertionPointAfter(place());
  auto group = nn::GroupOp::create(builder, location(), types, cluster.kind,
                                   operands.getArrayRef());
  Block *body = builder.createBlock(&group.getBody());
  for (Value operand : operands)
    mapping.map(operand,
                body->addArgument(operand.getType(), operand.getLoc()));
  for (Operation *op : order)
    copy(op);
  SmallVector<Value> yielded = llvm::map_to_vector(
      results, [&](Value value) { return mapping.lookup(value); });
  nn::YieldOp::create(builder, group.getLoc(), yielded);
  for (auto [value, result] : llvm::zip(results, group.getResults()))
    value.replaceUsesWithIf(result, [&](OpOperand &use) {
      return !cluster.ops.contains(use.getOwner());
    });
  // Whatever reads the members now is a member itself.
  for (Operation *op : llvm::reverse(order)) {
    clusters.forget(op);
    op->erase();
  }
}

// The block in its order, but for ops whose operands stand behind them: those
// come first. The sort that MLIR has puts such an op behind all that can stand
// before it, and with it the whole backward pass behind what it computes again.
static void sortByOperands(Block &block) {
  SmallVector<Operation *> order, stack;
  llvm::DenseSet<Operation *> done;
  auto isMissing = [&](Value operand) {
    Operation *producer = operand.getDefiningOp();
    return producer && !done.contains(producer);
  };
  for (Operation &next : block) {
    stack.push_back(&next);
    while (!stack.empty()) {
      Operation *op = stack.back();
      if (!done.contains(op))
        if (auto missing = llvm::find_if(op->getOperands(), isMissing);
            missing != op->operand_end()) {
          stack.push_back((*missing).getDefiningOp());
          continue;
        }
      stack.pop_back();
      if (done.insert(op).second)
        order.push_back(op);
    }
  }
  for (Operation *op : order)
    op->moveBefore(&block, block.end());
}

static void formGroups(func::FuncOp function, bool fuse) {
  for (Block &block : function.getBody()) {
    Clusters clusters(block);
    if (fuse)
      growClusters(clusters);
    else
      separateClusters(clusters);
    for (const auto &cluster : clusters.all())
      if (!cluster->ops.empty())
        Outliner(clusters, *cluster).run();
    sortByOperands(block);
  }
}

namespace {
struct FormGroups : impl::FormGroupsBase<FormGroups> {
  using FormGroupsBase::FormGroupsBase;
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      (void)runRegionDCE(rewriter, function->getRegions());
      formGroups(function, fuse);
      // Positional ops whose copies stand in groups.
      (void)runRegionDCE(rewriter, function->getRegions());
    }
  }
};
} // namespace

} // namespace attune::fusion
