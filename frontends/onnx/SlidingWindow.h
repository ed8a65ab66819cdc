// Where the windows of a convolution or a pooling stand: its attributes
// kernel_shape, strides, dilations, pads, auto_pad and ceil_mode, read and
// checked.
#ifndef ATTUNE_FRONTENDS_ONNX_SLIDINGWINDOW_H
#define ATTUNE_FRONTENDS_ONNX_SLIDINGWINDOW_H

#include "frontends/onnx/Binder.h"

namespace attune::onnx {

/// One entry for each spatial dim.
struct SlidingWindow {
  llvm::SmallVector<int64_t> kernel, strides, dilations, low, high;
  /// What ceil_mode adds behind `high` so that a last, partial window fits.
  llvm::SmallVector<int64_t> beyond;

  /// Input elements from the first to the last that one window reads.
  int64_t reach(size_t i) const { return (kernel[i] - 1) * dilations[i] + 1; }
  /// Windows along a dim of extent `input`.
  DimAttr count(DimAttr input, size_t i) const;
};

/// The attributes alone: auto_pad and ceil_mode, which depend on the input, and
/// whether the windows fit into it, are the caller's.
mlir::FailureOr<SlidingWindow>
readWindowAttributes(Binder &node, llvm::ArrayRef<int64_t> kernel);

/// The windows of `node` over its input 0, which is [N, C, X...].
mlir::FailureOr<SlidingWindow> readWindow(Binder &node,
                                          llvm::ArrayRef<int64_t> kernel);

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_SLIDINGWINDOW_H
