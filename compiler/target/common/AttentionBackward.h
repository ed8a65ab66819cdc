//===- AttentionBackward.h - the parts of attention's gradients -*- C++ -*-===//
#pragma once
#include "dialects/tile/Tile.h"

namespace attune::target::common {

/// The parts of a kernel of family attention_backward (form:
/// dialects/tile/test/attention-backward.mlir): loops over the keys, the heads
/// of a group and the queries around five dots, or four and saved scores.
/// Gradients that the kernel does not give are null.
struct AttentionBackward {
  // Handles, whose methods are not const.
  mutable tile::ForOp clearGroups, clearQueries; ///< dQ = 0
  mutable tile::StoreOp clear;
  mutable tile::ForOp keys, groups, queries;
  mutable tile::DotOp scores, weights; ///< Q K^T, or null, and dO V^T
  mutable tile::DotOp dq, dk, dv;
  mutable tile::LoadOp query, key; ///< null if nothing reads them
  mutable tile::LoadOp gradient, value;
  mutable tile::ReduceOp mean; ///< rowsum(dO * O)
  mutable tile::BandOp band;
  mutable tile::AccumulateOp queryGradient;
  llvm::SmallVector<tile::StoreOp> keyStores;   ///< of a block of keys
  llvm::SmallVector<tile::StoreOp> slopeStores; ///< of a block of scores
  unsigned dkIndex = 0, dvIndex = 0;            ///< among what the loops carry
  mlir::Value features, columns; ///< the spans of a head of K and of V

  /// Finds the parts; reports what does not fit the form. Which types and
  /// block sizes there is code for is the target's to say.
  static llvm::FailureOr<AttentionBackward> match(tile::KernelOp kernel);

  int64_t blockQueries() const;
  int64_t blockKeys() const;
  int64_t depth() const;     ///< head size of Q and K; 0 if neither is read
  int64_t valueSize() const; ///< head size of V
};

} // namespace attune::target::common
