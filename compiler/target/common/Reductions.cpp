//===- Reductions.cpp -----------------------------------------------------===//
#include "compiler/target/common/Reductions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attune;

namespace attune::target::common {

Type elementOf(tile::ReduceOp reduce) {
  return cast<RankedTensorType>(reduce.getBlock().getType()).getElementType();
}

TypedAttr neutralElement(tile::ReduceOp reduce) {
  Builder builder(reduce.getContext());
  Type element = elementOf(reduce);
  bool isMin = reduce.getKind() == tile::ReduceKind::min;
  bool isExtreme = isMin || reduce.getKind() == tile::ReduceKind::max ||
                   reduce.getKind() == tile::ReduceKind::maxnum;
  if (isa<FloatType>(element)) {
    double infinity = std::numeric_limits<double>::infinity();
    double value = isExtreme
                       ? (isMin ? infinity : -infinity)
                       : double(reduce.getKind() == tile::ReduceKind::prod);
    return builder.getFloatAttr(element, value);
  }
  unsigned width = element.getIntOrFloatBitWidth();
  if (isExtreme)
    return builder.getIntegerAttr(element,
                                  isMin ? APInt::getSignedMaxValue(width)
                                        : APInt::getSignedMinValue(width));
  return builder.getIntegerAttr(element,
                                reduce.getKind() == tile::ReduceKind::prod);
}

Value combine(Emitter &emit, tile::ReduceOp reduce, Value sum, Value value) {
  bool isFloat = isa<FloatType>(elementOf(reduce));
  switch (reduce.getKind()) {
  case tile::ReduceKind::sum:
    return isFloat ? arith::AddFOp::create(emit, sum, value).getResult()
                   : arith::AddIOp::create(emit, sum, value).getResult();
  case tile::ReduceKind::prod:
    return isFloat ? arith::MulFOp::create(emit, sum, value).getResult()
                   : arith::MulIOp::create(emit, sum, value).getResult();
  case tile::ReduceKind::max:
    return isFloat ? arith::MaximumFOp::create(emit, sum, value).getResult()
                   : arith::MaxSIOp::create(emit, sum, value).getResult();
  case tile::ReduceKind::maxnum:
    return emit.maxf(sum, value);
  case tile::ReduceKind::min:
    return isFloat ? arith::MinimumFOp::create(emit, sum, value).getResult()
                   : arith::MinSIOp::create(emit, sum, value).getResult();
  }
  llvm_unreachable("unknown reduction");
}

} // namespace attune::target::common
