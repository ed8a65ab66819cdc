// The algebra of views. See View.h.
#include "compiler/kernels/View.h"

#include "llvm/ADT/TypeSwitch.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

static bool isOne(DimAttr dim) { return dim.getConstant() == 1; }

static DimAttr zero(MLIRContext *context) {
  return DimAttr::constant(context, 0);
}

// An extent of 1 is never stepped along.
static void canonicalize(View &view) {
  for (auto [dim, stride] : llvm::zip(view.dims, view.strides))
    if (isOne(dim))
      stride = zero(dim.getContext());
}

// Row-major strides of `dims` whose last dim has stride `inner`.
static Dims packedStrides(ArrayRef<DimAttr> dims, DimAttr inner) {
  Dims strides(dims.size());
  for (size_t i = dims.size(); i-- > 0;) {
    strides[i] = inner;
    inner = inner * dims[i];
  }
  return strides;
}

View View::rowMajor(ArrayRef<DimAttr> dims, MLIRContext *context) {
  View view{Dims(dims), zero(context),
            packedStrides(dims, DimAttr::constant(context, 1))};
  canonicalize(view);
  return view;
}

View View::rowMajor(Value tensor) {
  return rowMajor(nn::getDims(tensor), tensor.getContext());
}

bool View::operator==(const View &other) const {
  return dims == other.dims && offset == other.offset &&
         strides == other.strides;
}

bool View::isRowMajor() const {
  return *this == rowMajor(dims, offset.getContext());
}

nn::LayoutAttr View::getLayout() const {
  MLIRContext *context = offset.getContext();
  return nn::LayoutAttr::get(context, offset,
                             nn::ShapeAttr::get(context, strides));
}

View transposeView(const View &view, ArrayRef<int64_t> permutation) {
  View result{{}, view.offset, {}};
  for (int64_t dim : permutation) {
    result.dims.push_back(view.dims[dim]);
    result.strides.push_back(view.strides[dim]);
  }
  return result;
}

View broadcastView(const View &view, ArrayRef<DimAttr> dims) {
  size_t added = dims.size() - view.rank();
  View result{Dims(dims), view.offset, {}};
  for (size_t i = 0; i < dims.size(); ++i) {
    bool kept = i >= added && view.dims[i - added] == dims[i];
    result.strides.push_back(kept ? view.strides[i - added]
                                  : zero(view.offset.getContext()));
  }
  return result;
}

View sliceView(const View &view, ArrayRef<DimAttr> starts,
               ArrayRef<DimAttr> sizes, ArrayRef<int64_t> steps) {
  View result{Dims(sizes), view.offset, {}};
  for (size_t i = 0; i < view.rank(); ++i) {
    result.offset = result.offset + starts[i] * view.strides[i];
    result.strides.push_back(view.strides[i] * steps[i]);
  }
  canonicalize(result);
  return result;
}

//===----------------------------------------------------------------------===//
// Reshape
//===----------------------------------------------------------------------===//

namespace {
// The dims of a view without those of extent 1.
struct Stripped {
  Dims dims, strides;
};
} // namespace

static Stripped strip(const View &view) {
  Stripped result;
  for (auto [dim, stride] : llvm::zip(view.dims, view.strides)) {
    if (isOne(dim))
      continue;
    result.dims.push_back(dim);
    result.strides.push_back(stride);
  }
  return result;
}

// products[i] is the product of the first i dims.
static Dims prefixProducts(ArrayRef<DimAttr> dims, MLIRContext *context) {
  Dims products{DimAttr::constant(context, 1)};
  for (DimAttr dim : dims)
    products.push_back(products.back() * dim);
  return products;
}

// Whether dims [from, to) follow each other in memory without gaps.
static bool isContiguousRun(const Stripped &view, size_t from, size_t to) {
  for (size_t i = from; i + 1 < to; ++i)
    if (view.strides[i] != view.strides[i + 1] * view.dims[i + 1])
      return false;
  return true;
}

std::optional<View> reshapeView(const View &view, ArrayRef<DimAttr> dims) {
  MLIRContext *context = view.offset.getContext();
  // Without elements every layout is right, and products say nothing.
  auto isZero = [](DimAttr dim) { return dim.getConstant() == 0; };
  if (llvm::any_of(view.dims, isZero) || llvm::any_of(dims, isZero))
    return View::rowMajor(dims, context);

  Stripped source = strip(view);
  Dims target;
  for (DimAttr dim : dims)
    if (!isOne(dim))
      target.push_back(dim);
  // Both sides fall into the finest runs whose products are equal. A run of the
  // source must be one piece of memory, which the target's run then divides.
  Dims sourceProducts = prefixProducts(source.dims, context);
  Dims targetProducts = prefixProducts(target, context);
  Dims strides;
  size_t from = 0, to = 0;
  while (from < source.dims.size() || to < target.size()) {
    size_t fromEnd = 0, toEnd = 0;
    for (size_t i = from + 1; i < sourceProducts.size() && !fromEnd; ++i)
      for (size_t j = to + 1; j < targetProducts.size() && !fromEnd; ++j)
        if (sourceProducts[i] == targetProducts[j]) {
          fromEnd = i;
          toEnd = j;
        }
    if (!fromEnd || !isContiguousRun(source, from, fromEnd))
      return std::nullopt;
    llvm::append_range(strides,
                       packedStrides(ArrayRef(target).slice(to, toEnd - to),
                                     source.strides[fromEnd - 1]));
    from = fromEnd;
    to = toEnd;
  }

  View result{Dims(dims), view.offset, {}};
  size_t next = 0;
  for (DimAttr dim : dims)
    result.strides.push_back(isOne(dim) ? zero(context) : strides[next++]);
  return result;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

std::optional<View> applyView(Operation *op, const View &view) {
  return TypeSwitch<Operation *, std::optional<View>>(op)
      .Case([&](nn::TransposeOp transpose) {
        return transposeView(view, transpose.getPermutation());
      })
      .Case([&](nn::BroadcastOp broadcast) {
        return broadcastView(view, nn::getDims(broadcast.getResult()));
      })
      .Case([&](nn::SliceOp slice) {
        return sliceView(view, slice.getStarts().getDims(),
                         slice.getSizes().getDims(), slice.getSteps());
      })
      .Case([&](nn::ReshapeOp reshape) {
        return reshapeView(view, nn::getDims(reshape.getResult()));
      })
      .Case([&](nn::BarrierOp) { return view; })
      .Default([](Operation *) { return std::nullopt; });
}

std::optional<View> invertViews(ArrayRef<Operation *> ops,
                                ArrayRef<DimAttr> dims, Value root) {
  std::optional<View> view = View::rowMajor(root);
  for (size_t i = ops.size(); i-- > 0 && view;) {
    if (auto transpose = dyn_cast<nn::TransposeOp>(ops[i])) {
      SmallVector<int64_t> inverse(view->rank());
      for (auto [to, from] : llvm::enumerate(transpose.getPermutation()))
        inverse[from] = to;
      view = transposeView(*view, inverse);
    } else if (auto reshape = dyn_cast<nn::ReshapeOp>(ops[i])) {
      view = reshapeView(*view, nn::getDims(reshape.getInput()));
    } else if (!isa<nn::BarrierOp>(ops[i])) {
      return std::nullopt;
    }
  }
  if (view && view->dims != Dims(dims))
    return std::nullopt;
  return view;
}

} // namespace attune::kernels
