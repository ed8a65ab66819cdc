//===- IntegerPower.cpp - math.ipowi by squaring --------------------------===//
//
// Arithmetic wraps. A negative exponent gives 0, but for the bases 1 and -1, as
// in the evaluator (dialects/nn/reference).
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/MathLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attune::target::common;

namespace {

struct ExpandIntegerPower : OpRewritePattern<math::IPowIOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::IPowIOp op,
                                PatternRewriter &rewriter) const override;
};

} // namespace

LogicalResult
ExpandIntegerPower::matchAndRewrite(math::IPowIOp op,
                                    PatternRewriter &rewriter) const {
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  Type type = op.getType();
  Type element = getElementTypeOrSelf(type);
  auto constant = [&](int64_t value) -> Value {
    auto scalar = b.getIntegerAttr(element, value);
    if (auto shaped = dyn_cast<ShapedType>(type))
      return arith::ConstantOp::create(b,
                                       DenseElementsAttr::get(shaped, scalar));
    return arith::ConstantOp::create(b, scalar);
  };
  Value base = op.getLhs(), exponent = op.getRhs();
  Value zero = constant(0), one = constant(1), minusOne = constant(-1);
  auto is = [&](arith::CmpIPredicate predicate, Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, predicate, x, y);
  };
  auto isOdd = [&](Value x) {
    Value bit = arith::AndIOp::create(b, x, one);
    return is(arith::CmpIPredicate::ne, bit, zero);
  };

  // Every bit of the exponent, for lanes differ in how many they have.
  Value from = arith::ConstantIndexOp::create(b, 0);
  Value to = arith::ConstantIndexOp::create(b, element.getIntOrFloatBitWidth());
  Value step = arith::ConstantIndexOp::create(b, 1);
  auto loop =
      scf::ForOp::create(b, from, to, step, ValueRange{one, base, exponent});
  {
    OpBuilder::InsertionGuard guard(rewriter);
    b.setInsertionPointToStart(loop.getBody());
    ValueRange carried = loop.getRegionIterArgs();
    Value product = arith::MulIOp::create(b, carried[0], carried[1]);
    Value power =
        arith::SelectOp::create(b, isOdd(carried[2]), product, carried[0]);
    Value square = arith::MulIOp::create(b, carried[1], carried[1]);
    Value rest = arith::ShRUIOp::create(b, carried[2], one);
    scf::YieldOp::create(b, ValueRange{power, square, rest});
    b.setInsertionPointAfter(loop);
  }
  Value sign = arith::SelectOp::create(b, isOdd(exponent), minusOne, one);
  Value small = arith::SelectOp::create(
      b, is(arith::CmpIPredicate::eq, base, minusOne), sign, zero);
  small = arith::SelectOp::create(b, is(arith::CmpIPredicate::eq, base, one),
                                  one, small);
  Value isNegative = is(arith::CmpIPredicate::slt, exponent, zero);
  rewriter.replaceOpWithNewOp<arith::SelectOp>(op, isNegative, small,
                                               loop.getResult(0));
  return success();
}

void attune::target::common::populateIntegerPower(RewritePatternSet &patterns) {
  patterns.add<ExpandIntegerPower>(patterns.getContext());
}
