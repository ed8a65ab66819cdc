// What several families of operators are written in: nested elementwise
// formulas, positions, indices, borders.
#include "frontends/onnx/Ops.h"

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;

Result Ops::apply(Kind kind, ArrayRef<Result> inputs) {
  std::vector<Imported> values;
  for (const Result &input : inputs) {
    if (failed(input))
      return failure();
    values.push_back(*input);
  }
  return elementwise(kind, values);
}

Imported Ops::positions(int64_t rank, int64_t axis, DimAttr extent) const {
  Dims dims(rank, dim(1)), steps(rank, dim(0));
  dims[axis] = extent;
  steps[axis] = dim(1);
  return affine(IntegerType::get(context, 64), dims, {dim(0), steps});
}

/// Nothing is added to indices that are known to count from the front.
Result Ops::fromFront(const Imported &x, DimAttr extent) {
  if (!isa<IntegerType>(x.element) || x.isBool())
    return fail("expected indices of integers");
  Result index = cast(x, b.getI64Type());
  if (failed(index))
    return failure();
  Imported length = integers(index->element, {}, {extent});
  Result negative =
      elementwise(Kind::Less, {*index, scalar(index->element, 0)});
  return apply(Kind::Select,
               {negative, elementwise(Kind::Add, {*index, length}), index});
}

/// One gather from the data as a list: the position in it is the sum of each
/// axis' position times its stride.
Result Ops::takeAlong(const Imported &data, const Imported &indices,
                      int64_t axis) {
  int64_t rank = data.rank();
  if (indices.rank() != rank)
    return fail("indices " + text(indices.dims) + " for data " +
                text(data.dims));
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis && indices.dims[i] != data.dims[i] &&
        !symbols.limit(indices.dims[i], data.dims[i]))
      return fail("indices " + text(indices.dims) +
                  " that may be longer than "
                  "data " +
                  text(data.dims));
  Dims strides(rank, dim(1));
  for (int64_t i = rank - 1; i-- > 0;) {
    strides[i] = strides[i + 1] ? strides[i + 1] * data.dims[i + 1] : DimAttr();
    if (!strides[i])
      return fail("an index leaves 64 bits");
  }
  auto scaled = [&](Result index, int64_t i) {
    Imported stride = integers(b.getI64Type(), {}, {strides[i]});
    return apply(Kind::Mul, {index, stride});
  };
  Result linear = scaled(fromFront(indices, data.dims[axis]), axis);
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis && indices.dims[i].getConstant() != 1)
      linear = apply(Kind::Add,
                     {linear, scaled(positions(rank, i, indices.dims[i]), i)});
  DimAttr count = nn::numElements(data.dims, context);
  if (failed(linear) || !count)
    return fail("the number of elements leaves 64 bits");
  Result list = reshape(data, {count});
  return failed(list) ? list : gather(*list, *linear, 0);
}

Result Ops::indexComponent(const Imported &indices, int64_t i) {
  if (indices.isKnown(Known::Kind::Affine) && indices.known.forms.size() > 1) {
    Imported part = indices;
    part.known.forms = {indices.known.forms[i]};
    part.own.back() = part.dims.back() = dim(1);
    return squeeze(part, {-1});
  }
  Result part = window(indices, indices.rank() - 1, dim(i), dim(1));
  return failed(part) ? part : squeeze(*part, {-1});
}

Result Ops::linearIndex(const Imported &data, const Imported &indices,
                        int64_t batch, int64_t depth) {
  Result linear = failure();
  for (int64_t i = 0; i < batch + depth; ++i) {
    Result part =
        i < batch ? Result(positions(indices.rank() - 1, i, indices.dims[i]))
                  : indexComponent(indices, i - batch);
    // A single index is counted from the front by nn.gather itself.
    if (succeeded(part) && i >= batch && batch + depth > 1)
      part = fromFront(*part, data.dims[i]);
    if (failed(part))
      return failure();
    if (i > 0) {
      Imported extent = integers(part->element, {}, {data.dims[i]});
      part = apply(Kind::Add, {apply(Kind::Mul, {linear, extent}), part});
    }
    linear = part;
  }
  return linear;
}

Result Ops::pad(const Imported &x, const Imported &value, Dims low, Dims high) {
  Result scalar = reshape(value, {});
  if (failed(scalar))
    return failure();
  if (scalar->element != x.element)
    return fail("expected a pad value of the input's type");
  Dims dims = x.dims;
  bool none = true;
  for (auto [dim, before, after] : llvm::zip(dims, low, high)) {
    if (!symbols.atLeast(before, 0) || !symbols.atLeast(after, 0))
      return fail("pads that may be negative: " + before.str() + " and " +
                  after.str());
    none &= before.getConstant() == 0 && after.getConstant() == 0;
    dim = dim + before + after;
  }
  if (none)
    return x;
  if (failed(checkDims(dims)))
    return failure();
  return fromValue(nn::PadOp::create(b, loc, full(x), full(*scalar),
                                     nn::ShapeAttr::get(context, low),
                                     nn::ShapeAttr::get(context, high)));
}

} // namespace attune::onnx
