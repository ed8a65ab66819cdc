// ConvertPrecision: products and attention read f16 or bf16.
//
// Enters: nn with strategies chosen. Leaves: the same function, whose contract
// ops read narrow operands and sum in f32, and whose attention ops read narrow
// operands; norms, softmax, reductions, the residual stream, inputs and outputs
// stay f32. Values are narrowed where they are made, before the views that lie
// between there and the product, so that the cast joins the group that computes
// them. README.md says which values and why.
#include "compiler/fusion/Passes.h"
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

static bool isView(Operation *op) {
  return isa<nn::ReshapeOp, nn::TransposeOp, nn::BroadcastOp, nn::SliceOp>(op);
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
  bool isReadNarrowOnly(Value value) const;
  void mark(Operation &op);
  void convert(Operation &op);
  void convertOperands(Operation &op, unsigned count);
  void giveNarrow(nn::AttentionOp op);
  Value narrowed(OpBuilder &builder, Value value);
  Value clone(OpBuilder &builder, Operation &op);
  nn::WeightOp narrowed(nn::WeightOp weight);

  SymbolTable symbols;
  FloatType narrow;
  llvm::DenseMap<Operation *, nn::WeightOp> weights;
  llvm::DenseSet<Value> wanted;     // read in the narrow type
  llvm::DenseSet<Value> onlyWanted; // of those, of views and moves: read in no
                                    // other
  llvm::DenseMap<Value, Value> known;
};
} // namespace

// ---- what is wanted: one walk against the order of the block ----

// Readers stand later, so they have been looked at.
bool Narrower::isReadNarrowOnly(Value value) const {
  return llvm::all_of(value.getUses(), [&](OpOperand &use) {
    Operation *reader = use.getOwner();
    if (isView(reader) || isMove(reader))
      return onlyWanted.contains(reader->getResult(0));
    return use.getOperandNumber() < narrowOperands(reader);
  });
}

void Narrower::mark(Operation &op) {
  ValueRange operands = op.getOperands();
  unsigned count = narrowOperands(&op);
  if ((isView(&op) || isMove(&op)) && wanted.contains(op.getResult(0))) {
    bool isOnly = isReadNarrowOnly(op.getResult(0));
    if (isOnly)
      onlyWanted.insert(op.getResult(0));
    // A move is done once, in whichever type serves all its readers.
    if (isView(&op) || isOnly)
      count = operands.size();
  }
  wanted.insert_range(operands.take_front(count));
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
  result = nn::WeightOp::create(builder, weight.getLoc(),
                                (weight.getSymName() + suffix).str(),
                                wide.clone(narrow), ElementsAttr());
  symbols.insert(result, std::next(Block::iterator(weight)));
  builder.createBlock(&result.getInit());
  Value value = nn::LoadWeightOp::create(builder, weight.getLoc(), wide,
                                         weight.getSymName());
  value = ElementwiseOp::create(
      builder, weight.getLoc(), withElement(value, narrow),
      ElementwiseKind::Cast, value, TypeAttr::get(narrow));
  nn::YieldOp::create(builder, weight.getLoc(), value);
  return result;
}

Value Narrower::narrowed(OpBuilder &builder, Value value) {
  Operation *op = value.getDefiningOp();
  if (op && (isView(op) || onlyWanted.contains(value)))
    return clone(builder, *op);
  if (auto load = dyn_cast_or_null<nn::LoadWeightOp>(op))
    if (auto weight = symbols.lookup<nn::WeightOp>(load.getWeight());
        weight && weight.isFrozen())
      return nn::LoadWeightOp::create(builder, load.getLoc(),
                                      withElement(value, narrow),
                                      narrowed(weight).getSymName());
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
  if (auto contract = dyn_cast<nn::ContractOp>(op))
    contract.setAccumulate(Float32Type::get(op.getContext()));
}

// A group of attention has no room for a cast, so its result is stored in one
// type: the narrow one, if any reader wants that. Other readers widen it in
// their own groups, which is half the bytes.
void Narrower::giveNarrow(nn::AttentionOp op) {
  Value result = op.getResult();
  if (!wanted.contains(result))
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
}

void Narrower::run(Block &block) {
  wanted.clear();
  onlyWanted.clear();
  known.clear();
  SmallVector<Operation *> order =
      llvm::map_to_vector(block, [](Operation &op) { return &op; });
  for (Operation *op : llvm::reverse(order))
    mark(*op);
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

// ---- the pass ----

namespace {
struct ConvertPrecision : impl::ConvertPrecisionBase<ConvertPrecision> {
  using ConvertPrecisionBase::ConvertPrecisionBase;
  void runOnOperation() override {
    if (precision == "f32")
      return;
    FloatType narrow;
    if (precision == "f16")
      narrow = Float16Type::get(&getContext());
    else if (precision == "bf16")
      narrow = BFloat16Type::get(&getContext());
    if (!narrow) {
      getOperation().emitError()
          << "--precision takes f32, f16 or bf16, found '"
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
