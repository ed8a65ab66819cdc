// Identities of elementwise ops.
#include "compiler/cleanup/ElementExpr.h"
#include "compiler/cleanup/Patterns.h"
#include "compiler/cleanup/Views.h"
#include "dialects/nn/ElementwiseKinds.h"

namespace attune::cleanup {

using namespace mlir;
using nn::ElementwiseKind;
using nn::ElementwiseOp;

// Replaces `op` by one of its operands, broadcast to the result's shape.
static LogicalResult replaceBy(PatternRewriter &rewriter, ElementwiseOp op,
                               Value operand) {
  rewriter.replaceOp(op, broadcastTo(rewriter, op.getLoc(), operand,
                                     nn::getDims(op.getResult())));
  return success();
}

static Type elementType(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType();
}

// x + 0, x - 0, x * 1, x / 1, pow(x, 1), x and true, x or false.
static LogicalResult dropNeutral(ElementwiseOp op, PatternRewriter &rewriter) {
  if (op.getInputs().size() != 2)
    return failure();
  Value lhs = op.getInputs()[0], rhs = op.getInputs()[1];
  std::optional<double> neutral;
  switch (op.getKind()) {
  case ElementwiseKind::Add:
  case ElementwiseKind::Sub:
  case ElementwiseKind::Or:
  case ElementwiseKind::Xor:
    neutral = 0;
    break;
  case ElementwiseKind::Mul:
  case ElementwiseKind::Div:
  case ElementwiseKind::Pow:
  case ElementwiseKind::And:
    neutral = 1;
    break;
  default:
    return failure();
  }
  // `and` and `or` are logical on i1 only; on integers 1 is not neutral.
  bool logic = op.getKind() == ElementwiseKind::And ||
               op.getKind() == ElementwiseKind::Or;
  if (logic && !elementType(lhs).isInteger(1))
    return failure();
  if (splatValue(rhs) == neutral)
    return replaceBy(rewriter, op, lhs);
  if (nn::isCommutative(op.getKind()) && splatValue(lhs) == neutral)
    return replaceBy(rewriter, op, rhs);
  return failure();
}

// x and false, x or true.
static LogicalResult dropAbsorbed(ElementwiseOp op, PatternRewriter &rewriter) {
  bool isAnd = op.getKind() == ElementwiseKind::And;
  if ((!isAnd && op.getKind() != ElementwiseKind::Or) ||
      !elementType(op.getResult()).isInteger(1))
    return failure();
  for (Value input : op.getInputs())
    if (splatValue(input) == (isAnd ? 0.0 : 1.0))
      return replaceBy(rewriter, op, input);
  return failure();
}

// and(x, x), or(x, x), max(x, x), min(x, x), select(c, x, x).
static LogicalResult dropEqualOperands(ElementwiseOp op,
                                       PatternRewriter &rewriter) {
  switch (op.getKind()) {
  case ElementwiseKind::And:
  case ElementwiseKind::Or:
  case ElementwiseKind::Max:
  case ElementwiseKind::Min:
  case ElementwiseKind::Select:
    break;
  default:
    return failure();
  }
  unsigned count = op.getInputs().size();
  if (op.getInputs()[count - 1] != op.getInputs()[count - 2])
    return failure();
  return replaceBy(rewriter, op, op.getInputs().back());
}

static LogicalResult foldSelect(ElementwiseOp op, PatternRewriter &rewriter) {
  if (op.getKind() != ElementwiseKind::Select)
    return failure();
  Value condition = op.getInputs()[0];
  if (auto known = splatValue(condition))
    return replaceBy(rewriter, op, op.getInputs()[*known != 0 ? 1 : 2]);
  // select(not c, a, b) is select(c, b, a).
  auto inverted = condition.getDefiningOp<ElementwiseOp>();
  if (!inverted || inverted.getKind() != ElementwiseKind::Not)
    return failure();
  rewriter.replaceOpWithNewOp<ElementwiseOp>(op, ElementwiseKind::Select,
                                             ValueRange{inverted.getInputs()[0],
                                                        op.getInputs()[2],
                                                        op.getInputs()[1]});
  return success();
}

// select(c, true, false) is c, select(c, false, true) is not c.
static LogicalResult foldBoolSelect(ElementwiseOp op,
                                    PatternRewriter &rewriter) {
  if (op.getKind() != ElementwiseKind::Select ||
      !elementType(op.getResult()).isInteger(1))
    return failure();
  auto ifTrue = splatValue(op.getInputs()[1]),
       ifFalse = splatValue(op.getInputs()[2]);
  if (!ifTrue || !ifFalse || (*ifTrue != 0) == (*ifFalse != 0))
    return failure();
  Value value = op.getInputs()[0];
  if (*ifFalse != 0)
    value = ElementwiseOp::create(rewriter, op.getLoc(), ElementwiseKind::Not,
                                  ValueRange(value));
  return replaceBy(rewriter, op, value);
}

// cast(select(c, a, b)) with constants a and b: the constants are cast. A mask
// made by Trilu of ones and a cast to bool becomes its comparison.
static LogicalResult castChoices(ElementwiseOp op, PatternRewriter &rewriter) {
  if (op.getKind() != ElementwiseKind::Cast)
    return failure();
  auto select = op.getInputs()[0].getDefiningOp<ElementwiseOp>();
  if (!select || select.getKind() != ElementwiseKind::Select ||
      !splatValue(select.getInputs()[1]) || !splatValue(select.getInputs()[2]))
    return failure();
  auto cast = [&](Value choice) -> Value {
    return ElementwiseOp::create(
        rewriter, op.getLoc(),
        nn::ElementwiseKindAttr::get(op.getContext(), ElementwiseKind::Cast),
        ValueRange(choice), op.getToAttr());
  };
  Value ifTrue = cast(select.getInputs()[1]),
        ifFalse = cast(select.getInputs()[2]);
  rewriter.replaceOpWithNewOp<ElementwiseOp>(
      op, ElementwiseKind::Select,
      ValueRange{select.getInputs()[0], ifTrue, ifFalse});
  return success();
}

static LogicalResult foldDoubleNot(ElementwiseOp op,
                                   PatternRewriter &rewriter) {
  if (op.getKind() != ElementwiseKind::Not)
    return failure();
  auto inner = op.getInputs()[0].getDefiningOp<ElementwiseOp>();
  if (!inner || inner.getKind() != ElementwiseKind::Not)
    return failure();
  rewriter.replaceOp(op, inner.getInputs()[0]);
  return success();
}

// Whether every value of `from` exists in `to`.
static bool isExact(Type from, Type to) {
  if (from.isInteger(1))
    return true;
  unsigned fromBits = from.getIntOrFloatBitWidth(),
           toBits = to.getIntOrFloatBitWidth();
  if (isa<FloatType>(from) != isa<FloatType>(to))
    return false;
  return toBits > fromBits || (toBits == fromBits && from == to);
}

// Casts to the same type, and casts there and back without loss.
static LogicalResult foldCast(ElementwiseOp op, PatternRewriter &rewriter) {
  if (op.getKind() != ElementwiseKind::Cast)
    return failure();
  Value input = op.getInputs()[0];
  if (elementType(input) == *op.getTo()) {
    rewriter.replaceOp(op, input);
    return success();
  }
  auto inner = input.getDefiningOp<ElementwiseOp>();
  if (!inner || inner.getKind() != ElementwiseKind::Cast)
    return failure();
  Value source = inner.getInputs()[0];
  if (!isExact(elementType(source), elementType(input)))
    return failure();
  if (elementType(source) == *op.getTo()) {
    rewriter.replaceOp(op, source);
    return success();
  }
  // Widened first: one cast does. i1 to i64 to i1 was the case above.
  rewriter.modifyOpInPlace(op, [&] { op.getInputsMutable()[0].set(source); });
  return success();
}

// cast(c) == 0, cast(c) != 0 and the like, of a boolean c: c or not c.
static LogicalResult foldBoolCompare(ElementwiseOp op,
                                     PatternRewriter &rewriter) {
  if (op.getKind() != ElementwiseKind::Equal)
    return failure();
  for (unsigned side : {0, 1}) {
    auto other = splatValue(op.getInputs()[1 - side]);
    Value value = op.getInputs()[side];
    if (auto cast = value.getDefiningOp<ElementwiseOp>();
        cast && cast.getKind() == ElementwiseKind::Cast)
      value = cast.getInputs()[0];
    if (!other || !elementType(value).isInteger(1) ||
        (*other != 0 && *other != 1))
      continue;
    if (*other == 0)
      value = ElementwiseOp::create(rewriter, op.getLoc(), ElementwiseKind::Not,
                                    ValueRange(value));
    return replaceBy(rewriter, op, value);
  }
  return failure();
}

// Powers with small exponents: pow is the dearest function of all.
static LogicalResult expandPow(ElementwiseOp op, PatternRewriter &rewriter) {
  if (op.getKind() != ElementwiseKind::Pow ||
      !isa<FloatType>(elementType(op.getResult())) ||
      op.getInputs()[0].getType() != op.getResult().getType())
    return failure();
  auto exponent = splatValue(op.getInputs()[1]);
  Value x = op.getInputs()[0];
  auto make = [&](ElementwiseKind kind, ValueRange operands) -> Value {
    return ElementwiseOp::create(rewriter, op.getLoc(), kind, operands);
  };
  Value result;
  if (exponent == 2.0)
    result = make(ElementwiseKind::Mul, {x, x});
  else if (exponent == 3.0)
    result =
        make(ElementwiseKind::Mul, {make(ElementwiseKind::Mul, {x, x}), x});
  else if (exponent == 0.5)
    result = make(ElementwiseKind::Sqrt, x);
  else if (exponent == -0.5)
    result = make(ElementwiseKind::Rsqrt, x);
  else if (exponent == -1.0)
    result = make(ElementwiseKind::Reciprocal, x);
  else
    return failure();
  rewriter.replaceOp(op, result);
  return success();
}

void addElementwisePatterns(RewritePatternSet &patterns) {
  patterns.add(dropNeutral);
  patterns.add(dropAbsorbed);
  patterns.add(dropEqualOperands);
  patterns.add(foldSelect);
  patterns.add(foldBoolSelect);
  patterns.add(castChoices);
  patterns.add(foldDoubleNot);
  patterns.add(foldCast);
  patterns.add(foldBoolCompare);
  patterns.add(expandPow);
}

} // namespace attune::cleanup
