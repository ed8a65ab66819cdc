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
