// Where the elements of a tensor lie in its root: the algebra behind
// #nn.layout.
//
// Enters: a chain of views (transpose, reshape, slice, broadcast, barrier)
// between a root tensor, which is stored row-major without gaps, and its user.
// Leaves: one offset and one stride for each dim, in elements, as polynomials
// over the model's dims, or the answer that no such layout exists. It is here
// because the kernels stage is the only one that turns views into addresses.
#pragma once

#include "dialects/nn/NN.h"

namespace attune::kernels {

/// A tensor as a kernel sees it. Element (i, j, ...) is element
/// `offset + i * strides[0] + j * strides[1] + ...` of the root. An extent of 1
/// has stride 0, so that equal views have equal strides; so has a broadcast
/// dim.
struct View {
  nn::Dims dims;
  nn::DimAttr offset;
  nn::Dims strides;

  /// The root itself.
  static View rowMajor(llvm::ArrayRef<nn::DimAttr> dims,
                       mlir::MLIRContext *context);
  static View rowMajor(mlir::Value tensor);

  bool operator==(const View &other) const;
  /// Whether the elements are those of a whole root, in row-major order.
  bool isRowMajor() const;
  nn::LayoutAttr getLayout() const;
  size_t rank() const { return dims.size(); }
};

/// Dimension i of the result is dimension permutation[i].
View transposeView(const View &view, llvm::ArrayRef<int64_t> permutation);

/// NumPy's broadcast_to: aligned at the last dim, repeated dims get stride 0.
View broadcastView(const View &view, llvm::ArrayRef<nn::DimAttr> dims);

/// A strided window; steps may be negative.
View sliceView(const View &view, llvm::ArrayRef<nn::DimAttr> starts,
               llvm::ArrayRef<nn::DimAttr> sizes,
               llvm::ArrayRef<int64_t> steps);

/// The same elements in row-major order of `dims`; nothing if dims would have
/// to be merged that do not follow each other in memory.
std::optional<View> reshapeView(const View &view,
                                llvm::ArrayRef<nn::DimAttr> dims);

/// The view that `op` makes of `view`; nothing if it has no strides. A barrier
/// has done its work when groups are formed and is the tensor itself.
std::optional<View> applyView(mlir::Operation *op, const View &view);

/// Where `value`, computed with dims `dims`, has to be stored so that the view
/// op chain `value -> ops... -> root` needs no code: the inverse of transposes
/// and reshapes. `ops` stand in program order. Nothing if an op drops or
/// repeats elements, or if a reshape has no inverse in strides.
std::optional<View> invertViews(llvm::ArrayRef<mlir::Operation *> ops,
                                llvm::ArrayRef<nn::DimAttr> dims,
                                mlir::Value root);

} // namespace attune::kernels
