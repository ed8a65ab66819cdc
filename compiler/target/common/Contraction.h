//===- Contraction.h - the parts of a contraction kernel --------*- C++ -*-===//
#pragma once
#include "dialects/tile/Tile.h"

namespace attune::target::common {

/// The parts of a kernel of family contraction (form:
/// dialects/tile/test/linear.mlir): one tile.for over k that carries one block
/// and adds one tile.dot to it, then element-wise ops, then stores.
struct Contraction {
  // Handles, whose methods are not const.
  mutable tile::ForOp loop;
  mutable tile::DotOp dot;
  mutable tile::LoadOp lhs, rhs;
  llvm::SmallVector<tile::StoreOp> stores;
  mlir::Value rows, columns; ///< the spans of the two block dimensions

  /// Finds the parts; reports what does not fit the form. Which types and
  /// block sizes there is code for is the target's to say.
  static llvm::FailureOr<Contraction> match(tile::KernelOp kernel);

  /// The memref dimension that `load` reads along the given dot dimension.
  unsigned depthDim(tile::LoadOp load) const;
  int64_t blockRows() const;
  int64_t blockColumns() const;
  /// More than one k block may be needed.
  bool splitsDepth() const;
};

} // namespace attune::target::common
