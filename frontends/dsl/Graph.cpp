// nn ops with the checks of their verifiers.
#include "frontends/dsl/Graph.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace attune::dsl {

using namespace mlir;
using Kind = nn::ElementwiseKind;

/// A model of a thousand layers stays far below.
static constexpr uint64_t mostOps = 50'000;

/// The bytes of a tensor and sums of them have to fit into 64 bits too.
static constexpr int64_t headroom = int64_t{1} << 15;

LogicalResult Graph::spend() {
  return ++spent <= mostOps ? success()
                            : fail("expected at most 50000 operations in a "
                                   "model; make fewer or larger layers");
}

LogicalResult Graph::checkDims(ArrayRef<DimAttr> dims) {
  for (DimAttr dim : dims) {
    if (!dim)
      return fail("a dim leaves 64 bits");
    if (dim.getConstant().value_or(0) < 0)
      return fail("expected dims that are not negative, found " +
                  describeDims(dims));
  }
  if (!(nn::numElements(dims, b.getContext()) * headroom))
    return fail("expected at most 2^48 elements, found " + describeDims(dims));
  return success();
}

Type Graph::elementOf(Tensor x) {
  return ::mlir::cast<RankedTensorType>(x.getType()).getElementType();
}

int64_t Graph::rankOf(Tensor x) {
  return ::mlir::cast<RankedTensorType>(x.getType()).getRank();
}

// ---- scalars ----

static Tensor constant(OpBuilder &b, Location loc, TypedAttr value) {
  auto type = nn::tensorType({}, value.getType());
  return arith::ConstantOp::create(
      b, loc, type, DenseElementsAttr::get(type, Attribute(value)));
}

Tensor Graph::scalar(Type element, double value) {
  return constant(b, loc, b.getFloatAttr(element, value));
}

Tensor Graph::scalar(Type element, int64_t value) {
  if (isa<FloatType>(element))
    return scalar(element, double(value));
  return constant(b, loc, b.getIntegerAttr(element, value));
}

Tensor Graph::scalar(Type element, DimAttr value) {
  if (auto known = value.getConstant())
    return scalar(element, *known);
  Tensor made = nn::DimOp::create(
      b, loc, RankedTensorType::get({}, b.getI64Type()), value);
  return cast(made, element);
}

// ---- elementwise ----

MaybeTensor Graph::elementwise(Kind kind, ArrayRef<Tensor> inputs) {
  SmallVector<Dims> shapes;
  for (Tensor input : inputs)
    shapes.push_back(dimsOf(input));
  FailureOr<Dims> dims = nn::broadcastDims(shapes);
  ArrayRef<Tensor> numbers = inputs;
  if (kind == Kind::Select)
    numbers = numbers.drop_front();
  bool oneType = llvm::all_of(numbers, [&](Tensor input) {
    return elementOf(input) == elementOf(numbers.front());
  });
  if (failed(dims) || !oneType) {
    std::string found;
    for (auto [i, input] : llvm::enumerate(inputs))
      found += (i ? " and " : "") + describeType(input.getType());
    if (failed(dims))
      return fail("expected shapes that broadcast (dims equal or 1, from the "
                  "last one on), found " +
                  found);
    return fail("expected tensors of one element type, found " + found +
                "; convert one by float(x) or int(x)");
  }
  if (failed(checkDims(*dims)) || failed(spend()))
    return failure();
  return Tensor(nn::ElementwiseOp::create(b, loc, kind, ValueRange(inputs)));
}

MaybeTensor Graph::apply(Kind kind, ArrayRef<MaybeTensor> inputs) {
  SmallVector<Tensor> values;
  for (const MaybeTensor &input : inputs) {
    if (failed(input))
      return failure();
    values.push_back(*input);
  }
  return elementwise(kind, values);
}

Tensor Graph::cast(Tensor x, Type element) {
  if (elementOf(x) == element)
    return x;
  return nn::ElementwiseOp::create(b, loc, nn::tensorType(dimsOf(x), element),
                                   Kind::Cast, ValueRange(x),
                                   TypeAttr::get(element));
}

// ---- views ----

MaybeTensor Graph::reshape(Tensor x, const Dims &dims) {
  if (failed(checkDims(dims)) || failed(spend()))
    return failure();
  Dims from = dimsOf(x);
  if (nn::numElements(from, b.getContext()) !=
      nn::numElements(dims, b.getContext()))
    return fail("expected as many elements as before, found " +
                describeDims(from) + " for " + describeDims(dims));
  return b.createOrFold<nn::ReshapeOp>(loc, nn::tensorType(dims, elementOf(x)),
                                       x);
}

Tensor Graph::transpose(Tensor x, ArrayRef<int64_t> permutation) {
  return b.createOrFold<nn::TransposeOp>(loc, x, permutation);
}

MaybeTensor Graph::broadcast(Tensor x, const Dims &dims) {
  if (failed(checkDims(dims)) || failed(spend()))
    return failure();
  if (!nn::broadcastsTo(dimsOf(x), dims))
    return fail("expected a tensor that broadcasts to " + describeDims(dims) +
                ", found " + describeType(x.getType()));
  return b.createOrFold<nn::BroadcastOp>(loc,
                                         nn::tensorType(dims, elementOf(x)), x);
}

MaybeTensor Graph::window(Tensor x, int64_t axis, DimAttr first, DimAttr size,
                          int64_t step) {
  Dims sizes = dimsOf(x), starts(sizes.size(), dim(0));
  DimAttr extent = sizes[axis];
  sizes[axis] = size;
  starts[axis] = first;
  if (failed(checkDims(sizes)) || failed(spend()))
    return failure();
  DimAttr reach = (size - 1) * step;
  DimAttr last = first && reach ? first + reach : DimAttr();
  DimAttr low = step > 0 ? first : last, high = step > 0 ? last : first;
  bool empty = size.getConstant() == 0;
  if (!empty && (!low || !high || !bounds.atLeast(low, 0) ||
                 !bounds.atLeast(extent - high, 1)))
    return fail(
        "expected positions inside axis " + Twine(axis) + " of " +
        describeType(x.getType()) + ", found " + (low ? low.str() : "?") +
        " to " + (high ? high.str() : "?") +
        (extent.getConstant() && high && !high.getConstant()
             ? "; a bound in the input's type helps, as in T <= " + extent.str()
             : ""));
  SmallVector<int64_t> steps(sizes.size(), 1);
  steps[axis] = step;
  MLIRContext *context = b.getContext();
  return b.createOrFold<nn::SliceOp>(loc, x,
                                     nn::ShapeAttr::get(context, starts),
                                     nn::ShapeAttr::get(context, sizes), steps);
}

MaybeTensor Graph::concat(ArrayRef<Tensor> parts, int64_t axis) {
  Dims dims = dimsOf(parts.front());
  for (Tensor part : parts.drop_front()) {
    Dims other = dimsOf(part), like = dimsOf(parts.front());
    bool fits = other.size() == like.size() &&
                elementOf(part) == elementOf(parts.front());
    if (fits)
      like[axis] = other[axis];
    if (!fits || like != other)
      return fail("expected parts that differ in axis " + Twine(axis) +
                  " only, found " + describeType(parts.front().getType()) +
                  " and " + describeType(part.getType()));
    dims[axis] = dims[axis] ? dims[axis] + other[axis] : DimAttr();
  }
  if (failed(checkDims(dims)) || failed(spend()))
    return failure();
  if (parts.size() == 1)
    return parts.front();
  return Tensor(nn::ConcatOp::create(b, loc, ValueRange(parts),
                                     b.getI64IntegerAttr(axis)));
}

MaybeTensor Graph::pad(Tensor x, int64_t axis, DimAttr before, DimAttr after,
                       Tensor value) {
  if (!bounds.atLeast(before, 0) || !bounds.atLeast(after, 0))
    return fail("expected amounts that are not negative, found " +
                (before ? before.str() : "?") + " and " +
                (after ? after.str() : "?"));
  Dims dims = dimsOf(x), low(dims.size(), dim(0)), high = low;
  low[axis] = before;
  high[axis] = after;
  dims[axis] = dims[axis] + before + after;
  if (failed(checkDims(dims)) || failed(spend()))
    return failure();
  MLIRContext *context = b.getContext();
  return Tensor(nn::PadOp::create(b, loc, x, value,
                                  nn::ShapeAttr::get(context, low),
                                  nn::ShapeAttr::get(context, high)));
}

MaybeTensor Graph::gather(Tensor data, Tensor indices, int64_t axis) {
  if (!elementOf(indices).isInteger(64))
    return fail("expected i64 positions, found " +
                describeType(indices.getType()));
  Dims from = dimsOf(data);
  // Positions 0, 1, 2... are a slice.
  if (auto iota = indices.getDefiningOp<nn::IotaOp>();
      iota && rankOf(indices) == 1 && !from[axis].getSymbol().size()) {
    DimAttr count = nn::getDim(indices, 0);
    if (bounds.atLeast(from[axis] - count, 0))
      return window(data, axis, dim(0), count);
    return fail(
        "expected at most " + from[axis].str() + " positions, found " +
        count.str() +
        "; a bound in the input's type helps, as in T <= " + from[axis].str());
  }
  Dims dims(from.begin(), from.begin() + axis);
  dims.append(dimsOf(indices));
  dims.append(from.begin() + axis + 1, from.end());
  if (failed(checkDims(dims)) || failed(spend()))
    return failure();
  return Tensor(nn::GatherOp::create(b, loc, data, indices, axis));
}

MaybeTensor Graph::iota(DimAttr count) {
  if (failed(checkDims({count})) || failed(spend()))
    return failure();
  return Tensor(
      nn::IotaOp::create(b, loc, nn::tensorType({count}, b.getI64Type()), 0));
}

// ---- sums ----

MaybeTensor Graph::reduce(nn::ReduceKind kind, Tensor x, ArrayRef<int64_t> axes,
                          bool keepdims) {
  if (kind == nn::ReduceKind::Mean && !isa<FloatType>(elementOf(x)))
    return fail("expected f32 to take a mean of, found " +
                describeType(x.getType()) + "; convert it by float(x)");
  if (elementOf(x).isInteger(1))
    return fail("expected numbers, found " + describeType(x.getType()) +
                "; convert it by float(x) or int(x)");
  if (failed(spend()))
    return failure();
  return Tensor(nn::ReduceOp::create(b, loc, kind, x, axes, keepdims));
}

MaybeTensor Graph::linear(Tensor x, Tensor weight, Tensor bias) {
  Dims from = dimsOf(x), shape = dimsOf(weight);
  if (shape.size() != 2)
    return fail("expected a weight [outputs, inputs], found " +
                describeType(weight.getType()));
  if (from.empty() || from.back() != shape[1] || !elementOf(x).isF32())
    return fail("expected f32[..., " + shape[1].str() + "] for a weight " +
                describeDims(shape) + ", found " + describeType(x.getType()));
  if (failed(spend()))
    return failure();
  from.back() = shape[0];
  if (failed(checkDims(from)))
    return failure();
  int64_t last = int64_t(from.size()) - 1;
  Tensor product = nn::ContractOp::create(
      b, loc, x, weight, ArrayRef<int64_t>(), ArrayRef<int64_t>(),
      ArrayRef<int64_t>{last}, ArrayRef<int64_t>{1}, TypeAttr());
  return bias ? elementwise(Kind::Add, {product, bias}) : product;
}

MaybeTensor Graph::matmul(Tensor lhs, Tensor rhs) {
  Dims l = dimsOf(lhs), r = dimsOf(rhs);
  auto refuse = [&](const Twine &expected) {
    return fail("expected " + expected + ", found " +
                describeType(lhs.getType()) + " @ " +
                describeType(rhs.getType()));
  };
  if (!elementOf(lhs).isF32() || !elementOf(rhs).isF32() || l.empty() ||
      r.size() < 2)
    return refuse("f32 matrices");
  if (l.back() != r[r.size() - 2])
    return refuse("[..., n, k] @ [..., k, m]");
  // A matrix on the right is one for all; else the dims before the last two
  // broadcast.
  SmallVector<int64_t> batch;
  if (r.size() > 2) {
    auto outer = l.size() < 2
                     ? FailureOr<Dims>(failure())
                     : nn::broadcastDims({Dims(ArrayRef(l).drop_back(2)),
                                          Dims(ArrayRef(r).drop_back(2))});
    if (failed(outer))
      return refuse("dims before the last two that broadcast");
    for (auto [side, dims] : {std::pair(&lhs, &l), std::pair(&rhs, &r)}) {
      Dims whole(*outer);
      whole.append(dims->end() - 2, dims->end());
      if (whole == *dims)
        continue;
      auto spread = broadcast(*side, whole);
      if (failed(spread))
        return failure();
      *side = *spread;
      *dims = whole;
    }
    batch = llvm::to_vector(llvm::seq<int64_t>(0, outer->size()));
  }
  int64_t inner = int64_t(r.size()) - 2, last = int64_t(l.size()) - 1;
  Dims dims(l.begin(), l.end() - 1);
  dims.push_back(r.back());
  if (failed(checkDims(dims)) || failed(spend()))
    return failure();
  return Tensor(nn::ContractOp::create(b, loc, lhs, rhs, batch, batch,
                                       ArrayRef<int64_t>{last},
                                       ArrayRef<int64_t>{inner}, TypeAttr()));
}

MaybeTensor Graph::softmax(Tensor x, int64_t axis) {
  if (!elementOf(x).isF32())
    return fail("expected f32, found " + describeType(x.getType()));
  if (failed(spend()))
    return failure();
  return Tensor(nn::SoftmaxOp::create(b, loc, x, axis));
}

MaybeTensor Graph::norm(nn::NormKind kind, Tensor x, double eps, Tensor weight,
                        Tensor bias) {
  Dims dims = dimsOf(x);
  if (dims.empty() || !elementOf(x).isF32() || !dims.back().getConstant())
    return fail("expected f32[..., width] to norm, found " +
                describeType(x.getType()));
  for (Tensor part : {weight, bias})
    if (part && dimsOf(part) != Dims{dims.back()})
      return fail("expected f32[..., " + nn::getDim(part, 0).str() +
                  "] for the norm's weight, found " +
                  describeType(x.getType()));
  if (failed(spend()))
    return failure();
  return Tensor(nn::NormOp::create(b, loc, kind, x, int64_t(dims.size()) - 1,
                                   eps, weight, bias)
                    .getResult());
}

// ---- random numbers ----

/// nn.random counts from the first sample of a call. Where the leading dim is a
/// multiple of the batch, as windows of images are, so is its first one.
MaybeTensor Graph::firstOf(ArrayRef<DimAttr> dims) {
  DimAttr times;
  if (!dims.empty())
    times = dims.front().exactDiv(random->batch);
  if (times && times.getConstant() == 1)
    return random->first;
  if (times)
    return elementwise(Kind::Mul,
                       {random->first, scalar(b.getI64Type(), times)});
  // The same numbers for all samples.
  StringRef batch = random->batch.getSymbol();
  llvm::SetVector<StringRef> symbols;
  for (DimAttr dim : dims)
    dim.collectSymbols(symbols);
  if (!batch.empty() && symbols.contains(batch))
    return fail("expected the samples (" + batch +
                ") in the first dim where random numbers are drawn, found " +
                describeDims(dims) + "; rearrange the tensor before");
  return scalar(b.getI64Type(), int64_t(0));
}

MaybeTensor Graph::dropout(Tensor x, double rate, const Dims &dims) {
  if (!(rate >= 0 && rate < 1))
    return fail("expected a rate from 0 to below 1, found " +
                std::to_string(rate));
  if (!elementOf(x).isF32())
    return fail("expected f32, found " + describeType(x.getType()));
  if (!random || rate == 0)
    return x;
  Type f32 = b.getF32Type();
  MaybeTensor first = firstOf(dims);
  if (failed(first) || failed(spend()))
    return failure();
  Tensor drawn =
      nn::RandomOp::create(b, loc, nn::tensorType(dims, f32), random->nextId++,
                           random->seed, random->step, *first);
  MaybeTensor drops = elementwise(Kind::Less, {drawn, scalar(f32, rate)});
  MaybeTensor factor = apply(
      Kind::Select, {drops, scalar(f32, 0.0), scalar(f32, 1 / (1 - rate))});
  return apply(Kind::Mul, {x, factor});
}

} // namespace attune::dsl
