// DetectMasks: what the bias of an attention hides, as attributes and key
// masks.
//
// Enters: nn.attention whose bias is everything that was added to its scores.
// Leaves: causal, window and key_mask where the bias says them, and the rest of
// the bias with as few dims as it needs.
//
// A fill of -inf hides: its conditions become causal, window and key_mask as
// they are. A finite fill F adds: a row that sees something gives its hidden
// keys exp(F - max) = 0, but a row that sees nothing is a softmax of its scores
// + F, the uniform average over ALL keys where F absorbs the scores. So
//   keys only            stays a bias [B, 1, 1, T]
//   causal only          becomes causal: each row sees its diagonal
//   causal and keys      becomes both, and rows that see nothing get the mean
//   of
//                        V, if F absorbs scores
//   anything else        stays a bias of full shape
// and the finite rules apply only where nothing else could hide the diagonal.
#include "compiler/detect/MaskFormula.h"
#include "compiler/detect/Passes.h"
#include "compiler/detect/ScorePattern.h"
#include "compiler/fusion/Ledger.h"
#include "dialects/nn/NodeName.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/RegionUtils.h"

namespace attune::detect {

#define GEN_PASS_DEF_DETECTMASKS
#include "compiler/detect/Passes.h.inc"

using namespace mlir;
using namespace attune::cleanup;
using nn::DimAttr;
using nn::Dims;
using nn::ElementwiseKind;
using nn::ElementwiseOp;

// Added to any score, such a value gives itself.
static constexpr double absorbingValue = -1e30;

namespace {
// The conjuncts of one mask by meaning.
struct Conditions {
  double fill = 0;
  bool causal = false;
  nn::CausalKind alignment = nn::CausalKind::None;
  std::optional<int64_t> window;
  SmallVector<FormulaRef> keys, others;

  bool plainKeys() const { return !causal && !window && others.empty(); }
  bool causalAndKeys() const { return causal && others.empty(); }
};

// What nn.attention will carry.
struct Masks {
  nn::CausalKind causal = nn::CausalKind::None;
  std::optional<int64_t> window;
  SmallVector<FormulaRef> keys;
  SmallVector<Value> bias;
  // Rows that see nothing average V over all keys.
  bool emptyRowsAverage = false;
};

class MaskReader {
public:
  explicit MaskReader(nn::AttentionOp op)
      : op(op), index(op.getContext(), scoreDims(op)), builder(op) {}

  bool run();

private:
  static Dims scoreDims(nn::AttentionOp op) {
    Dims q = nn::getDims(op.getQuery());
    return {q[0], q[1], q[2], nn::getDim(op.getKey(), 2)};
  }
  Conditions classifyAll(const MaskTerm &term);
  void readHard(const Conditions &conditions);
  bool readFinite(const Conditions &conditions, bool alone);
  Value selectBias(ArrayRef<FormulaRef> formulas, double fill);
  Value keyMask();
  Value keyView(Value condition);
  Value averageEmptyRows(Value result, Value mask);
  void rewrite();

  nn::AttentionOp op;
  ScoreIndex index;
  OpBuilder builder;
  Masks masks;
};
} // namespace

// ---- reading ----

static void collectAddends(Value value, SmallVectorImpl<Value> &addends) {
  if (auto add = asElementwise(value, ElementwiseKind::Add)) {
    collectAddends(add.getInputs()[0], addends);
    collectAddends(add.getInputs()[1], addends);
  } else if (auto broadcast = value.getDefiningOp<nn::BroadcastOp>()) {
    collectAddends(broadcast.getInput(), addends);
  } else if (splatValue(value) != 0.0) {
    addends.push_back(value);
  }
}

// Computed from weights and constants alone.
static bool isFrozenTensor(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (auto load = dyn_cast<nn::LoadWeightOp>(op)) {
    auto weight = SymbolTable::lookupNearestSymbolFrom<nn::WeightOp>(
        load, load.getWeightAttr());
    return weight && weight.isFrozen();
  }
  return llvm::all_of(op->getOperands(), isFrozenTensor);
}

Conditions MaskReader::classifyAll(const MaskTerm &term) {
  Conditions result;
  result.fill = term.fill;
  DimAttr lengths = index.dims[3] - index.dims[2];
  SmallVector<std::pair<FormulaRef, DimAttr>> windows;
  for (const FormulaRef &conjunct : conjuncts(term.visible)) {
    MaskMeaning meaning = classify(conjunct, index);
    switch (meaning.kind) {
    case MaskMeaning::Kind::Always:
      continue;
    case MaskMeaning::Kind::Key:
      result.keys.push_back(conjunct);
      continue;
    case MaskMeaning::Kind::Causal:
      if (!result.causal &&
          (meaning.offset.getConstant() == 0 || meaning.offset == lengths)) {
        result.causal = true;
        result.alignment = meaning.offset.getConstant() == 0
                               ? nn::CausalKind::TopLeft
                               : nn::CausalKind::BottomRight;
        continue;
      }
      break;
    case MaskMeaning::Kind::Window:
      windows.push_back({conjunct, meaning.offset});
      continue;
    default:
      break;
    }
    result.others.push_back(conjunct);
  }
  // |i + o - j| < w: with causal (j <= i + o) the window is j >= i - c with
  // c = w - 1 - o.
  DimAttr zero = DimAttr::constant(op.getContext(), 0);
  DimAttr offset =
      result.alignment == nn::CausalKind::BottomRight ? lengths : zero;
  for (auto &[conjunct, reach] : windows) {
    auto size = (reach + offset + 1).getConstant();
    if (result.causal && !result.window && size && *size > 0)
      result.window = *size;
    else
      result.others.push_back(conjunct);
  }
  return result;
}

void MaskReader::readHard(const Conditions &conditions) {
  SmallVector<FormulaRef> rest(conditions.others);
  if (conditions.causal) {
    masks.causal = conditions.alignment;
    masks.window = conditions.window;
  }
  llvm::append_range(masks.keys, conditions.keys);
  if (!rest.empty())
    masks.bias.push_back(selectBias(rest, conditions.fill));
}

// Whether the finite mask was read; else it stays a bias of full shape.
bool MaskReader::readFinite(const Conditions &conditions, bool alone) {
  if (conditions.plainKeys()) {
    if (!conditions.keys.empty())
      masks.bias.push_back(selectBias(conditions.keys, conditions.fill));
    return true;
  }
  // T >= S under bottom_right, or rows at the top would see nothing.
  bool seesDiagonal = conditions.alignment == nn::CausalKind::TopLeft ||
                      index.space.isNonNegative(index.dims[3] - index.dims[2]);
  if (!alone || !conditions.causalAndKeys() || !seesDiagonal ||
      conditions.fill > hidingValue)
    return false;
  // With a window and S > T a late row may see nothing.
  if (conditions.window && index.dims[2] != index.dims[3])
    return false;
  if (!conditions.keys.empty()) {
    if (conditions.fill > absorbingValue || conditions.window)
      return false;
    masks.emptyRowsAverage = true;
  }
  readHard(conditions);
  return true;
}

bool MaskReader::run() {
  if (!op.getBias() || op.getCausal() != nn::CausalKind::None ||
      op.getKeyMask())
    return false;
  SmallVector<Value> addends;
  collectAddends(op.getBias(), addends);
  SmallVector<std::pair<Value, std::optional<Conditions>>> terms;
  unsigned hiding = 0;
  for (Value addend : addends) {
    std::optional<Conditions> conditions;
    if (auto term = asMaskTerm(addend))
      conditions = classifyAll(*term);
    hiding += conditions || !isFrozenTensor(addend);
    terms.push_back({addend, conditions});
  }
  for (auto &[addend, conditions] : terms) {
    bool isHard = conditions && std::isinf(conditions->fill);
    // Two causal masks with different diagonals: only one becomes the
    // attribute.
    bool isTaken = conditions && conditions->causal &&
                   masks.causal != nn::CausalKind::None;
    if (isHard && !isTaken)
      readHard(*conditions);
    else if (!conditions || isTaken || !readFinite(*conditions, hiding == 1))
      masks.bias.push_back(addend);
  }
  rewrite();
  return true;
}

// ---- building ----

static Type elementType(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType();
}

static FormulaRef allOf(ArrayRef<FormulaRef> formulas) {
  if (formulas.size() == 1)
    return formulas.front();
  Formula formula;
  formula.kind = Formula::Kind::And;
  formula.parts.assign(formulas.begin(), formulas.end());
  return std::make_shared<Formula>(formula);
}

Value MaskReader::selectBias(ArrayRef<FormulaRef> formulas, double fill) {
  Location loc = op.getLoc();
  Type element = elementType(op.getQuery());
  return ElementwiseOp::create(
      builder, loc, ElementwiseKind::Select,
      ValueRange{buildFormula(builder, loc, allOf(formulas)),
                 scalarConstant(builder, loc, 0, element),
                 scalarConstant(builder, loc, fill, element)});
}

// A condition on (b, j), in whatever shape, as [B, T].
Value MaskReader::keyView(Value condition) {
  Location loc = op.getLoc();
  MLIRContext *context = op.getContext();
  DimAttr zero = DimAttr::constant(context, 0), one = zero + 1;
  Dims dims = nn::getDims(condition);
  dims.insert(dims.begin(), 4 - dims.size(), one);
  condition = reshapeTo(builder, loc, condition, dims);
  if (dims[1] != one || dims[2] != one) {
    dims[1] = dims[2] = one;
    Dims starts(4, zero);
    condition = nn::SliceOp::create(
        builder, loc, condition, nn::ShapeAttr::get(context, starts),
        nn::ShapeAttr::get(context, dims), ArrayRef<int64_t>{1, 1, 1, 1});
  }
  condition = reshapeTo(builder, loc, condition, {dims[0], dims[3]});
  return broadcastTo(builder, loc, condition, {index.dims[0], index.dims[3]});
}

Value MaskReader::keyMask() {
  if (masks.keys.empty())
    return {};
  return keyView(buildFormula(builder, op.getLoc(), allOf(masks.keys)));
}

// A row i is empty if it lies before the first visible key of its sequence:
//   first[b] = min over j of (mask[b, j] ? j : T),  empty iff i + o < first[b].
// Positions are floats: exact below 2^24, and rows of floats are what reduces.
Value MaskReader::averageEmptyRows(Value result, Value mask) {
  Location loc = op.getLoc();
  MLIRContext *context = op.getContext();
  Type f32 = builder.getF32Type(), i64 = builder.getI64Type();
  DimAttr one = DimAttr::constant(context, 1);
  auto elementwise = [&](ElementwiseKind kind, ValueRange operands) -> Value {
    return ElementwiseOp::create(builder, loc, kind, operands);
  };
  auto toFloat = [&](Value value) -> Value {
    return ElementwiseOp::create(
        builder, loc,
        nn::ElementwiseKindAttr::get(context, ElementwiseKind::Cast),
        ValueRange(value), TypeAttr::get(f32));
  };
  auto positions = [&](ArrayRef<DimAttr> dims, int64_t axis) {
    return toFloat(nn::IotaOp::create(builder, loc, nn::tensorType(dims, i64),
                                      builder.getI64IntegerAttr(axis)));
  };
  DimAttr keys = index.dims[3], queries = index.dims[2];
  Value end =
      toFloat(nn::DimOp::create(builder, loc, nn::tensorType({}, i64), keys));
  Value candidates =
      elementwise(ElementwiseKind::Select, {mask, positions({keys}, 0), end});
  Value first = nn::ReduceOp::create(builder, loc, nn::ReduceKind::Min,
                                     candidates, ArrayRef<int64_t>{1},
                                     /*keepdims=*/true);
  first = reshapeTo(builder, loc, first, {index.dims[0], one, one, one});
  Value rows = positions({queries, one}, 0);
  if (masks.causal == nn::CausalKind::BottomRight)
    rows = elementwise(
        ElementwiseKind::Add,
        {rows, toFloat(nn::DimOp::create(builder, loc, nn::tensorType({}, i64),
                                         keys - queries))});
  Value sees = elementwise(ElementwiseKind::GreaterEqual, {rows, first});
  // Mean of V over the keys, for each query head.
  Value mean = nn::ReduceOp::create(builder, loc, nn::ReduceKind::Mean,
                                    op.getValue(), ArrayRef<int64_t>{2},
                                    /*keepdims=*/true);
  Dims dims = nn::getDims(mean);
  if (dims[1] != index.dims[1]) {
    DimAttr groups = index.dims[1].exactDiv(dims[1]);
    mean = reshapeTo(builder, loc, mean, {dims[0], dims[1], one, one, dims[3]});
    mean = broadcastTo(builder, loc, mean,
                       {dims[0], dims[1], groups, one, dims[3]});
    mean =
        reshapeTo(builder, loc, mean, {dims[0], index.dims[1], one, dims[3]});
  }
  return elementwise(ElementwiseKind::Select, {sees, result, mean});
}

void MaskReader::rewrite() {
  Location loc = op.getLoc();
  Value bias;
  for (Value term : masks.bias)
    bias = !bias
               ? term
               : Value(ElementwiseOp::create(builder, loc, ElementwiseKind::Add,
                                             ValueRange{bias, term}));
  Value mask = keyMask();
  auto attention = nn::AttentionOp::create(
      builder, loc, op.getQuery(), op.getKey(), op.getValue(),
      op.getScale().convertToDouble(), masks.causal, bias, mask);
  if (masks.window)
    attention.setWindowAttr(builder.getI64IntegerAttr(*masks.window));
  attention.setSoftcapAttr(op.getSoftcapAttr());
  attention.getRandomMutable().assign(op.getRandom());
  attention.setDropoutAttr(op.getDropoutAttr());
  attention.setRandomIdAttr(op.getRandomIdAttr());
  attention.setTf32(op.getTf32());
  Value result = attention.getResult();
  if (masks.emptyRowsAverage)
    result = averageEmptyRows(result, mask);
  std::string found;
  if (masks.causal != nn::CausalKind::None)
    found += ", causal " + stringifyEnum(masks.causal).str();
  if (masks.window)
    found += ", window " + std::to_string(*masks.window);
  if (mask)
    found += ", key mask";
  if (bias)
    found += ", bias";
  fusion::amendReason(op, "attention", nn::nodeName(op), found);
  op.getResult().replaceAllUsesWith(result);
  op.erase();
}

namespace {
struct DetectMasks : impl::DetectMasksBase<DetectMasks> {
  void runOnOperation() override {
    SmallVector<nn::AttentionOp> attentions;
    getOperation()->walk([&](nn::AttentionOp op) { attentions.push_back(op); });
    for (nn::AttentionOp op : attentions)
      if (!op.getLogsumexp())
        MaskReader(op).run();
    IRRewriter rewriter(&getContext());
    getOperation()->walk([&](func::FuncOp function) {
      (void)runRegionDCE(rewriter, function->getRegions());
    });
  }
};
} // namespace

} // namespace attune::detect
