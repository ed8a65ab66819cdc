// FoldWeights: what is computed from weights alone is computed once.
//
// Enters: nn in which ops may read only weights and constants (a scaled matrix,
// a table of relative positions gathered at constant indices). Leaves: a
// derived nn.weight for each, whose `init` region holds those ops; the package
// writer runs it. A trainable weight may change, so whatever reads one stays.
#include "compiler/cleanup/Passes.h"
#include "dialects/nn/NodeName.h"
#include "dialects/nn/Weights.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/RegionUtils.h"

namespace attune::cleanup {

#define GEN_PASS_DEF_FOLDWEIGHTS
#include "compiler/cleanup/Passes.h.inc"

using namespace mlir;

// A derived weight may be this many bytes, or twice what it is made of.
static constexpr int64_t smallBytes = int64_t(16) << 20;

static bool isView(Operation *op) {
  return isa<nn::ReshapeOp, nn::TransposeOp, nn::BroadcastOp, nn::SliceOp>(op);
}

static int64_t bytesOf(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.getNumElements() *
         int64_t((type.getElementType().getIntOrFloatBitWidth() + 7) / 8);
}

// Derived weights that read derived weights: at most this many in a row, and
// each of at most so many ops, so that computing one ends soon.
static constexpr int64_t mostLevels = 16;
static constexpr size_t mostOps = 4096;

namespace {
// What is known of an op made of frozen weights and constants, with static
// shapes throughout.
struct Frozen {
  bool readsWeight = false;
  int64_t sourceBytes = 0; ///< Of the weights and constants, once per path.
};

class WeightFolder {
public:
  explicit WeightFolder(ModuleOp module) : module(module), symbols(module) {}

  void run(func::FuncOp function);

private:
  std::optional<Frozen> look(Operation *op);
  std::optional<Frozen> lookAtWeight(nn::LoadWeightOp load);
  bool isFrozen(Operation *op) const { return frozen.contains(op); }
  bool isNeeded(Operation *op) const;
  bool isWorthFolding(Operation *op) const;
  std::optional<int64_t> levelOf(ArrayRef<Operation *> tree);
  void fold(Operation *op);

  ModuleOp module;
  SymbolTable symbols;
  llvm::DenseMap<Operation *, Frozen> frozen;
  llvm::DenseSet<Operation *> needed;
  llvm::StringMap<int64_t> levels; ///< Of derived weights.
};
} // namespace

std::optional<Frozen> WeightFolder::lookAtWeight(nn::LoadWeightOp load) {
  if (!nn::frozenWeight(symbols, load))
    return std::nullopt;
  return Frozen{true, bytesOf(load.getResult())};
}

// Operands have been looked at before: nothing here recurses.
std::optional<Frozen> WeightFolder::look(Operation *op) {
  if (op->getNumResults() != 1 || op->getNumRegions() != 0)
    return std::nullopt;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || !type.hasStaticShape())
    return std::nullopt;
  if (auto load = dyn_cast<nn::LoadWeightOp>(op))
    return lookAtWeight(load);
  if (isa<arith::ConstantOp>(op))
    return Frozen{false, bytesOf(op->getResult(0))};
  if (!isa<nn::NNDialect>(op->getDialect()))
    return std::nullopt;
  Frozen all;
  if (op->getNumOperands() == 0)
    all.sourceBytes = bytesOf(op->getResult(0));
  for (Value operand : op->getOperands()) {
    auto part = frozen.find(operand.getDefiningOp());
    if (part == frozen.end())
      return std::nullopt;
    all.readsWeight |= part->second.readsWeight;
    if (__builtin_add_overflow(all.sourceBytes, part->second.sourceBytes,
                               &all.sourceBytes))
      return std::nullopt;
  }
  return all;
}

// Read, perhaps through views, by an op that is not folded itself. Users have
// been looked at before.
bool WeightFolder::isNeeded(Operation *op) const {
  return llvm::any_of(op->getUsers(), [&](Operation *user) {
    return !isFrozen(user) || (isView(user) && needed.contains(user));
  });
}

static bool computes(Operation *op) {
  return isa<nn::NNDialect>(op->getDialect()) && !isView(op) &&
         op->getNumOperands() > 0;
}

bool WeightFolder::isWorthFolding(Operation *op) const {
  const Frozen &fact = frozen.find(op)->second;
  return computes(op) && fact.readsWeight &&
         bytesOf(op->getResult(0)) / 2 <=
             std::max(smallBytes / 2, fact.sourceBytes);
}

// An op and what it reads, in the order of the block.
static SmallVector<Operation *> treeOf(Operation *op) {
  llvm::SetVector<Operation *> tree;
  tree.insert(op);
  for (size_t next = 0; next < tree.size() && next <= mostOps; ++next)
    for (Value operand : tree[next]->getOperands())
      tree.insert(operand.getDefiningOp());
  SmallVector<Operation *> order(tree.begin(), tree.end());
  llvm::sort(order,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return order;
}

// That of the weight which the tree would become; nothing beyond the limits.
std::optional<int64_t> WeightFolder::levelOf(ArrayRef<Operation *> tree) {
  int64_t level = 1;
  for (Operation *op : tree)
    if (auto load = dyn_cast<nn::LoadWeightOp>(op))
      level = std::max(level, 1 + levels.lookup(load.getWeight()));
  if (level > mostLevels || tree.size() > mostOps)
    return std::nullopt;
  return level;
}

static std::string nameOf(Operation *op) {
  std::string name = nn::nodeName(op->getLoc());
  return name.empty() ? "folded" : "folded." + name;
}

void WeightFolder::fold(Operation *op) {
  SmallVector<Operation *> tree = treeOf(op);
  std::optional<int64_t> level = levelOf(tree);
  if (!level)
    return;
  Value value = op->getResult(0);
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  nn::WeightOp weight = nn::deriveWeight(
      builder, op->getLoc(), nameOf(op),
      cast<RankedTensorType>(value.getType()), [&](OpBuilder &inside) {
        IRMapping mapping;
        for (Operation *part : tree)
          inside.clone(*part, mapping);
        return mapping.lookup(value);
      });
  symbols.insert(weight);
  levels[weight.getSymName()] = *level;
  builder.setInsertionPoint(op);
  value.replaceAllUsesWith(nn::loadWeight(builder, op->getLoc(), weight));
}

void WeightFolder::run(func::FuncOp function) {
  SmallVector<Operation *> order, roots;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    order.push_back(op);
    if (auto fact = look(op))
      frozen[op] = *fact;
  });
  for (Operation *op : llvm::reverse(order))
    if (isFrozen(op) && isNeeded(op)) {
      needed.insert(op);
      if (isWorthFolding(op))
        roots.push_back(op);
    }
  // In block order: what reads an earlier root then reads its weight.
  for (Operation *op : llvm::reverse(roots))
    fold(op);
}

namespace {
struct FoldWeights : impl::FoldWeightsBase<FoldWeights> {
  void runOnOperation() override {
    WeightFolder folder(getOperation());
    IRRewriter rewriter(&getContext());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      folder.run(function);
      (void)runRegionDCE(rewriter, function->getRegions());
    }
  }
};
} // namespace

} // namespace attune::cleanup
