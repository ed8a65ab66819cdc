// Reductions, norms and softmax on blocks. See RowBody.h.
#include "compiler/kernels/RowBody.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <numbers>

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;

SmallVector<int64_t> reducedAxes(Operation *op) {
  return llvm::TypeSwitch<Operation *, SmallVector<int64_t>>(op)
      .Case(
          [](nn::ReduceOp reduce) { return llvm::to_vector(reduce.getAxes()); })
      .Case([](nn::SoftmaxOp softmax) {
        return SmallVector<int64_t>{int64_t(softmax.getAxis())};
      })
      .Case([](nn::NormOp norm) {
        int64_t rank = nn::getDims(norm.getInput()).size();
        return llvm::to_vector(llvm::seq<int64_t>(norm.getAxis(), rank));
      })
      .Default([](Operation *) { return SmallVector<int64_t>(); });
}

static Type elementOf(Value block) {
  return getElementTypeOrSelf(block.getType());
}

RowBody::RowBody(KernelBuilder &kernel, ArrayRef<DimAttr> extents,
                 llvm::SmallBitVector columns)
    : GroupBody(kernel, extents), rank(extents.size()),
      columnCount(kernel.constant(1)) {
  for (unsigned axis : columns.set_bits())
    columnCount = columnCount * extents[axis];
}

LogicalResult RowBody::collectOther(Operation *op, ArrayRef<unsigned> axes) {
  if (!isa<nn::ReduceOp, nn::SoftmaxOp, nn::NormOp>(op))
    return GroupBody::collectOther(op, axes);
  for (Value input : op->getOperands())
    if (failed(collect(input, alignedAtEnd(rank, nn::getDims(input).size()))))
      return failure();
  return success();
}

FailureOr<GroupBody::Block> RowBody::computeOther(OpResult value,
                                                  ArrayRef<unsigned>) {
  Operation *op = value.getOwner();
  FailureOr<Block> block = failure();
  if (auto softmaxOp = dyn_cast<nn::SoftmaxOp>(op))
    block = softmax(softmaxOp);
  else if (auto normOp = dyn_cast<nn::NormOp>(op))
    block = norm(normOp, value);
  else
    block = reduce(cast<nn::ReduceOp>(op));
  return failed(block) ? block : FailureOr<Block>(stored(*block, value));
}

// An operand of a reduction, over the columns. Half precision is for storage:
// what is reduced is f32.
FailureOr<Value> RowBody::input(Value value) {
  FailureOr<Value> block =
      get(value, alignedAtEnd(rank, nn::getDims(value).size()), /*wide=*/true);
  if (failed(block) || !isHalf(elementOf(*block)))
    return block;
  return scalars(true).build(nn::ElementwiseKind::Cast, *block,
                             kernel.builder.getF32Type());
}

// A result in the type in which the op gives it.
GroupBody::Block RowBody::stored(Block block, Value result) {
  Type element = cast<RankedTensorType>(result.getType()).getElementType();
  if (!isHalf(element))
    return block;
  return {*scalars(block.wide)
               .build(nn::ElementwiseKind::Cast, block.value, element),
          block.wide};
}

#define ARITH(NAME, ...)                                                       \
  arith::NAME::create(kernel.builder, kernel.loc(), __VA_ARGS__)
#define MATH(NAME, ...)                                                        \
  math::NAME::create(kernel.builder, kernel.loc(), __VA_ARGS__)

// Wide blocks have the columns first; where lanes of a row axis follow, they
// stay.
Value RowBody::reduceColumns(tile::ReduceKind kind, Value block) {
  ValueRange columns = spans(true).drop_back(spans(false).size());
  for (size_t axis = columns.size(); axis-- > 0;)
    block = tile::ReduceOp::create(kernel.builder, kernel.loc(), kind, block,
                                   axis, columns[axis]);
  return block;
}

// Elements of a row, as a narrow block.
Value RowBody::count(Type element) {
  if (std::optional<int64_t> value = columnCount.getConstant())
    return scalars(false).splat(element, double(*value));
  Value integer = ARITH(IndexCastOp, kernel.builder.getI64Type(),
                        kernel.extent(columnCount));
  Value number = ARITH(SIToFPOp, element, integer);
  return kernel.broadcastBlock(number, {}, spans(false));
}

Value RowBody::mean(Value block) {
  Value sum = reduceColumns(tile::ReduceKind::sum, block);
  return ARITH(DivFOp, sum, count(elementOf(block)));
}

static tile::ReduceKind kindOf(nn::ReduceKind kind) {
  switch (kind) {
  case nn::ReduceKind::Sum:
  case nn::ReduceKind::Mean:
    return tile::ReduceKind::sum;
  case nn::ReduceKind::Max:
    return tile::ReduceKind::max;
  case nn::ReduceKind::Min:
    return tile::ReduceKind::min;
  case nn::ReduceKind::Prod:
    return tile::ReduceKind::prod;
  }
  llvm_unreachable("every kind has a row");
}

FailureOr<GroupBody::Block> RowBody::reduce(nn::ReduceOp op) {
  FailureOr<Value> block = input(op.getInput());
  if (failed(block))
    return failure();
  if (op.getKind() == nn::ReduceKind::Mean)
    return Block{mean(*block), false};
  Type element = elementOf(*block);
  if (!element.isInteger(1))
    return Block{reduceColumns(kindOf(op.getKind()), *block), false};
  // Of bools there are `any` and `all`; a target reduces numbers.
  if (op.getKind() == nn::ReduceKind::Sum)
    return op.emitError("a sum of bools has no kernel; cast them first");
  auto cast = [&](Value value, Type to, bool wide) {
    return *scalars(wide).build(nn::ElementwiseKind::Cast, value, to);
  };
  Type i32 = kernel.builder.getI32Type();
  Value numbers = cast(*block, i32, true);
  Value result = reduceColumns(kindOf(op.getKind()), numbers);
  // Of no bools at all `any` is false; the least i32 is not.
  if (op.getKind() == nn::ReduceKind::Max)
    result = ARITH(MaxSIOp, result, scalars(false).splat(i32, 0));
  return Block{cast(result, element, false), false};
}

// A row of nothing but -inf gives 0: the maximum is not subtracted there, so
// that every term is e^-inf, and their sum 0 is not divided by.
FailureOr<GroupBody::Block> RowBody::softmax(nn::SoftmaxOp op) {
  FailureOr<Value> x = input(op.getInput());
  if (failed(x))
    return failure();
  Type element = elementOf(*x);
  ScalarBuilder narrow = scalars(false);
  Value zero = narrow.splat(element, 0), one = narrow.splat(element, 1);
  // A NaN need not be the maximum: its own term carries it into the sum.
  Value max = reduceColumns(tile::ReduceKind::maxnum, *x);
  Value isEmpty = ARITH(CmpFOp, arith::CmpFPredicate::OEQ, max,
                        narrow.splat(element, -INFINITY));
  max = ARITH(SelectOp, isEmpty, zero, max);
  // No exponent is positive, which `afn` lets a target use.
  Value log2e = scalars(true).splat(element, std::numbers::log2e);
  Value exponent = ARITH(MulFOp, ARITH(SubFOp, *x, repeat(max)), log2e);
  Value terms = MATH(Exp2Op, exponent, arith::FastMathFlags::afn);
  Value sum = reduceColumns(tile::ReduceKind::sum, terms);
  Value isZero = ARITH(CmpFOp, arith::CmpFPredicate::OEQ, sum, zero);
  Value inverse = ARITH(SelectOp, isZero, zero, Value(ARITH(DivFOp, one, sum)));
  return Block{ARITH(MulFOp, terms, repeat(inverse)), true};
}

// The variance is that of the centred row: E[x^2] - E[x]^2 loses all digits of
// a row whose mean is large.
FailureOr<RowBody::Statistics> RowBody::statistics(nn::NormOp op) {
  if (auto found = known.find(op); found != known.end())
    return found->second;
  FailureOr<Value> x = input(op.getInput());
  if (failed(x))
    return failure();
  Statistics result{{}, {}, *x};
  if (op.getKind() == nn::NormKind::Layer) {
    result.mean = mean(*x);
    result.centred = ARITH(SubFOp, *x, repeat(result.mean));
  }
  Value variance = mean(ARITH(MulFOp, result.centred, result.centred));
  Value epsilon =
      scalars(false).splat(elementOf(*x), op.getEpsilon().convertToDouble());
  result.rstd = MATH(RsqrtOp, ARITH(AddFOp, variance, epsilon));
  return known[op] = result;
}

FailureOr<GroupBody::Block> RowBody::norm(nn::NormOp op, OpResult value) {
  FailureOr<Statistics> found = statistics(op);
  if (failed(found))
    return failure();
  if (value == op.getMean())
    return Block{found->mean, false};
  if (value == op.getRstd())
    return Block{found->rstd, false};
  Value result = ARITH(MulFOp, found->centred, repeat(found->rstd));
  if (op.getScale()) {
    FailureOr<Value> scale = input(op.getScale());
    if (failed(scale))
      return failure();
    result = ARITH(MulFOp, result, *scale);
  }
  if (op.getBias()) {
    FailureOr<Value> bias = input(op.getBias());
    if (failed(bias))
      return failure();
    result = ARITH(AddFOp, result, *bias);
  }
  return Block{result, true};
}

#undef ARITH
#undef MATH

} // namespace attune::kernels
