// ConvertPrecision: products and attention read f16 or bf16, or f32 as tf32.
//
// Enters: nn with strategies chosen. Leaves: the same function, whose contract
// ops read narrow operands and sum in f32, and whose attention ops read narrow
// operands; norms, softmax, reductions, the residual stream, inputs and outputs
// stay f32. Values are narrowed where they are made, before the views that lie
// between there and the product, so that the cast joins the group that computes
// them. README.md says which values and why. tf32 has no type in memory: there
// the ops say that they round what they read.
#include "compiler/fusion/Passes.h"
#include "dialects/nn/Weights.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseSet.h"

namespace attune::fusion {

#define GEN_PASS_DEF_CONVERTPRECISION
#include "compiler/fusion/Passes.h.inc"

using namespace mlir;
using nn::ElementwiseKind;
using nn::ElementwiseOp;

static Type elementOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType();
}

static RankedTensorType withElement(Value value, Type element) {
  return cast<RankedTensorType>(value.getType()).clone(element);
}

// Moves data and computes nothing, but is a kernel of its own.
static bool isMove(Operation *op) { return isa<nn::ConcatOp, nn::PadOp>(op); }

// An outer product sums nothing: it is bound by memory, and what rotary
// embeddings multiply there, positions and frequencies, needs all its digits.
static bool isOuterProduct(nn::ContractOp op) {
  return llvm::all_of(op.getLhsContracting(), [&](int64_t axis) {
    return nn::getDim(op.getLhs(), axis).getConstant() == 1;
  });
}

// The leading operands that an op reads in the narrow type; 0 for others.
static unsigned narrowOperands(Operation *op) {
  unsigned count = 0;
  if (auto contract = dyn_cast<nn::ContractOp>(op))
    count = isOuterProduct(contract) ? 0 : 2;
  else if (isa<nn::AttentionOp>(op))
    count = 3; // not the bias: masks have values that f16 does not
  for (Value operand : op->getOperands().take_front(count))
    if (!elementOf(operand).isF32())
      return 0;
  return count;
}

namespace {
class Narrower {
public:
  Narrower(ModuleOp module, FloatType narrow)
      : symbols(module), narrow(narrow) {}

  void run(Block &block);

private:
  void describe(Operation &op);
  bool isReadNarrowOnly(Value value) const;
  bool canWiden(OpOperand &use) const;
  void mark(Operation &op);
  void choose(Operation &op);
  void convert(Operation &op);
  void convertOperands(Operation &op, unsigned count);
  void giveNarrow(nn::AttentionOp op);
  void widenReaders(OpBuilder &builder, Value view);
  Value narrowed(OpBuilder &builder, Value value);
  Value clone(OpBuilder &builder, Operation &op);
  nn::WeightOp narrowed(nn::WeightOp weight);

  SymbolTable symbols;
  FloatType narrow;
  llvm::DenseMap<Operation *, nn::WeightOp> weights;
  llvm::DenseSet<Value> parameters; // weights, constants, views of them
  llvm::DenseSet<Value> projected;  // made of a product with a weight
  llvm::DenseSet<Value> ofInputs;   // views that alone read an input
  llvm::DenseSet<Value> wanted;     // read in the narrow type
  llvm::DenseSet<Value> onlyWanted; // moves and views read in no other
  llvm::DenseSet<Value> widenable;  // views whose readers can widen it
  llvm::DenseSet<Value> stored;     // narrow for all that read it by views
  llvm::DenseMap<Value, Value> known;
};
} // namespace

// ---- what values are: one walk in the order of the block ----

void Narrower::describe(Operation &op) {
  if (op.getNumResults() != 1)
    return;
  Value result = op.getResult(0);
  auto isParameter = [&](Value value) { return parameters.contains(value); };
  auto isProjected = [&](Value value) { return projected.contains(value); };
  if (isa<nn::LoadWeightOp, arith::ConstantOp>(op) ||
      (nn::isView(&op) && isParameter(op.getOperand(0)))) {
    parameters.insert(result);
  } else if (isa<nn::ContractOp>(op)) {
    if (narrowOperands(&op) && llvm::any_of(op.getOperands(), isParameter))
      projected.insert(result);
  } else if (isa<ElementwiseOp>(op) && elementOf(result).isF32()) {
    // A bias and an activation, but no residual.
    if (llvm::any_of(op.getOperands(), isProjected) &&
        llvm::all_of(op.getOperands(), [&](Value operand) {
          return isProjected(operand) || isParameter(operand);
        }))
      projected.insert(result);
  } else if (nn::isView(&op) && !isa<nn::BroadcastOp>(op)) {
    Value source = op.getOperand(0);
    if (source.hasOneUse() &&
        (isa<BlockArgument>(source) || ofInputs.contains(source)))
      ofInputs.insert(result);
  }
}

// ---- what is wanted: one walk against the order of the block ----

// Readers stand later, so they have been looked at.
bool Narrower::isReadNarrowOnly(Value value) const {
  return llvm::all_of(value.getUses(), [&](OpOperand &use) {
    Operation *reader = use.getOwner();
    if (nn::isView(reader) || isMove(reader))
      return onlyWanted.contains(reader->getResult(0));
    return use.getOperandNumber() < narrowOperands(reader);
  });
}

// Whether a cast to f32 behind `use` joins the group that reads it.
bool Narrower::canWiden(OpOperand &use) const {
  Operation *reader = use.getOwner();
  if (nn::isView(reader))
    return widenable.contains(reader->getResult(0));
  return isa<ElementwiseOp, nn::NormOp, nn::SoftmaxOp, nn::ReduceOp>(reader) ||
         use.getOperandNumber() < narrowOperands(reader);
}

void Narrower::mark(Operation &op) {
  ValueRange operands = op.getOperands();
  unsigned count = narrowOperands(&op);
  if ((nn::isView(&op) || isMove(&op)) && wanted.contains(op.getResult(0))) {
    bool isOnly = isReadNarrowOnly(op.getResult(0));
    if (isOnly)
      onlyWanted.insert(op.getResult(0));
    // A move is done once, in whichever type serves all its readers. The cast
    // of an input does the work of a copy for its views, up to the last that is
    // no reshape: what that would merge, the cast has laid side by side.
    bool isCast = ofInputs.contains(op.getResult(0)) && !isa<nn::ReshapeOp>(op);
    if (nn::isView(&op) ? !isCast : isOnly)
      count = operands.size();
  }
  wanted.insert_range(operands.take_front(count));
  if (nn::isView(&op) &&
      llvm::all_of(op.getResult(0).getUses(),
                   [&](OpOperand &use) { return canWiden(use); }))
    widenable.insert(op.getResult(0));
}

// Projections that leave their group through views, and attention, are stored
// in the narrow type alone if whoever needs f32 can widen them: that is the
// type that autocast gives them, and a third of the bytes of both.
void Narrower::choose(Operation &op) {
  if (op.getNumResults() == 0)
    return;
  Value result = op.getResult(0);
  bool isStored = false;
  if (nn::isView(&op)) {
    isStored = stored.contains(op.getOperand(0)) && widenable.contains(result);
  } else if (isa<nn::AttentionOp>(op) && narrowOperands(&op)) {
    isStored = wanted.contains(result) ||
               llvm::all_of(result.getUses(),
                            [&](OpOperand &use) { return canWiden(use); });
  } else if (projected.contains(result)) {
    auto isRead = [](OpOperand &use) { return nn::isView(use.getOwner()); };
    isStored = llvm::any_of(result.getUses(), isRead) &&
               llvm::all_of(result.getUses(), [&](OpOperand &use) {
                 return !isRead(use) || canWiden(use);
               });
  }
  if (!isStored)
    return;
  stored.insert(result);
  wanted.insert(result);
}

// ---- narrow values: one walk in the order of the block ----

Value Narrower::clone(OpBuilder &builder, Operation &op) {
  IRMapping mapping;
  for (Value operand : op.getOperands())
    mapping.map(operand, known.lookup(operand));
  Operation *copy = builder.clone(op, mapping);
  copy->getResult(0).setType(withElement(op.getResult(0), narrow));
  return copy->getResult(0);
}

// Its bytes are computed once, when the package is written.
nn::WeightOp Narrower::narrowed(nn::WeightOp weight) {
  nn::WeightOp &result = weights[weight];
  if (result)
    return result;
  std::string suffix;
  llvm::raw_string_ostream(suffix) << '.' << narrow;
  auto wide = weight.getTensorType();
  OpBuilder builder(weight.getContext());
  Location loc = weight.getLoc();
  result = nn::deriveWeight(
      builder, loc, weight.getSymName() + suffix, wide.clone(narrow),
      [&](OpBuilder &inside) -> Value {
        Value value = nn::loadWeight(inside, loc, weight);
        return ElementwiseOp::create(inside, loc, withElement(value, narrow),
                                     ElementwiseKind::Cast, value,
                                     TypeAttr::get(narrow));
      });
  symbols.insert(result, std::next(Block::iterator(weight)));
  return result;
}

Value Narrower::narrowed(OpBuilder &builder, Value value) {
  Operation *op = value.getDefiningOp();
  if (op && (nn::isView(op) ? known.contains(op->getOperand(0))
                            : onlyWanted.contains(value)))
    return clone(builder, *op);
  if (nn::WeightOp weight = nn::frozenWeight(symbols, value))
    return nn::loadWeight(builder, op->getLoc(), narrowed(weight));
  auto made = dyn_cast_or_null<ElementwiseOp>(op);
  if (made && made.getKind() == ElementwiseKind::Cast &&
      elementOf(made.getInputs()[0]) == narrow)
    return made.getInputs()[0];
  return ElementwiseOp::create(
      builder, value.getLoc(), withElement(value, narrow),
      ElementwiseKind::Cast, value, TypeAttr::get(narrow));
}

void Narrower::convertOperands(Operation &op, unsigned count) {
  for (OpOperand &operand : op.getOpOperands().take_front(count))
    operand.set(known.lookup(operand.get()));
  // What a model asks of f32 is nothing for narrow operands.
  if (auto contract = dyn_cast<nn::ContractOp>(op)) {
    contract.setTf32(false);
    contract.setAccumulate(Float32Type::get(op.getContext()));
  } else if (auto attention = dyn_cast<nn::AttentionOp>(op)) {
    attention.setTf32(false);
  }
}

// A group of attention has no room for a cast: the kernel gives the type.
void Narrower::giveNarrow(nn::AttentionOp op) {
  Value result = op.getResult();
  if (!stored.contains(result))
    return;
  Type wide = elementOf(result);
  result.setType(withElement(result, narrow));
  OpBuilder builder(op->getContext());
  builder.setInsertionPointAfter(op);
  auto widened =
      ElementwiseOp::create(builder, op.getLoc(), withElement(result, wide),
                            ElementwiseKind::Cast, result, TypeAttr::get(wide));
  result.replaceAllUsesExcept(widened.getResult(), widened);
  known[widened.getResult()] = result;
}

void Narrower::widenReaders(OpBuilder &builder, Value view) {
  auto readsWide = [&](OpOperand &use) {
    return !nn::isView(use.getOwner()) &&
           use.getOperandNumber() >= narrowOperands(use.getOwner());
  };
  if (llvm::none_of(view.getUses(), readsWide))
    return;
  Type wide = elementOf(view);
  auto widened = ElementwiseOp::create(
      builder, view.getLoc(), withElement(view, wide), ElementwiseKind::Cast,
      known.lookup(view), TypeAttr::get(wide));
  view.replaceUsesWithIf(widened.getResult(), readsWide);
}

void Narrower::convert(Operation &op) {
  if (unsigned count = narrowOperands(&op)) {
    convertOperands(op, count);
    if (auto attention = dyn_cast<nn::AttentionOp>(op))
      return giveNarrow(attention);
  }
  OpBuilder builder(op.getContext());
  builder.setInsertionPointAfter(&op);
  for (Value result : op.getResults())
    if (wanted.contains(result))
      known[result] = narrowed(builder, result);
  if (nn::isView(&op) && stored.contains(op.getResult(0)))
    widenReaders(builder, op.getResult(0));
}

void Narrower::run(Block &block) {
  for (auto *values : {&parameters, &projected, &ofInputs, &wanted, &onlyWanted,
                       &widenable, &stored})
    values->clear();
  known.clear();
  SmallVector<Operation *> order =
      llvm::map_to_vector(block, [](Operation &op) { return &op; });
  for (Operation *op : order)
    describe(*op);
  for (Operation *op : llvm::reverse(order))
    mark(*op);
  for (Operation *op : order)
    choose(*op);
  OpBuilder builder = OpBuilder::atBlockBegin(&block);
  for (Value argument : block.getArguments())
    if (wanted.contains(argument))
      known[argument] = narrowed(builder, argument);
  for (Operation *op : order)
    convert(*op);
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(block.getOperations())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

// ---- tf32 ----

// The same products as would read f16.
static void roundOperands(func::FuncOp function) {
  function.walk([](Operation *op) {
    if (narrowOperands(op) == 0)
      return;
    if (auto contract = dyn_cast<nn::ContractOp>(op))
      contract.setTf32(true);
    else
      cast<nn::AttentionOp>(op).setTf32(true);
  });
}

// ---- the pass ----

namespace {
struct ConvertPrecision : impl::ConvertPrecisionBase<ConvertPrecision> {
  using ConvertPrecisionBase::ConvertPrecisionBase;
  void runOnOperation() override {
    if (precision == "f32")
      return;
    if (precision == "tf32") {
      for (auto function : getOperation().getOps<func::FuncOp>())
        roundOperands(function);
      return;
    }
    FloatType narrow;
    if (precision == "f16")
      narrow = Float16Type::get(&getContext());
    else if (precision == "bf16")
      narrow = BFloat16Type::get(&getContext());
    if (!narrow) {
      getOperation().emitError()
          << "--precision takes f32, tf32, f16 or bf16, found '"
          << precision.getValue() << "'";
      return signalPassFailure();
    }
    Narrower narrower(getOperation(), narrow);
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (Block &block : function.getBody())
        narrower.run(block);
  }
};
} // namespace

} // namespace attune::fusion
