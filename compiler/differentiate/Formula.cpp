// nn ops written as formulas. See Formula.h.
#include "compiler/differentiate/Formula.h"
#include "compiler/cleanup/Views.h"
#include "dialects/nn/NodeName.h"

namespace attune::differentiate {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;
using nn::ElementwiseKind;

Location gradientLocation(Operation *op) {
  std::string name = nn::nodeName(op->getLoc());
  if (name.empty() || StringRef(name).ends_with(".grad"))
    return op->getLoc();
  return NameLoc::get(StringAttr::get(op->getContext(), name + ".grad"));
}

Expr Expr::number(double number) const {
  return with(
      cleanup::scalarConstant(site->builder, site->loc, number, elementType()));
}

Expr apply(ElementwiseKind kind, ArrayRef<Expr> operands) {
  Site &site = operands.front().getSite();
  SmallVector<Value> values(operands.begin(), operands.end());
  return {site,
          nn::ElementwiseOp::create(site.builder, site.loc, kind, values)};
}

Expr operator+(Expr a, Expr b) { return apply(ElementwiseKind::Add, {a, b}); }
Expr operator-(Expr a, Expr b) { return apply(ElementwiseKind::Sub, {a, b}); }
Expr operator*(Expr a, Expr b) { return apply(ElementwiseKind::Mul, {a, b}); }
Expr operator/(Expr a, Expr b) { return apply(ElementwiseKind::Div, {a, b}); }
Expr operator-(Expr a) { return apply(ElementwiseKind::Neg, {a}); }

Expr exp(Expr x) { return apply(ElementwiseKind::Exp, {x}); }
Expr log(Expr x) { return apply(ElementwiseKind::Log, {x}); }
Expr sqrt(Expr x) { return apply(ElementwiseKind::Sqrt, {x}); }
Expr equal(Expr a, Expr b) { return apply(ElementwiseKind::Equal, {a, b}); }
Expr greater(Expr a, Expr b) { return apply(ElementwiseKind::Greater, {a, b}); }

Expr select(Expr condition, Expr ifTrue, Expr ifFalse) {
  return apply(ElementwiseKind::Select, {condition, ifTrue, ifFalse});
}

Expr castTo(Expr x, Type elementType) {
  if (x.elementType() == elementType)
    return x;
  Site &site = x.getSite();
  return x.with(nn::ElementwiseOp::create(
      site.builder, site.loc,
      nn::ElementwiseKindAttr::get(elementType.getContext(),
                                   ElementwiseKind::Cast),
      ValueRange(Value(x)), TypeAttr::get(elementType)));
}

static Expr reduce(nn::ReduceKind kind, Expr x, ArrayRef<int64_t> axes,
                   bool keepdims) {
  if (axes.empty())
    return x;
  Site &site = x.getSite();
  return x.with(nn::ReduceOp::create(
      site.builder, site.loc,
      nn::ReduceKindAttr::get(site.builder.getContext(), kind), x,
      site.builder.getDenseI64ArrayAttr(axes),
      keepdims ? site.builder.getUnitAttr() : UnitAttr()));
}

Expr reduceKeeping(nn::ReduceKind kind, Expr x, ArrayRef<int64_t> axes) {
  return reduce(kind, x, axes, /*keepdims=*/true);
}

Expr sumOver(Expr x, ArrayRef<int64_t> axes) {
  return reduce(nn::ReduceKind::Sum, x, axes, /*keepdims=*/false);
}

Expr reshape(Expr x, ArrayRef<DimAttr> dims) {
  Site &site = x.getSite();
  return x.with(cleanup::reshapeTo(site.builder, site.loc, x, dims));
}

Expr transpose(Expr x, ArrayRef<int64_t> permutation) {
  Site &site = x.getSite();
  return x.with(cleanup::transposeTo(site.builder, site.loc, x, permutation));
}

Expr broadcast(Expr x, ArrayRef<DimAttr> dims) {
  Site &site = x.getSite();
  return x.with(cleanup::broadcastTo(site.builder, site.loc, x, dims));
}

Expr withOnes(Expr x, ArrayRef<int64_t> axes) {
  Dims dims = x.dims();
  DimAttr one = DimAttr::constant(x.type().getContext(), 1);
  for (int64_t axis : axes)
    dims.insert(dims.begin() + axis, one);
  return reshape(x, dims);
}

Expr sumTo(Expr x, ArrayRef<DimAttr> dims) {
  Dims from = x.dims();
  size_t lead = from.size() - dims.size();
  SmallVector<int64_t> axes;
  for (size_t axis = 0; axis < from.size(); ++axis)
    if (axis < lead || from[axis] != dims[axis - lead])
      axes.push_back(axis);
  // Dims of 1 that were repeated come back with the reshape.
  return reshape(sumOver(x, axes), dims);
}

Expr dimension(Expr like, DimAttr dim) {
  if (auto value = dim.getConstant())
    return like.number(double(*value));
  Site &site = like.getSite();
  auto type = RankedTensorType::get({}, site.builder.getI64Type());
  return castTo(like.with(nn::DimOp::create(site.builder, site.loc, type, dim)),
                like.elementType());
}

Expr splat(Site &site, RankedTensorType type, double value) {
  Attribute element = site.builder.getFloatAttr(type.getElementType(), value);
  return {site,
          arith::ConstantOp::create(site.builder, site.loc,
                                    DenseElementsAttr::get(type, element))};
}

} // namespace attune::differentiate
