// Merging of axes. See IterationSpace.h.
#include "compiler/kernels/IterationSpace.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

unsigned IterationSpace::addOperand(const View &view) {
  strides.push_back(broadcastView(view, extents).strides);
  return strides.size() - 1;
}

unsigned IterationSpace::addOperand(const View &view, ArrayRef<unsigned> axes) {
  MLIRContext *context = view.offset.getContext();
  Dims moved(rank(), DimAttr::constant(context, 0));
  for (auto [dim, stride, axis] : llvm::zip(view.dims, view.strides, axes))
    if (dim == extents[axis])
      moved[axis] = moved[axis] + stride;
  strides.push_back(moved);
  return strides.size() - 1;
}

void IterationSpace::permute(ArrayRef<unsigned> order) {
  auto apply = [&](Dims &values) {
    Dims permuted;
    for (unsigned axis : order)
      permuted.push_back(values[axis]);
    values = permuted;
  };
  apply(extents);
  llvm::for_each(strides, apply);
}

static bool mergesWithNext(const IterationSpace &space, unsigned axis) {
  return llvm::all_of(space.strides, [&](const Dims &strides) {
    return strides[axis] == strides[axis + 1] * space.extents[axis + 1];
  });
}

static void erase(IterationSpace &space, unsigned axis) {
  space.extents.erase(space.extents.begin() + axis);
  for (Dims &strides : space.strides)
    strides.erase(strides.begin() + axis);
}

SmallVector<unsigned> IterationSpace::simplify(ArrayRef<unsigned> groups) {
  SmallVector<unsigned> left;
  unsigned first = 0;
  for (unsigned size : groups) {
    unsigned end = first + size;
    for (unsigned axis = first; axis < end;) {
      if (extents[axis].getConstant() == 1) {
        erase(*this, axis);
        --end;
      } else if (axis > first && mergesWithNext(*this, axis - 1)) {
        extents[axis] = extents[axis - 1] * extents[axis];
        erase(*this, axis - 1);
        --end;
      } else {
        ++axis;
      }
    }
    left.push_back(end - first);
    first = end;
  }
  return left;
}

void IterationSpace::insertUnitAxis(unsigned position, MLIRContext *context) {
  extents.insert(extents.begin() + position, DimAttr::constant(context, 1));
  for (Dims &operand : strides)
    operand.insert(operand.begin() + position, DimAttr::constant(context, 0));
}

} // namespace attune::kernels
