// Reshape, transpose, broadcast, slice, concat: on known elements, on
// broadcasts that stay virtual, and as nn ops.
#include "frontends/onnx/Ops.h"

namespace attune::onnx {

using namespace mlir;

static bool isOne(DimAttr dim) { return dim.getConstant() == 1; }

/// If `from` and `to` differ in extents of 1 only: for each dim of `to` the dim
/// of `from` it is, -1 for new ones.
static std::optional<SmallVector<int64_t>> sameButOnes(ArrayRef<DimAttr> from,
                                                       ArrayRef<DimAttr> to) {
  SmallVector<int64_t> map;
  size_t at = 0;
  for (DimAttr dim : to) {
    if (isOne(dim)) {
      map.push_back(-1);
      continue;
    }
    while (at < from.size() && isOne(from[at]))
      ++at;
    if (at == from.size() || from[at] != dim)
      return std::nullopt;
    map.push_back(at++);
  }
  while (at < from.size() && isOne(from[at]))
    ++at;
  return at == from.size() ? std::optional(map) : std::nullopt;
}

/// Whether the form counts up by `step` from element to element in row-major
/// order over `dims`.
bool Ops::runsContiguously(const Affine &form, ArrayRef<DimAttr> dims,
                           DimAttr &step) const {
  step = {};
  DimAttr stride;
  for (size_t i = dims.size(); i-- > 0;) {
    if (isOne(dims[i]))
      continue;
    if (!step)
      step = stride = form.steps[i];
    if (!stride || form.steps[i] != stride)
      return false;
    stride = stride * dims[i];
  }
  if (!step)
    step = dim(0);
  return true;
}

Result Ops::reshape(const Imported &x, Dims dims) {
  if (failed(checkDims(dims)))
    return failure();
  if (dims == x.dims)
    return x;
  if (nn::numElements(x.dims, context) != nn::numElements(dims, context))
    return fail("reshape of " + text(x.dims) + " to " + text(dims) +
                " changes the number of elements");
  Imported out = x;
  out.dims = dims;
  if (auto map = sameButOnes(x.dims, dims)) {
    Dims old = padded(x.own, x.dims.size(), context);
    Dims own;
    for (int64_t from : *map)
      own.push_back(from < 0 ? dim(1) : old[from]);
    // Several forms live on the last dim, which must stay the last.
    bool forms = x.isKnown(Known::Kind::Affine);
    if (forms && x.known.forms.size() > 1 &&
        (map->empty() || map->back() != int64_t(old.size()) - 1))
      forms = false;
    out.own = own;
    if (forms) {
      for (Affine &form : out.known.forms) {
        Dims steps = padded(form.steps, old.size(), context);
        for (size_t i = 0; i < old.size() - form.steps.size(); ++i)
          steps[i] = dim(0);
        form.steps.clear();
        for (int64_t from : *map)
          form.steps.push_back(from < 0 ? dim(0) : steps[from]);
      }
      return out;
    }
    if (x.isKnown(Known::Kind::Integers) || x.isKnown(Known::Kind::Reals))
      return out;
    if (own != x.own)
      out.value = b.createOrFold<nn::ReshapeOp>(
          loc, nn::tensorType(own, x.element), this->own(x));
    out.known = own != x.own ? Known() : out.known;
    return out;
  }
  auto form = x.isKnown(Known::Kind::Affine) ? knownAffine(x) : std::nullopt;
  DimAttr step;
  if (form && !x.isBroadcast() && runsContiguously(*form, x.own, step)) {
    Affine flat{form->base, Dims(dims.size(), dim(0))};
    DimAttr stride = step;
    for (size_t i = dims.size(); i-- > 0;) {
      flat.steps[i] = stride;
      stride = stride * dims[i];
      if (!stride)
        return fail("a stride leaves 64 bits");
    }
    return affine(x.element, dims, flat);
  }
  if (auto elements = knownIntegers(x))
    return integers(x.element, dims, *elements);
  if (auto elements = knownReals(x)) {
    out.own = dims;
    out.known.reals = *elements;
    return out;
  }
  return fromValue(b.createOrFold<nn::ReshapeOp>(
      loc, nn::tensorType(dims, x.element), full(x)));
}

Result Ops::unsqueeze(const Imported &x, ArrayRef<int64_t> axes) {
  int64_t rank = x.rank() + axes.size();
  SmallVector<bool> inserted(rank, false);
  for (int64_t axis : axes) {
    int64_t at = axis < 0 ? axis + rank : axis;
    if (at < 0 || at >= rank || inserted[at])
      return fail("axis " + Twine(axis) + " is twice or outside rank " +
                  Twine(rank));
    inserted[at] = true;
  }
  Dims dims;
  size_t next = 0;
  for (bool isNew : inserted)
    dims.push_back(isNew ? dim(1) : x.dims[next++]);
  return reshape(x, dims);
}

Result Ops::squeeze(const Imported &x, ArrayRef<int64_t> axes) {
  SmallVector<bool> dropped(x.rank(), false);
  for (int64_t axis : axes) {
    int64_t at = axis < 0 ? axis + x.rank() : axis;
    if (at < 0 || at >= x.rank())
      return fail("axis " + Twine(axis) + " is outside rank " +
                  Twine(x.rank()));
    if (!isOne(x.dims[at]))
      return fail("expected extent 1 at axis " + Twine(axis) + " of " +
                  text(x.dims));
    dropped[at] = true;
  }
  Dims dims;
  for (auto [drop, dim] : llvm::zip(dropped, x.dims))
    if (!drop)
      dims.push_back(dim);
  return reshape(x, dims);
}

template <typename T>
static SmallVector<T> permuted(ArrayRef<T> list,
                               ArrayRef<int64_t> permutation) {
  SmallVector<T> out;
  for (int64_t from : permutation)
    out.push_back(list[from]);
  return out;
}

/// Row-major elements of `extents` in the order of the permuted dims.
template <typename T>
static SmallVector<T> permutedElements(ArrayRef<T> elements,
                                       ArrayRef<int64_t> extents,
                                       ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> strides(extents.size(), 1);
  for (size_t i = extents.size(); i-- > 1;)
    strides[i - 1] = strides[i] * extents[i];
  SmallVector<T> out;
  for (size_t n = 0; n < elements.size(); ++n) {
    int64_t at = 0, rest = n;
    for (size_t i = extents.size(); i-- > 0;) {
      at += rest % extents[permutation[i]] * strides[permutation[i]];
      rest /= extents[permutation[i]];
    }
    out.push_back(elements[at]);
  }
  return out;
}

Result Ops::transpose(const Imported &x, ArrayRef<int64_t> permutation) {
  SmallVector<bool> seen(x.rank(), false);
  for (int64_t axis : permutation) {
    if (axis < 0 || axis >= x.rank() || seen[axis])
      return fail("expected a permutation of " + Twine(x.rank()) + " axes");
    seen[axis] = true;
  }
  if (int64_t(permutation.size()) != x.rank())
    return fail("expected a permutation of " + Twine(x.rank()) + " axes");
  if (llvm::is_sorted(permutation))
    return x;
  Dims own = padded(x.own, x.dims.size(), context);
  Imported out = x;
  out.dims = Dims(permuted<DimAttr>(x.dims, permutation));
  out.own = Dims(permuted<DimAttr>(own, permutation));
  SmallVector<int64_t> moved;
  for (int64_t axis : permutation)
    if (!isOne(own[axis]))
      moved.push_back(axis);
  if (llvm::is_sorted(moved)) { // Only extents of 1 change places.
    Imported same = x;
    same.dims = own;
    if (Result reshaped = reshape(same, out.own); succeeded(reshaped)) {
      reshaped->dims = out.dims;
      return *reshaped;
    }
  }
  if (auto form = knownAffine(x)) {
    Dims steps(own.size() - form->steps.size(), dim(0));
    steps.append(form->steps);
    Imported permutedForm =
        affine(x.element, out.own,
               {form->base, Dims(permuted<DimAttr>(steps, permutation))});
    permutedForm.dims = out.dims;
    return permutedForm;
  }
  bool integral = x.isKnown(Known::Kind::Integers);
  if (auto extents = staticExtents(own);
      extents && (integral || x.isKnown(Known::Kind::Reals)) &&
      spend(x.known.integers.size() + x.known.reals.size())) {
    out.known.integers =
        permutedElements<DimAttr>(x.known.integers, *extents, permutation);
    out.known.reals =
        permutedElements<double>(x.known.reals, *extents, permutation);
    return out;
  }
  Imported flat = x;
  flat.dims = own;
  Result reshaped = reshape(flat, own);
  Value value = this->own(reshaped->own == own ? *reshaped : flat);
  if (nn::getDims(value) != own)
    value = b.createOrFold<nn::ReshapeOp>(loc, nn::tensorType(own, x.element),
                                          value);
  Imported result = fromValue(b.createOrFold<nn::TransposeOp>(
      loc, value, b.getDenseI64ArrayAttr(permutation)));
  result.dims = out.dims;
  return result;
}

Result Ops::broadcast(const Imported &x, ArrayRef<DimAttr> dims) {
  auto wide = nn::broadcastDims({x.dims, Dims(dims)});
  if (failed(wide))
    return fail("shapes do not broadcast: " + text(x.dims) + " and " +
                text(dims));
  Imported out = x;
  out.dims = *wide;
  return out;
}

Result Ops::slice(const Imported &x, Dims starts, Dims sizes,
                  ArrayRef<int64_t> steps) {
  if (failed(checkDims(sizes)))
    return failure();
  bool whole = true;
  Dims own = padded(x.own, x.dims.size(), context), ownStarts = starts,
       ownSizes = sizes;
  SmallVector<int64_t> ownSteps(steps);
  for (int64_t i = 0; i < x.rank(); ++i) {
    whole &=
        sizes[i] == x.dims[i] && steps[i] == 1 && starts[i].getConstant() == 0;
    if (own[i] != x.dims[i] && !isOne(x.dims[i])) {
      // A broadcast dim has the same element everywhere.
      ownStarts[i] = dim(0);
      ownSizes[i] = dim(1);
      ownSteps[i] = 1;
    }
  }
  if (whole)
    return x;
  Imported source = x;
  source.dims = own;
  if (source.own != own) {
    Result reshaped = reshape(source, own);
    if (failed(reshaped))
      return failure();
    source = *reshaped;
  }
  auto form = knownAffine(source);
  if (form && form->steps.size() == own.size()) {
    for (size_t i = 0; i < own.size(); ++i) {
      form->base = form->base + form->steps[i] * ownStarts[i];
      form->steps[i] = form->steps[i] * ownSteps[i];
      if (!form->base || !form->steps[i])
        return fail("an index leaves 64 bits");
    }
    Imported out = affine(x.element, ownSizes, *form);
    out.dims = sizes;
    return out;
  }
  auto count = staticCount(ownSizes, maxFolded);
  auto from = staticExtents(ownStarts), extents = staticExtents(own);
  bool reals = source.isKnown(Known::Kind::Reals);
  if (count && from && extents &&
      (reals || source.isKnown(Known::Kind::Integers))) {
    Imported out = source;
    out.own = ownSizes;
    out.dims = sizes;
    out.known.integers.clear();
    out.known.reals.clear();
    auto lengths = *staticExtents(ownSizes);
    for (int64_t n = 0; n < *count; ++n) {
      int64_t at = 0, rest = n, stride = 1;
      for (size_t i = own.size(); i-- > 0; stride *= (*extents)[i]) {
        at += ((*from)[i] + rest % lengths[i] * ownSteps[i]) * stride;
        rest /= lengths[i];
      }
      if (reals)
        out.known.reals.push_back(source.known.reals[at]);
      else
        out.known.integers.push_back(source.known.integers[at]);
    }
    return out;
  }
  Imported out = fromValue(nn::SliceOp::create(
      b, loc, this->own(source), nn::ShapeAttr::get(context, ownStarts),
      nn::ShapeAttr::get(context, ownSizes), b.getDenseI64ArrayAttr(ownSteps)));
  out.dims = sizes;
  return out;
}

Result Ops::window(const Imported &x, int64_t axis, DimAttr start,
                   DimAttr size) {
  Dims starts(x.dims.size(), dim(0)), sizes = x.dims;
  starts[axis] = start;
  sizes[axis] = size;
  return slice(x, starts, sizes, SmallVector<int64_t>(x.dims.size(), 1));
}

/// Affine operands of extent 1 along the last axis stay affine side by side.
static std::optional<Imported> concatForms(Ops &ops, ArrayRef<Imported> inputs,
                                           int64_t axis) {
  if (axis != inputs.front().rank() - 1)
    return std::nullopt;
  SmallVector<Dims> owns;
  SmallVector<Affine> forms;
  for (const Imported &x : inputs) {
    // A few integers may count as well as a long range does.
    auto form = x.isFloat() ? std::nullopt : ops.knownAffine(x);
    if (!isOne(x.dims.back()) || !form || x.own.size() != x.dims.size())
      return std::nullopt;
    owns.push_back(x.own);
    forms.push_back(*form);
  }
  auto own = nn::broadcastDims(owns);
  if (failed(own))
    return std::nullopt;
  Imported out = inputs.front();
  out.value = {};
  out.known = {};
  out.known.kind = Known::Kind::Affine;
  for (auto [x, form] : llvm::zip(inputs, forms)) {
    for (size_t i = 0; i < own->size(); ++i)
      if (isOne(x.own[i]))
        form.steps[i] = ops.dim(0);
    out.known.forms.push_back(form);
  }
  out.own = *own;
  out.own.back() = out.dims.back() = ops.dim(inputs.size());
  return out;
}

Result Ops::concat(ArrayRef<Imported> inputs, int64_t axis) {
  const Imported &first = inputs.front();
  if (axis < 0 || axis >= first.rank())
    return fail("axis " + Twine(axis) + " is outside rank " +
                Twine(first.rank()));
  if (inputs.size() == 1)
    return first;
  Dims dims = first.dims;
  dims[axis] = dim(0);
  for (const Imported &x : inputs) {
    Dims expected = first.dims;
    if (x.element != first.element)
      return fail("expected operands of one type");
    if (x.rank() == first.rank())
      expected[axis] = x.dims[axis];
    if (x.dims != expected)
      return fail("concat of " + text(first.dims) + " and " + text(x.dims) +
                  " along axis " + Twine(axis));
    dims[axis] = dims[axis] + x.dims[axis];
  }
  if (failed(checkDims(dims)))
    return failure();
  // Known elements join row by row.
  int64_t rows = 1;
  if (auto outer = staticCount(ArrayRef(dims).take_front(axis), maxFolded))
    rows = *outer;
  SmallVector<Dims> parts;
  for (const Imported &x : inputs)
    if (auto known = x.isFloat() ? std::nullopt : knownIntegers(x))
      parts.push_back(*known);
  if (parts.size() == inputs.size() && staticCount(dims, maxFolded)) {
    Dims joined;
    for (int64_t row = 0; row < rows; ++row)
      for (const Dims &part : parts) {
        size_t width = rows ? part.size() / rows : 0;
        joined.append(part.begin() + row * width,
                      part.begin() + (row + 1) * width);
      }
    return integers(first.element, dims, joined);
  }
  if (auto forms = concatForms(*this, inputs, axis))
    return *forms;
  SmallVector<Value> values;
  for (const Imported &x : inputs)
    values.push_back(full(x));
  return fromValue(
      nn::ConcatOp::create(b, loc, values, b.getI64IntegerAttr(axis)));
}

} // namespace attune::onnx
