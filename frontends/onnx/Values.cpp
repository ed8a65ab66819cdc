// Imported values into the IR and out of it: constants, weights, ranges.
#include "frontends/onnx/Ops.h"

#include "dialects/nn/Weights.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace attune::onnx {

using namespace mlir;

std::optional<SmallVector<int64_t>> staticExtents(ArrayRef<DimAttr> dims) {
  SmallVector<int64_t> extents;
  for (DimAttr dim : dims) {
    auto value = dim.getConstant();
    if (!value)
      return std::nullopt;
    extents.push_back(*value);
  }
  return extents;
}

std::optional<int64_t> staticCount(ArrayRef<DimAttr> dims, int64_t most) {
  auto extents = staticExtents(dims);
  if (!extents)
    return std::nullopt;
  if (llvm::is_contained(*extents, 0))
    return 0;
  int64_t count = 1;
  for (int64_t extent : *extents)
    if (__builtin_mul_overflow(count, extent, &count) || count > most)
      return std::nullopt;
  return count;
}

Dims padded(ArrayRef<DimAttr> dims, size_t rank, MLIRContext *context) {
  Dims result(rank - std::min(rank, dims.size()),
              DimAttr::constant(context, 1));
  result.append(dims.begin(), dims.end());
  return result;
}

std::string text(ArrayRef<DimAttr> dims) {
  std::string out = "[";
  for (auto [i, dim] : llvm::enumerate(dims))
    out += (i ? ", " : "") + dim.str();
  return out + "]";
}

/// The bytes of a tensor, sums of them and the operations on it have to fit
/// into 64 bits too: bits that are left over above its number of elements.
static constexpr int64_t headroom = int64_t{1} << 15;

LogicalResult Ops::checkDims(ArrayRef<DimAttr> dims) {
  for (DimAttr dim : dims) {
    if (!dim)
      return fail("a dimension leaves 64 bits");
    if (dim.getConstant().value_or(0) < 0)
      return fail("a dimension is negative: " + dim.str());
  }
  if (!(nn::numElements(dims, context) * headroom))
    return fail("expected at most 2^48 elements, found " + text(dims));
  return success();
}

Dims Ops::dimsOf(ArrayRef<int64_t> values) const {
  Dims dims;
  for (int64_t value : values)
    dims.push_back(dim(value));
  return dims;
}

Imported Ops::fromValue(Value value) const {
  Dims dims = nn::getDims(value);
  return {value,
          cast<RankedTensorType>(value.getType()).getElementType(),
          dims,
          dims,
          {}};
}

Imported Ops::integers(Type element, Dims dims, Dims values) const {
  Imported x;
  x.element = element;
  x.own = x.dims = std::move(dims);
  x.known.kind = Known::Kind::Integers;
  x.known.integers = std::move(values);
  return x;
}

Imported Ops::splat(Type element, Dims dims, double number) const {
  Imported x;
  x.element = element;
  x.dims = std::move(dims);
  if (isa<FloatType>(element)) {
    x.known.kind = Known::Kind::Reals;
    x.known.reals = {number};
  } else {
    x.known.kind = Known::Kind::Integers;
    x.known.integers = {dim(int64_t(number))};
  }
  return x;
}

Imported Ops::affine(Type element, Dims dims, Affine form) const {
  Imported x;
  x.element = element;
  x.own = x.dims = std::move(dims);
  x.known.kind = Known::Kind::Affine;
  x.known.forms.push_back(std::move(form));
  return x;
}

// Spreads row-major elements of `own` over `dims`.
template <typename T>
static SmallVector<T> spreadElements(ArrayRef<T> elements,
                                     ArrayRef<int64_t> own,
                                     ArrayRef<int64_t> dims, int64_t count) {
  SmallVector<int64_t> strides(dims.size(), 0);
  int64_t stride = 1;
  for (size_t i = 0; i < own.size(); ++i) {
    size_t from = own.size() - 1 - i, to = dims.size() - 1 - i;
    strides[to] = own[from] == 1 ? 0 : stride;
    stride *= own[from];
  }
  SmallVector<T> out;
  SmallVector<int64_t> position(dims.size(), 0);
  for (int64_t n = 0; n < count; ++n) {
    int64_t at = 0;
    for (size_t i = 0; i < dims.size(); ++i)
      at += position[i] * strides[i];
    out.push_back(elements[at]);
    for (size_t i = dims.size(); i-- > 0;) {
      if (++position[i] < dims[i])
        break;
      position[i] = 0;
    }
  }
  return out;
}

/// Element-wise work is bounded over the whole model, so that many nodes of
/// many elements cannot take for ever; a few elements are always allowed.
bool Ops::spend(size_t elements) const {
  if (elements <= 64)
    return true;
  spent += elements;
  return spent <= maxFoldedInAll;
}

std::optional<Dims> Ops::knownIntegers(const Imported &x) const {
  auto count = staticCount(x.dims, maxFolded);
  if (!count)
    return std::nullopt;
  bool affine = x.isKnown(Known::Kind::Affine) && x.known.forms.size() == 1;
  if (!affine && !x.isKnown(Known::Kind::Integers))
    return std::nullopt;
  if (*count == 0)
    return Dims(); // x.own may be of any size then.
  if (!spend(*count))
    return std::nullopt;
  auto own = *staticExtents(x.own), dims = *staticExtents(x.dims);
  if (!affine)
    return x.isBroadcast()
               ? spreadElements<DimAttr>(x.known.integers, own, dims, *count)
               : x.known.integers;
  const Affine &form = x.known.forms.front();
  Dims elements;
  SmallVector<int64_t> position(own.size(), 0);
  for (int64_t n = 0, all = *staticCount(x.own, maxFolded); n < all; ++n) {
    DimAttr element = form.base;
    for (size_t i = 0; i < own.size(); ++i)
      element = element ? element + form.steps[i] * position[i] : element;
    elements.push_back(element);
    for (size_t i = own.size(); i-- > 0;) {
      if (++position[i] < own[i])
        break;
      position[i] = 0;
    }
  }
  if (!llvm::all_of(elements, [](DimAttr e) { return bool(e); }))
    return std::nullopt;
  return spreadElements<DimAttr>(elements, own, dims, *count);
}

std::optional<SmallVector<int64_t>>
Ops::knownConstants(const Imported &x) const {
  auto known = knownIntegers(x);
  return known ? staticExtents(*known) : std::nullopt;
}

std::optional<SmallVector<double>> Ops::knownReals(const Imported &x) const {
  auto count = staticCount(x.dims, maxFolded);
  if (!count || !x.isKnown(Known::Kind::Reals))
    return std::nullopt;
  if (*count == 0)
    return SmallVector<double>();
  if (!spend(*count))
    return std::nullopt;
  return spreadElements<double>(x.known.reals, *staticExtents(x.own),
                                *staticExtents(x.dims), *count);
}

std::optional<double> Ops::knownSplat(const Imported &x) const {
  if (x.isKnown(Known::Kind::Reals) && !x.known.reals.empty() &&
      llvm::all_equal(x.known.reals))
    return x.known.reals.front();
  if (x.isKnown(Known::Kind::Integers) && !x.known.integers.empty() &&
      llvm::all_equal(x.known.integers))
    if (auto value = x.known.integers.front().getConstant())
      return double(*value);
  if (x.isKnown(Known::Kind::Affine) && x.known.forms.size() == 1 &&
      x.known.forms.front().isSplat())
    if (auto value = x.known.forms.front().base.getConstant())
      return double(*value);
  return std::nullopt;
}

std::optional<Affine> Ops::knownAffine(const Imported &x) const {
  if (x.isKnown(Known::Kind::Affine) && x.known.forms.size() == 1)
    return x.known.forms.front();
  if (!x.isKnown(Known::Kind::Integers) || x.known.integers.empty() ||
      !spend(x.known.integers.size()))
    return std::nullopt;
  // Integers in arithmetic progression along each axis.
  auto own = *staticExtents(x.own);
  ArrayRef<DimAttr> elements = x.known.integers;
  Affine form{elements.front(), Dims(own.size(), dim(0))};
  int64_t stride = 1;
  for (size_t i = own.size(); i-- > 0; stride *= own[i])
    if (own[i] > 1)
      form.steps[i] = elements[stride] - elements.front();
  for (size_t n = 0; n < elements.size(); ++n) {
    DimAttr expected = form.base;
    size_t rest = n;
    for (size_t i = own.size(); i-- > 0; rest /= own[i])
      expected = expected + form.steps[i] * int64_t(rest % own[i]);
    if (!expected || expected != elements[n])
      return std::nullopt;
  }
  return form;
}

// ---- into the IR ----

Value Ops::constant(const Imported &x) {
  auto type = nn::tensorType(x.own, x.element);
  SmallVector<Attribute> elements;
  if (x.isKnown(Known::Kind::Reals))
    for (double real : x.known.reals)
      elements.push_back(FloatAttr::get(x.element, real));
  else
    for (DimAttr value : x.known.integers)
      elements.push_back(IntegerAttr::get(
          x.element, APInt(x.element.getIntOrFloatBitWidth(),
                           uint64_t(*value.getConstant()), /*isSigned=*/true,
                           /*implicitTrunc=*/true)));
  return arith::ConstantOp::create(b, loc, type,
                                   DenseElementsAttr::get(type, elements));
}

Value Ops::asValue(DimAttr value, Type element) {
  if (auto number = value.getConstant())
    return constant(integers(element, {}, {value}));
  Type i64 = b.getI64Type();
  Value result =
      nn::DimOp::create(b, loc, RankedTensorType::get({}, i64), value);
  if (element != i64)
    result = nn::ElementwiseOp::create(
        b, loc, nn::tensorType({}, element), nn::ElementwiseKind::Cast,
        ValueRange(result), TypeAttr::get(element));
  return result;
}

Value Ops::fromIntegers(const Imported &x) {
  if (llvm::all_of(x.known.integers,
                   [](DimAttr value) { return bool(value.getConstant()); }))
    return constant(x);
  SmallVector<Value> elements;
  auto one = nn::tensorType({dim(1)}, x.element);
  for (DimAttr value : x.known.integers)
    elements.push_back(
        b.createOrFold<nn::ReshapeOp>(loc, one, asValue(value, x.element)));
  Value joined = elements.size() == 1
                     ? elements.front()
                     : Value(nn::ConcatOp::create(b, loc, elements,
                                                  b.getI64IntegerAttr(0)));
  return b.createOrFold<nn::ReshapeOp>(loc, nn::tensorType(x.own, x.element),
                                       joined);
}

Value Ops::fromAffine(const Affine &form, const Imported &x) {
  Type i64 = b.getI64Type();
  Value sum;
  auto add = [&](Value term) {
    sum = sum ? Value(nn::ElementwiseOp::create(
                    b, loc, nn::ElementwiseKind::Add, ValueRange{sum, term}))
              : term;
  };
  for (size_t i = 0; i < form.steps.size(); ++i) {
    if (form.steps[i].getConstant() == 0 || x.own[i].getConstant() == 1)
      continue;
    Dims dims(x.own.size(), dim(1));
    dims[i] = x.own[i];
    Value term = nn::IotaOp::create(b, loc, nn::tensorType(dims, i64), i);
    if (form.steps[i].getConstant() != 1)
      term = nn::ElementwiseOp::create(
          b, loc, nn::ElementwiseKind::Mul,
          ValueRange{term, asValue(form.steps[i], i64)});
    add(term);
  }
  if (!sum || form.base.getConstant() != 0)
    add(asValue(form.base, i64));
  if (x.element != i64)
    sum = nn::ElementwiseOp::create(
        b, loc, nn::tensorType(nn::getDims(sum), x.element),
        nn::ElementwiseKind::Cast, ValueRange(sum), TypeAttr::get(x.element));
  auto type = nn::tensorType(x.own, x.element);
  if (sum.getType() == type)
    return sum;
  return nn::BroadcastOp::create(b, loc, type, sum);
}

Value Ops::weight(const Imported &x) {
  Value &loaded = weights[{x.known.weight, x.known.weightName}];
  if (loaded)
    return loaded;
  std::string name = x.known.weightName.str();
  for (int copy = 1; !weightNames.insert(name).second; ++copy)
    name = x.known.weightName.str() + "_" + std::to_string(copy);
  auto type = nn::tensorType(x.own, x.element);
  OpBuilder::InsertionGuard guard(b);
  auto weightLoc = NameLoc::get(x.known.weightName);
  Block *block = b.getInsertionBlock();
  while (block->getParentOp()->getParentOp() != module)
    block = block->getParentOp()->getBlock();
  b.setInsertionPoint(block->getParentOp());
  auto weight = nn::WeightOp::create(b, weightLoc, name, type, x.known.weight);
  if (x.known.isConstant)
    weight->setAttr(nn::constantAttr, b.getUnitAttr());
  // Loads stand together at the top, in the order of first use.
  if (lastLoad)
    b.setInsertionPointAfter(lastLoad);
  else
    b.setInsertionPointToStart(block);
  lastLoad = nn::LoadWeightOp::create(b, weightLoc, type, name);
  loaded = lastLoad->getResult(0);
  return loaded;
}

Value Ops::own(const Imported &x) {
  if (x.value)
    return x.value;
  switch (x.known.kind) {
  case Known::Kind::Integers:
    return fromIntegers(x);
  case Known::Kind::Reals:
    return constant(x);
  case Known::Kind::Weight:
    return weight(x);
  case Known::Kind::Affine: {
    if (x.known.forms.size() == 1)
      return fromAffine(x.known.forms.front(), x);
    SmallVector<Value> parts;
    Imported part = x;
    part.own.back() = dim(1);
    for (const Affine &form : x.known.forms)
      parts.push_back(fromAffine(form, part));
    return nn::ConcatOp::create(b, loc, parts,
                                b.getI64IntegerAttr(x.own.size() - 1));
  }
  case Known::Kind::Nothing:
    break;
  }
  llvm_unreachable("an imported value has a value or known elements");
}

Value Ops::full(const Imported &x) {
  Value value = own(x);
  if (!x.isBroadcast())
    return value;
  return nn::BroadcastOp::create(b, loc, nn::tensorType(x.dims, x.element),
                                 value);
}

} // namespace attune::onnx
