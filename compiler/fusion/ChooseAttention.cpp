// ChooseAttention: fused or unfused, for each attention.
//
// Enters: nn.attention. Leaves: nn.attention where it stays one kernel; else
// its parts (two products around scale, masks and softmax), which form groups
// as any others do. The decision and its estimate go to the ledger.
#include "compiler/cleanup/Views.h"
#include "compiler/fusion/AttentionCost.h"
#include "compiler/fusion/Ledger.h"
#include "compiler/fusion/Passes.h"
#include "dialects/nn/NodeName.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attune::fusion {

#define GEN_PASS_DEF_CHOOSEATTENTION
#include "compiler/fusion/Passes.h.inc"

using namespace mlir;
using cleanup::reshapeTo;
using cleanup::scalarConstant;
using nn::DimAttr;
using nn::Dims;
using nn::ElementwiseKind;
using nn::ElementwiseOp;

namespace {
// Writes an attention as its parts. S: queries, T: keys.
class Decomposition {
public:
  explicit Decomposition(nn::AttentionOp op)
      : op(op), builder(op), loc(op.getLoc()), q(nn::getDims(op.getQuery())),
        k(nn::getDims(op.getKey())), v(nn::getDims(op.getValue())),
        element(
            cast<RankedTensorType>(op.getQuery().getType()).getElementType()) {}

  Value build();
  ArrayRef<Operation *> parts() const { return ops; }

private:
  Value note(Operation *part) {
    ops.push_back(part);
    return part->getResult(0);
  }
  Value apply(ElementwiseKind kind, ValueRange operands) {
    return note(ElementwiseOp::create(builder, loc, kind, operands));
  }
  Value number(double value) {
    return scalarConstant(builder, loc, value, element);
  }
  Value product(Value lhs, Value rhs, int64_t rhsContracting);
  Value positions(ArrayRef<DimAttr> dims);
  Value hide(Value scores, Value visible);
  Value hideByPosition(Value scores);

  nn::AttentionOp op;
  OpBuilder builder;
  Location loc;
  Dims q, k, v;
  Type element;
  SmallVector<Operation *> ops;
};
} // namespace

// Batched over [B, HK]; the queries of a group of heads are rows of one
// product. lhs is [B, H, S, X], rhs [B, HK, ., .]; the result is [B, H, S, Y].
Value Decomposition::product(Value lhs, Value rhs, int64_t rhsContracting) {
  Dims left = nn::getDims(lhs);
  DimAttr groups = left[1].exactDiv(k[1]);
  SmallVector<int64_t> batch = {0, 1};
  int64_t contracted = 3;
  if (groups.getConstant() != 1) {
    lhs =
        reshapeTo(builder, loc, lhs, {left[0], k[1], groups, left[2], left[3]});
    contracted = 4;
  }
  Value result = note(nn::ContractOp::create(
      builder, loc, lhs, rhs, builder.getDenseI64ArrayAttr(batch),
      builder.getDenseI64ArrayAttr(batch),
      builder.getDenseI64ArrayAttr({contracted}),
      builder.getDenseI64ArrayAttr({rhsContracting}), TypeAttr()));
  Dims dims = {left[0], left[1], left[2], nn::getDims(result).back()};
  return reshapeTo(builder, loc, result, dims);
}

Value Decomposition::positions(ArrayRef<DimAttr> dims) {
  auto type = nn::tensorType(dims, builder.getI64Type());
  return note(
      nn::IotaOp::create(builder, loc, type, builder.getI64IntegerAttr(0)));
}

Value Decomposition::hide(Value scores, Value visible) {
  double infinity = std::numeric_limits<double>::infinity();
  return apply(ElementwiseKind::Select, {visible, scores, number(-infinity)});
}

// j <= i + offset, and i + offset - j < window.
Value Decomposition::hideByPosition(Value scores) {
  auto window = op.getWindow();
  if (op.getCausal() == nn::CausalKind::None && !window)
    return scores;
  Value i = positions({q[2], DimAttr::constant(op.getContext(), 1)});
  Value j = positions({k[2]});
  if (op.getCausal() == nn::CausalKind::BottomRight && k[2] != q[2]) {
    auto scalar = RankedTensorType::get({}, builder.getI64Type());
    Value offset = note(nn::DimOp::create(builder, loc, scalar, k[2] - q[2]));
    i = apply(ElementwiseKind::Add, {i, offset});
  }
  if (op.getCausal() != nn::CausalKind::None)
    scores = hide(scores, apply(ElementwiseKind::LessEqual, {j, i}));
  if (!window)
    return scores;
  // |i + offset - j| < window; the side that causal hides is harmless.
  Type i64 = builder.getI64Type();
  Value distance = apply(ElementwiseKind::Sub, {i, j});
  Value near = apply(ElementwiseKind::Less,
                     {apply(ElementwiseKind::Abs, distance),
                      scalarConstant(builder, loc, double(*window), i64)});
  return hide(scores, near);
}

Value Decomposition::build() {
  Value scores = product(op.getQuery(), op.getKey(), 3);
  double scale = op.getScale().convertToDouble();
  if (scale != 1)
    scores = apply(ElementwiseKind::Mul, {scores, number(scale)});
  if (auto softcap = op.getSoftcap()) {
    double cap = softcap->convertToDouble();
    scores = apply(ElementwiseKind::Mul, {scores, number(1 / cap)});
    scores = apply(ElementwiseKind::Tanh, scores);
    scores = apply(ElementwiseKind::Mul, {scores, number(cap)});
  }
  if (op.getBias())
    scores = apply(ElementwiseKind::Add, {scores, op.getBias()});
  scores = hideByPosition(scores);
  if (op.getKeyMask()) {
    DimAttr one = DimAttr::constant(op.getContext(), 1);
    scores = hide(scores, reshapeTo(builder, loc, op.getKeyMask(),
                                    {q[0], one, one, k[2]}));
  }
  Value probabilities =
      note(nn::SoftmaxOp::create(builder, loc, scores, uint64_t(3)));
  return product(probabilities, op.getValue(), 2);
}

static void choose(nn::AttentionOp op, StringRef wanted, bool gpu) {
  AttentionChoice choice = chooseByCost(op, gpu);
  if (wanted != "auto" && !choice.forced)
    choice = {wanted == "fused", /*forced=*/true, "by --attention"};
  std::string name = nn::nodeName(op);
  StringRef strategy = choice.fused ? "fused" : "unfused";
  if (choice.fused)
    return recordStrategy(op, name, strategy, choice.reason, costOf(op));
  Decomposition decomposition(op);
  Value result = decomposition.build();
  recordStrategy(op, name, strategy, choice.reason,
                 costOf(decomposition.parts()));
  op.getResult().replaceAllUsesWith(result);
  op.erase();
}

namespace {
struct ChooseAttention : impl::ChooseAttentionBase<ChooseAttention> {
  using ChooseAttentionBase::ChooseAttentionBase;
  void runOnOperation() override {
    if (attention != "auto" && attention != "fused" && attention != "unfused") {
      getOperation().emitError()
          << "--attention takes auto, fused or unfused, found '"
          << attention.getValue() << "'";
      return signalPassFailure();
    }
    SmallVector<nn::AttentionOp> attentions;
    getOperation()->walk([&](nn::AttentionOp op) {
      if (!op->getParentOfType<nn::GroupOp>())
        attentions.push_back(op);
    });
    for (nn::AttentionOp op : attentions)
      choose(op, attention, gpu);
  }
};
} // namespace

} // namespace attune::fusion
