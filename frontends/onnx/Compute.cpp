// Gather, reduce, contract, softmax as nn ops.
#include "frontends/onnx/Ops.h"

namespace attune::onnx {

using namespace mlir;

Result Ops::gather(const Imported &data, const Imported &indices,
                   int64_t axis) {
  Dims before(data.dims.begin(), data.dims.begin() + axis),
      after(data.dims.begin() + axis + 1, data.dims.end());
  Dims dims = before;
  dims.append(indices.dims);
  dims.append(after);
  if (failed(checkDims(dims)))
    return failure();
  DimAttr extent = data.dims[axis];
  auto places = knownConstants(indices);
  if (auto length = extent.getConstant(); length && places)
    for (int64_t place : *places)
      if (place < -*length || place >= *length)
        return fail("index " + Twine(place) + " is outside extent " +
                    Twine(*length));

  // Indices that count up by one are a window, which moves nothing.
  auto form = knownAffine(indices);
  DimAttr step;
  if (form && runsContiguously(*form, indices.own, step) &&
      (step.getConstant() == 1 || step.getConstant() == 0)) {
    DimAttr count = nn::numElements(indices.own, context);
    DimAttr start = form->base;
    if (count && start.getConstant().value_or(0) < 0)
      start = start + extent;
    bool single = step.getConstant() == 0;
    // A splat of symbolic shape repeats one element.
    if (single && count && count.getConstant() != 1)
      count = {};
    if (start && count && symbols.atLeast(start, 0) &&
        symbols.limit(count, extent - start)) {
      Result part = window(data, axis, start, count);
      if (failed(part))
        return failure();
      Dims own = before;
      own.append(indices.own);
      own.append(after);
      Result shaped = reshape(*part, own);
      if (failed(shaped) || !indices.isBroadcast())
        return shaped;
      // Put the broadcast of the indices between the outer dims again.
      Dims ranked = before;
      ranked.append(padded(indices.own, indices.dims.size(), context));
      ranked.append(after);
      shaped = reshape(*shaped, ranked);
      return failed(shaped) ? shaped : broadcast(*shaped, dims);
    }
  }
  // Constant indices into known elements.
  auto elements = knownIntegers(data);
  auto extents = staticExtents(data.dims);
  if (elements && places && extents && !data.isFloat() &&
      staticCount(dims, maxFolded)) {
    int64_t inner = 1, outer = 1, length = (*extents)[axis];
    for (int64_t i = 0; i < data.rank(); ++i)
      (i < axis ? outer : inner) *= i == axis ? 1 : (*extents)[i];
    Dims out;
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t place : *places) {
        int64_t at = place < 0 ? place + length : place;
        auto from = elements->begin() + (o * length + at) * inner;
        out.append(from, from + inner);
      }
    return integers(data.element, dims, out);
  }
  if (!indices.element.isInteger(64) && !indices.element.isInteger(32))
    return fail("expected indices of type int32 or int64");
  return fromValue(nn::GatherOp::create(b, loc, full(data), full(indices),
                                        b.getI64IntegerAttr(axis)));
}

Result Ops::reduce(nn::ReduceKind kind, const Imported &x,
                   ArrayRef<int64_t> axes, bool keepdims) {
  SmallVector<int64_t> sorted;
  for (int64_t axis : axes) {
    int64_t at = axis < 0 ? axis + x.rank() : axis;
    if (at < 0 || at >= x.rank() || llvm::is_contained(sorted, at))
      return fail("axis " + Twine(axis) + " is twice or outside rank " +
                  Twine(x.rank()));
    sorted.push_back(at);
  }
  llvm::sort(sorted);
  if (kind == nn::ReduceKind::Mean && !x.isFloat())
    return fail("mean of integers");
  // Known integers: shapes are multiplied up with ReduceProd.
  auto elements = x.isFloat() ? std::nullopt : knownIntegers(x);
  if (elements && int64_t(sorted.size()) == x.rank() && !elements->empty() &&
      (kind == nn::ReduceKind::Prod || kind == nn::ReduceKind::Sum)) {
    DimAttr total = elements->front();
    for (DimAttr element : ArrayRef(*elements).drop_front())
      if (total)
        total =
            kind == nn::ReduceKind::Prod ? total * element : total + element;
    if (total)
      return integers(x.element,
                      keepdims ? Dims(x.dims.size(), dim(1)) : Dims(), {total});
  }
  return fromValue(
      nn::ReduceOp::create(b, loc, kind, full(x), sorted, keepdims));
}

Result Ops::contract(const Imported &lhs, const Imported &rhs,
                     ArrayRef<int64_t> lhsBatch, ArrayRef<int64_t> rhsBatch,
                     ArrayRef<int64_t> lhsContracting,
                     ArrayRef<int64_t> rhsContracting) {
  if (lhs.element != rhs.element)
    return fail("expected operands of one type");
  auto check = [&](ArrayRef<int64_t> l, ArrayRef<int64_t> r) {
    for (auto [a, c] : llvm::zip(l, r))
      if (lhs.dims[a] != rhs.dims[c])
        return fail("expected equal dimensions, found " + lhs.dims[a].str() +
                    " in " + text(lhs.dims) + " and " + rhs.dims[c].str() +
                    " in " + text(rhs.dims));
    return success();
  };
  if (failed(check(lhsBatch, rhsBatch)) ||
      failed(check(lhsContracting, rhsContracting)))
    return failure();
  return fromValue(nn::ContractOp::create(
      b, loc, full(lhs), full(rhs), b.getDenseI64ArrayAttr(lhsBatch),
      b.getDenseI64ArrayAttr(rhsBatch), b.getDenseI64ArrayAttr(lhsContracting),
      b.getDenseI64ArrayAttr(rhsContracting), TypeAttr()));
}

Result Ops::softmax(const Imported &x, int64_t axis) {
  if (!x.isFloat())
    return fail("expected floats");
  return fromValue(
      nn::SoftmaxOp::create(b, loc, full(x), b.getI64IntegerAttr(axis)));
}

} // namespace attune::onnx
