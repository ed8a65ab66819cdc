// The axes that a kernel runs over, and how each operand moves along them.
//
// Enters: extents of the axes and, for each operand, one stride for each axis
// (0 where it does not depend on it). Leaves: the same space with as few axes
// as the operands' strides allow, so that [batch, sequence] becomes rows.
#pragma once

#include "compiler/kernels/View.h"

namespace attune::kernels {

struct IterationSpace {
  /// Outermost first.
  nn::Dims extents;
  /// strides[operand][axis], in elements.
  llvm::SmallVector<nn::Dims> strides;

  size_t rank() const { return extents.size(); }

  /// Adds an operand that broadcasts to the extents (NumPy rule) and returns
  /// its number.
  unsigned addOperand(const View &view);

  /// Adds an operand whose dim d lies along axis axes[d]. A dim whose extent is
  /// not the axis's is repeated along it.
  unsigned addOperand(const View &view, llvm::ArrayRef<unsigned> axes);

  /// Axis i becomes what axis order[i] was.
  void permute(llvm::ArrayRef<unsigned> order);

  /// Drops axes of extent 1 and merges an axis with its successor where every
  /// operand passes from one to the next without a gap. `groups` are the
  /// numbers of leading axes that belong together (rows first, then columns:
  /// {2, 1}); axes merge within a group only. Returns the axes that each group
  /// has left, possibly none.
  llvm::SmallVector<unsigned> simplify(llvm::ArrayRef<unsigned> groups);

  /// Inserts an axis of extent 1, along which nothing moves.
  void insertUnitAxis(unsigned position, mlir::MLIRContext *context);
};

} // namespace attune::kernels
