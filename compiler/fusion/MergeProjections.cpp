// MergeProjections: queries, keys and values of one tensor by one product.
//
// Enters: attentions whose operands are products of one tensor with weights of
// their own, each with its bias or all without. Leaves: one product with the
// weights side by side, and slices of its result, which attention reads where
// they lie. On a GPU a product of few columns leaves multiprocessors idle; a
// package for a CPU as well has the same products for both.
#include "compiler/fusion/Ledger.h"
#include "compiler/fusion/Passes.h"
#include "dialects/nn/NodeName.h"
#include "dialects/nn/Weights.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"

namespace attune::fusion {

#define GEN_PASS_DEF_MERGEPROJECTIONS
#include "compiler/fusion/Passes.h.inc"

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

namespace {

// x W + b, or x W.
struct Projection {
  nn::ContractOp product;
  nn::LoadWeightOp weight, bias; // bias may be null
  Value result;

  int64_t columns() {
    return *nn::getDims(product.getResult()).back().getConstant();
  }
  bool fits(Projection &other);
};

class Merger {
public:
  explicit Merger(ModuleOp module) : module(module), symbols(module) {}

  void merge(nn::AttentionOp attention);

private:
  std::optional<Projection> match(Value operand);
  nn::LoadWeightOp frozen(Value value, int64_t rank);
  Value sideBySide(OpBuilder &builder, ArrayRef<nn::LoadWeightOp> weights,
                   int64_t axis);
  void replace(MutableArrayRef<Projection> parts);

  ModuleOp module;
  SymbolTable symbols;
};

} // namespace

bool Projection::fits(Projection &other) {
  return product.getLhs() == other.product.getLhs() &&
         product.getLhsContracting() == other.product.getLhsContracting() &&
         product.getRhsContracting() == other.product.getRhsContracting() &&
         product.getAccumulate() == other.product.getAccumulate() &&
         product.getTf32() == other.product.getTf32() &&
         product->getBlock() == other.product->getBlock() &&
         getElementTypeOrSelf(weight.getType()) ==
             getElementTypeOrSelf(other.weight.getType()) &&
         bool(bias) == bool(other.bias);
}

// Whether it has all elements of what it reads, each once.
static bool isRearranged(Operation *op) {
  return isa<nn::ReshapeOp, nn::TransposeOp>(op);
}

// Whether only attentions and reductions (the mean of values) read it: what
// works element by element would rather be the epilogue of a product of its
// own. Keys that are rotated or put behind a cache are not merged therefore.
static bool isReadAsItLies(Value value) {
  return llvm::all_of(value.getUsers(), [](Operation *user) {
    return isRearranged(user) ? isReadAsItLies(user->getResult(0))
                              : isa<nn::AttentionOp, nn::ReduceOp>(user);
  });
}

nn::LoadWeightOp Merger::frozen(Value value, int64_t rank) {
  nn::WeightOp weight = nn::frozenWeight(symbols, value);
  return weight && weight.getTensorType().getRank() == rank
             ? value.getDefiningOp<nn::LoadWeightOp>()
             : nn::LoadWeightOp();
}

std::optional<Projection> Merger::match(Value operand) {
  while (operand.getDefiningOp() && isRearranged(operand.getDefiningOp()))
    operand = operand.getDefiningOp()->getOperand(0);
  Projection found;
  found.result = operand;
  if (auto add = operand.getDefiningOp<nn::ElementwiseOp>()) {
    if (add.getKind() != nn::ElementwiseKind::Add)
      return std::nullopt;
    for (unsigned side : {0, 1})
      if (auto bias = frozen(add.getInputs()[side], /*rank=*/1))
        found.bias = bias, operand = add.getInputs()[1 - side];
    if (!found.bias || !operand.hasOneUse())
      return std::nullopt;
  }
  found.product = operand.getDefiningOp<nn::ContractOp>();
  if (!found.product || !found.product.getRhsBatch().empty() ||
      found.product.getRhsContracting().size() != 1)
    return std::nullopt;
  found.weight = frozen(found.product.getRhs(), /*rank=*/2);
  bool hasColumns =
      found.bias ? nn::getDims(found.bias.getResult()).back().getConstant() ==
                       found.columns()
                 : true;
  if (!found.weight || !hasColumns || !isReadAsItLies(found.result))
    return std::nullopt;
  return found;
}

// A weight of these, one after the other along an axis.
Value Merger::sideBySide(OpBuilder &builder, ArrayRef<nn::LoadWeightOp> weights,
                         int64_t axis) {
  OpBuilder atModule = OpBuilder::atBlockBegin(module.getBody());
  Location loc = builder.getFusedLoc(llvm::map_to_vector(
      weights, [](nn::LoadWeightOp load) { return load.getLoc(); }));
  int64_t columns = 0;
  for (nn::LoadWeightOp load : weights)
    columns += cast<RankedTensorType>(load.getType()).getDimSize(axis);
  nn::LoadWeightOp front = weights.front();
  auto first = cast<RankedTensorType>(front.getType());
  SmallVector<int64_t> shape(first.getShape());
  shape[axis] = columns;
  auto type = RankedTensorType::get(shape, first.getElementType());
  nn::WeightOp merged = nn::deriveWeight(
      atModule, loc, front.getWeight() + ".merged", type,
      [&](OpBuilder &inside) -> Value {
        SmallVector<Value> parts;
        for (nn::LoadWeightOp load : weights)
          parts.push_back(inside.clone(*load)->getResult(0));
        return nn::ConcatOp::create(inside, loc, parts,
                                    inside.getI64IntegerAttr(axis));
      });
  symbols.insert(merged);
  return nn::loadWeight(builder, loc, merged);
}

// The columns of `all` from `from` on that `like` had for itself.
static Value columnsOf(OpBuilder &builder, Value all, int64_t from,
                       Value like) {
  MLIRContext *context = builder.getContext();
  Dims sizes = nn::getDims(like);
  Dims starts(sizes.size(), DimAttr::constant(context, 0));
  starts.back() = DimAttr::constant(context, from);
  return nn::SliceOp::create(builder, like.getLoc(), all,
                             nn::ShapeAttr::get(context, starts),
                             nn::ShapeAttr::get(context, sizes),
                             SmallVector<int64_t>(sizes.size(), 1));
}

static void eraseDead(MutableArrayRef<Projection> parts) {
  llvm::SmallSetVector<Operation *, 12> old;
  for (Projection &part : parts)
    for (Operation *op :
         {part.result.getDefiningOp(), part.product.getOperation(),
          part.weight.getOperation(), part.bias.getOperation()})
      if (op)
        old.insert(op);
  for (Operation *op : old)
    if (op->use_empty())
      op->erase();
}

void Merger::replace(MutableArrayRef<Projection> parts) {
  nn::ContractOp first = parts.front().product;
  for (Projection &part : parts)
    if (part.product->isBeforeInBlock(first))
      first = part.product;
  OpBuilder builder(first);
  auto collect = [&](auto member) {
    return llvm::map_to_vector(parts,
                               [&](Projection &part) { return part.*member; });
  };
  SmallVector<Location> locations;
  for (Projection &part : parts)
    locations.push_back(part.product.getLoc());
  Location loc = builder.getFusedLoc(locations);
  int64_t axis = 1 - first.getRhsContracting().front();
  Value weight = sideBySide(builder, collect(&Projection::weight), axis);
  Value all = nn::ContractOp::create(
      builder, loc, first.getLhs(), weight, first.getLhsBatchAttr(),
      first.getRhsBatchAttr(), first.getLhsContractingAttr(),
      first.getRhsContractingAttr(), first.getAccumulateAttr(),
      first.getTf32Attr());
  if (parts.front().bias) {
    Value bias = sideBySide(builder, collect(&Projection::bias), 0);
    all = nn::ElementwiseOp::create(builder, loc, nn::ElementwiseKind::Add,
                                    ValueRange{all, bias});
  }
  int64_t from = 0;
  for (Projection &part : parts) {
    part.result.replaceAllUsesWith(columnsOf(builder, all, from, part.result));
    from += part.columns();
  }
  eraseDead(parts);
}

void Merger::merge(nn::AttentionOp attention) {
  SmallVector<Projection> found;
  for (Value operand :
       {attention.getQuery(), attention.getKey(), attention.getValue()})
    if (auto projection = match(operand))
      if (llvm::none_of(found, [&](Projection &known) {
            return known.result == projection->result;
          }))
        found.push_back(*projection);
  // Those of the tensor that most are made of: all three, or K and V.
  SmallVector<Projection> best;
  for (Projection &like : found) {
    SmallVector<Projection> same;
    for (Projection &projection : found)
      if (projection.fits(like))
        same.push_back(projection);
    if (same.size() > best.size())
      best = same;
  }
  if (best.size() < 2)
    return;
  replace(best);
  amendReason(attention, "attention", nn::nodeName(attention.getLoc()),
              best.size() == 3 ? "; queries, keys and values by one product"
                               : "; two projections by one product");
}

namespace {
struct MergeProjections : impl::MergeProjectionsBase<MergeProjections> {
  void runOnOperation() override {
    Merger merger(getOperation());
    SmallVector<nn::AttentionOp> attentions;
    getOperation().walk([&](nn::AttentionOp op) { attentions.push_back(op); });
    for (nn::AttentionOp attention : attentions)
      merger.merge(attention);
  }
};
} // namespace

} // namespace attune::fusion
