// Ops::elementwise: folds, then simplifies, then builds nn.elementwise on the
// operands as they are before broadcasting.
#include "frontends/onnx/Ops.h"

#include "dialects/nn/ElementwiseKinds.h"

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;

/// `x` if a neutral or absorbing operand decides the result.
std::optional<Imported> Ops::simplify(Kind kind, ArrayRef<Imported> inputs,
                                      const Dims &dims) {
  auto keep = [&](unsigned i) {
    Imported result = inputs[i];
    result.dims = dims;
    return result;
  };
  if (kind == Kind::Select) {
    if (auto condition = knownSplat(inputs[0]))
      return keep(*condition != 0 ? 1 : 2);
    return std::nullopt;
  }
  if (inputs.size() != 2)
    return std::nullopt;
  auto lhs = knownSplat(inputs[0]), rhs = knownSplat(inputs[1]);
  // On integers they are bitwise, and 1 is one bit of many.
  if ((kind == Kind::And || kind == Kind::Or) && !inputs[0].isBool())
    return std::nullopt;
  switch (kind) {
  case Kind::Add:
    return rhs == 0   ? std::optional(keep(0))
           : lhs == 0 ? std::optional(keep(1))
                      : std::nullopt;
  case Kind::Sub:
    return rhs == 0 ? std::optional(keep(0)) : std::nullopt;
  case Kind::Mul:
    return rhs == 1   ? std::optional(keep(0))
           : lhs == 1 ? std::optional(keep(1))
                      : std::nullopt;
  case Kind::Div:
    return rhs == 1 ? std::optional(keep(0)) : std::nullopt;
  case Kind::And:
    return rhs == 1 || lhs == 0   ? std::optional(keep(0))
           : lhs == 1 || rhs == 0 ? std::optional(keep(1))
                                  : std::nullopt;
  case Kind::Or:
    return rhs == 0 || lhs == 1   ? std::optional(keep(0))
           : lhs == 0 || rhs == 1 ? std::optional(keep(1))
                                  : std::nullopt;
  default:
    return std::nullopt;
  }
}

Result Ops::elementwise(Kind kind, ArrayRef<Imported> inputs) {
  SmallVector<Dims> shapes, owns;
  for (const Imported &x : inputs) {
    shapes.push_back(x.dims);
    owns.push_back(x.own);
  }
  auto dims = nn::broadcastDims(shapes), own = nn::broadcastDims(owns);
  if (failed(dims) || failed(own)) {
    std::string all;
    for (const Dims &shape : shapes)
      all += (all.empty() ? "" : " and ") + text(shape);
    return fail("shapes do not broadcast: " + all);
  }
  bool select = kind == Kind::Select;
  if (select && !inputs[0].isBool())
    return fail("expected a condition of booleans");
  Type element = inputs.back().element;
  for (const Imported &x : inputs.drop_front(select ? 1 : 0))
    if (x.element != element)
      return fail("expected operands of one type");
  Type result =
      nn::givesBool(kind) ? Type(b.getI1Type()) : inputs.back().element;
  if (auto folded = fold(kind, inputs, result, *own)) {
    folded->dims = *dims;
    return *folded;
  }
  if (auto simple = simplify(kind, inputs, *dims))
    return *simple;
  SmallVector<Value> values;
  for (const Imported &x : inputs)
    values.push_back(this->own(x));
  Imported out =
      fromValue(nn::ElementwiseOp::create(b, loc, kind, ValueRange(values)));
  out.dims = *dims;
  return out;
}

/// Reals as the integers that a cast gives; nothing if one does not fit.
static std::optional<SmallVector<int64_t>> toIntegers(ArrayRef<double> reals,
                                                      Type element) {
  SmallVector<int64_t> out;
  double limit = std::ldexp(1.0, element.getIntOrFloatBitWidth() - 1);
  for (double real : reals) {
    if (element.isInteger(1))
      out.push_back(real != 0);
    else if (real > -limit && real < limit)
      out.push_back(int64_t(real));
    else
      return std::nullopt;
  }
  return out;
}

static double rounded(double value, Type element) {
  bool lost;
  APFloat real(value);
  real.convert(cast<FloatType>(element).getFloatSemantics(),
               APFloat::rmNearestTiesToEven, &lost);
  return real.convertToDouble();
}

Result Ops::cast(const Imported &x, Type to) {
  if (x.element == to)
    return x;
  Imported out = x;
  out.element = to;
  bool integer = isa<IntegerType>(x.element), toInteger = isa<IntegerType>(to);
  if (x.isKnown(Known::Kind::Integers)) {
    auto values = staticExtents(x.known.integers);
    if (values && !toInteger) {
      out.known.kind = Known::Kind::Reals;
      out.known.reals.clear();
      for (int64_t value : *values)
        out.known.reals.push_back(rounded(double(value), to));
      return out;
    }
    if (values && to.isInteger(1))
      for (DimAttr &value : out.known.integers)
        value = dim(*value.getConstant() != 0);
    if (toInteger && (values || !to.isInteger(1)))
      return out;
  }
  if (x.isKnown(Known::Kind::Reals)) {
    if (!toInteger) {
      for (double &real : out.known.reals)
        real = rounded(real, to);
      return out;
    }
    if (auto values = toIntegers(x.known.reals, to)) {
      out.known.kind = Known::Kind::Integers;
      out.known.integers = dimsOf(*values);
      return out;
    }
  }
  // Ranges keep their form in every integer type they fit.
  if (x.isKnown(Known::Kind::Affine) && integer && toInteger &&
      (!to.isInteger(1) || knownSplat(x))) {
    if (to.isInteger(1) && *knownSplat(x) != 0)
      out.known.forms.front().base = dim(1);
    return out;
  }
  auto type = nn::tensorType(x.own, to);
  Imported result = fromValue(nn::ElementwiseOp::create(
      b, loc, type, Kind::Cast, ValueRange(own(x)), TypeAttr::get(to)));
  result.dims = x.dims;
  return result;
}

} // namespace attune::onnx
