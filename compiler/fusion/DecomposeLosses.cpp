// DecomposeLosses: cross entropy as reductions over classes.
//
// Enters: nn.cross_entropy. Leaves: its parts, of which form-groups makes one
// row kernel: a pass for the maximum, the label's logit and the mean, and one
// for the sum of exponentials. Probabilities are never stored, and a gradient
// made of the same logits may join. Before groups are formed, because a loss of
// its own family could not take in what stands beside it.
#include "compiler/cleanup/Views.h"
#include "compiler/fusion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attune::fusion {

#define GEN_PASS_DEF_DECOMPOSELOSSES
#include "compiler/fusion/Passes.h.inc"

using namespace mlir;
using cleanup::reshapeTo;
using cleanup::scalarConstant;
using nn::DimAttr;
using nn::Dims;
using nn::ElementwiseKind;
using nn::ElementwiseOp;
using nn::ReduceKind;

namespace {
// [..., V] are the dims of the logits; a value of a row is [..., 1].
class Decomposition {
public:
  explicit Decomposition(nn::CrossEntropyOp op)
      : op(op), builder(op), loc(op.getLoc()),
        dims(nn::getDims(op.getLogits())), real(builder.getF32Type()),
        i64(builder.getI64Type()) {
    rowDims = dims;
    rowDims.back() = DimAttr::constant(op.getContext(), 1);
  }

  void replace();

private:
  Value apply(ElementwiseKind kind, ValueRange operands) {
    return ElementwiseOp::create(builder, loc, kind, operands);
  }
  Value number(double value) {
    return scalarConstant(builder, loc, value, real);
  }
  Value integer(int64_t value) {
    return scalarConstant(builder, loc, double(value), i64);
  }
  Value cast(Value value, Type element);
  Value reduce(ReduceKind kind, Value value);
  Value logSumExp(Value logits);
  Value ofLabel(Value logits, Value labels);
  Value counts(Value labels);
  void give(Value value, Value result);

  nn::CrossEntropyOp op;
  OpBuilder builder;
  Location loc;
  Dims dims, rowDims;
  Type real; ///< in which sums are made: f32, or f64 if the logits are
  Type i64;
};
} // namespace

Value Decomposition::cast(Value value, Type element) {
  if (getElementTypeOrSelf(value.getType()) == element)
    return value;
  return ElementwiseOp::create(
      builder, loc,
      nn::ElementwiseKindAttr::get(op.getContext(), ElementwiseKind::Cast),
      value, TypeAttr::get(element));
}

Value Decomposition::reduce(ReduceKind kind, Value value) {
  return nn::ReduceOp::create(builder, loc, kind, value,
                              {int64_t(dims.size()) - 1}, /*keepdims=*/true);
}

// The least number stands for the maximum of a row of impossible classes, so
// that every term is exp(-inf).
Value Decomposition::logSumExp(Value logits) {
  double least = real.isF64() ? std::numeric_limits<double>::lowest()
                              : std::numeric_limits<float>::lowest();
  Value max = apply(ElementwiseKind::Max,
                    {reduce(ReduceKind::Max, logits), number(least)});
  Value terms =
      apply(ElementwiseKind::Exp, apply(ElementwiseKind::Sub, {logits, max}));
  Value log = apply(ElementwiseKind::Log, reduce(ReduceKind::Sum, terms));
  return apply(ElementwiseKind::Add, {log, max});
}

// Positions of 32 bits are half the work; no tensor has more. What a label
// beyond them picks does not count.
Value Decomposition::ofLabel(Value logits, Value labels) {
  Type i32 = builder.getI32Type();
  Dims last(dims.size(), DimAttr::constant(op.getContext(), 1));
  last.back() = dims.back();
  Value classes =
      nn::IotaOp::create(builder, loc, nn::tensorType(last, i32),
                         builder.getI64IntegerAttr(int64_t(dims.size()) - 1));
  Value isLabel = apply(ElementwiseKind::Equal, {classes, cast(labels, i32)});
  return reduce(ReduceKind::Sum,
                apply(ElementwiseKind::Select, {isLabel, logits, number(0)}));
}

// Whether a row counts: its label is a class that is not ignored.
Value Decomposition::counts(Value labels) {
  std::optional<int64_t> known = dims.back().getConstant();
  Value classes =
      known ? integer(*known)
            : nn::DimOp::create(builder, loc, RankedTensorType::get({}, i64),
                                dims.back());
  Value result =
      apply(ElementwiseKind::And,
            {apply(ElementwiseKind::GreaterEqual, {labels, integer(0)}),
             apply(ElementwiseKind::Less, {labels, classes})});
  auto ignored = int64_t(op.getIgnoreIndex());
  if (ignored < 0 || (known && ignored >= *known))
    return result;
  Value isIgnored = apply(ElementwiseKind::Equal, {labels, integer(ignored)});
  return apply(ElementwiseKind::And,
               {result, apply(ElementwiseKind::Not, isIgnored)});
}

// A gradient wants the rows as rows: it reads the value itself, and may join.
void Decomposition::give(Value value, Value result) {
  value = cast(value, getElementTypeOrSelf(result.getType()));
  for (Operation *user : llvm::make_early_inc_range(result.getUsers()))
    if (isa<nn::ReshapeOp>(user) &&
        user->getResult(0).getType() == value.getType()) {
      user->getResult(0).replaceAllUsesWith(value);
      user->erase();
    }
  result.replaceAllUsesWith(
      reshapeTo(builder, loc, value, nn::getDims(result)));
}

void Decomposition::replace() {
  Value logits = op.getLogits();
  Type element = getElementTypeOrSelf(logits.getType());
  if (element.isF64())
    real = element;
  logits = cast(logits, real);
  Value labels = cast(reshapeTo(builder, loc, op.getLabels(), rowDims), i64);
  Value lse = logSumExp(logits);
  double smoothing = op.getSmoothing().convertToDouble();
  Value loss = apply(ElementwiseKind::Sub, {lse, ofLabel(logits, labels)});
  if (smoothing > 0) {
    Value mean = reduce(ReduceKind::Mean, logits);
    Value others = apply(ElementwiseKind::Sub, {lse, mean});
    loss = apply(ElementwiseKind::Add,
                 {apply(ElementwiseKind::Mul, {loss, number(1 - smoothing)}),
                  apply(ElementwiseKind::Mul, {others, number(smoothing)})});
  }
  loss = apply(ElementwiseKind::Select, {counts(labels), loss, number(0)});
  give(loss, op.getLoss());
  give(lse, op.getLogsumexp());
  op.erase();
}

namespace {
struct DecomposeLosses : impl::DecomposeLossesBase<DecomposeLosses> {
  void runOnOperation() override {
    SmallVector<nn::CrossEntropyOp> losses;
    getOperation()->walk([&](nn::CrossEntropyOp op) { losses.push_back(op); });
    for (nn::CrossEntropyOp op : losses)
      Decomposition(op).replace();
  }
};
} // namespace

} // namespace attune::fusion
