// FoldWeights: what is computed from weights alone is computed once.
//
// Enters: nn in which ops may read only weights and constants (a scaled matrix,
// a table of relative positions gathered at constant indices). Leaves: a
// derived nn.weight for each, whose `init` region holds those ops; the package
// writer runs it. A trainable weight may change, so whatever reads one stays.
#include "compiler/cleanup/Passes.h"
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

namespace {
class WeightFolder {
public:
  explicit WeightFolder(ModuleOp module) : module(module), symbols(module) {}

  void run(func::FuncOp function);

private:
  bool isFrozen(Value value);
  bool readsWeight(Operation *op);
  bool isNeeded(Operation *op);
  int64_t sourceBytes(Operation *op);
  void fold(Operation *op);

  ModuleOp module;
  SymbolTable symbols;
  llvm::DenseMap<Operation *, bool> frozen;
};
} // namespace

// Made of frozen weights and constants, with static shapes throughout.
bool WeightFolder::isFrozen(Value value) {
  Operation *op = value.getDefiningOp();
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!op || !type || !type.hasStaticShape() || op->getNumResults() != 1 ||
      op->getNumRegions() != 0)
    return false;
  if (auto it = frozen.find(op); it != frozen.end())
    return it->second;
  bool result = false;
  if (auto load = dyn_cast<nn::LoadWeightOp>(op)) {
    auto weight = symbols.lookup<nn::WeightOp>(load.getWeight());
    result = weight && weight.isFrozen();
  } else if (isa<arith::ConstantOp>(op)) {
    result = true;
  } else if (isa<nn::NNDialect>(op->getDialect())) {
    result = llvm::all_of(op->getOperands(),
                          [&](Value operand) { return isFrozen(operand); });
  }
  return frozen[op] = result;
}

bool WeightFolder::readsWeight(Operation *op) {
  return isa<nn::LoadWeightOp>(op) ||
         llvm::any_of(op->getOperands(), [&](Value operand) {
           return readsWeight(operand.getDefiningOp());
         });
}

// Read, perhaps through views, by an op that is not folded itself.
bool WeightFolder::isNeeded(Operation *op) {
  return llvm::any_of(op->getUsers(), [&](Operation *user) {
    if (user->getNumResults() != 1 || !isFrozen(user->getResult(0)))
      return true;
    return isView(user) && isNeeded(user);
  });
}

int64_t WeightFolder::sourceBytes(Operation *op) {
  if (op->getNumOperands() == 0)
    return bytesOf(op->getResult(0));
  int64_t sum = 0;
  for (Value operand : op->getOperands())
    sum += sourceBytes(operand.getDefiningOp());
  return sum;
}

// Copies an op and what it reads.
static Value copyTree(OpBuilder &builder, Operation *op, IRMapping &mapping) {
  for (Value operand : op->getOperands())
    if (!mapping.contains(operand))
      copyTree(builder, operand.getDefiningOp(), mapping);
  return builder.clone(*op, mapping)->getResult(0);
}

static std::string nameOf(Operation *op) {
  std::string name = "folded";
  op->getLoc()->walk([&](Location part) {
    auto named = dyn_cast<NameLoc>(part);
    if (!named)
      return WalkResult::advance();
    name = "folded." + named.getName().str();
    return WalkResult::interrupt();
  });
  return name;
}

void WeightFolder::fold(Operation *op) {
  Value value = op->getResult(0);
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  auto weight = nn::WeightOp::create(builder, op->getLoc(), nameOf(op),
                                     cast<RankedTensorType>(value.getType()),
                                     ElementsAttr());
  symbols.insert(weight);
  builder.createBlock(&weight.getInit());
  IRMapping mapping;
  Value result = copyTree(builder, op, mapping);
  nn::YieldOp::create(builder, op->getLoc(), result);
  builder.setInsertionPoint(op);
  auto load =
      nn::LoadWeightOp::create(builder, op->getLoc(), value.getType(),
                               FlatSymbolRefAttr::get(weight.getSymNameAttr()));
  value.replaceAllUsesWith(load);
  frozen[load] = true;
}

void WeightFolder::run(func::FuncOp function) {
  SmallVector<Operation *> roots;
  function.walk([&](Operation *op) {
    bool computes = isa<nn::NNDialect>(op->getDialect()) && !isView(op) &&
                    op->getNumOperands() > 0 && op->getNumResults() == 1;
    if (computes && isFrozen(op->getResult(0)) && isNeeded(op) &&
        readsWeight(op) &&
        bytesOf(op->getResult(0)) <= std::max(smallBytes, 2 * sourceBytes(op)))
      roots.push_back(op);
  });
  for (Operation *op : roots)
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
