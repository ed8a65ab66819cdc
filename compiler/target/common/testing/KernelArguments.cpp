//===- KernelArguments.cpp ------------------------------------------------===//
#include "compiler/target/common/testing/KernelArguments.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::common::testing;

Argument::Argument(void *data, std::vector<int64_t> sizes,
                   std::vector<int64_t> strides)
    : data(data), sizes(std::move(sizes)), strides(std::move(strides)) {
  if (!this->strides.empty())
    return;
  int64_t stride = 1;
  for (size_t dim = this->sizes.size(); dim-- > 0;) {
    this->strides.insert(this->strides.begin(), stride);
    stride *= this->sizes[dim];
  }
}

int64_t Argument::extent() const {
  int64_t last = 0;
  for (auto [size, stride] : llvm::zip(sizes, strides)) {
    if (!size)
      return 0;
    last += (size - 1) * stride;
  }
  return last + 1;
}

/// The value of an index in the kernel's outermost block: a constant, a
/// dimension, a scalar argument.
static int64_t evaluate(Value value, const std::vector<Argument> &arguments) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return arguments[argument.getArgNumber()].value;
  if (auto dim = value.getDefiningOp<memref::DimOp>())
    return arguments[cast<BlockArgument>(dim.getSource()).getArgNumber()]
        .sizes[*dim.getConstantIndex()];
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return constant.getSExtValue();
  llvm::report_fatal_error("test kernels have plain extents");
}

int64_t attune::target::common::testing::gridSize(
    tile::KernelOp kernel, const std::vector<Argument> &arguments) {
  int64_t items = 1;
  tile::ParallelOp grid = kernel.getParallel();
  for (auto [extent, step] : llvm::zip(grid.getExtents(), grid.getSteps())) {
    int64_t size = evaluate(extent, arguments);
    items *=
        step == tile::ParallelOp::kUnblocked ? size : (size + step - 1) / step;
  }
  return items;
}

std::vector<int64_t> attune::target::common::testing::slotsOf(
    tile::KernelOp kernel, const std::vector<Argument> &arguments,
    llvm::function_ref<int64_t(unsigned)> pointer) {
  using Slot = tile::KernelOp::Slot;
  std::vector<int64_t> slots;
  for (Slot slot : kernel.getSlots()) {
    const Argument &argument = arguments[slot.argument];
    switch (slot.kind) {
    case Slot::Pointer:
      slots.push_back(pointer(slot.argument));
      break;
    case Slot::Size:
      slots.push_back(argument.sizes[slot.dim]);
      break;
    case Slot::Stride:
      slots.push_back(argument.strides[slot.dim]);
      break;
    case Slot::Scalar:
      slots.push_back(argument.value);
      break;
    case Slot::ScratchBytes:
    case Slot::ScratchBase:
      return slots;
    }
  }
  return slots;
}
