//===- Attention.h - the parts of an attention kernel -----------*- C++ -*-===//
#pragma once
#include "dialects/tile/Tile.h"

namespace attune::target::common {

/// The parts of a kernel of family attention (form:
/// dialects/tile/test/attention.mlir): one tile.for over the keys around one
/// softmax step between two dots. The weights may be narrowed for the second.
struct Attention {
  // Handles, whose methods are not const.
  mutable tile::ForOp loop;
  mutable tile::SoftmaxStepOp step;
  mutable tile::SoftmaxFinishOp finish; ///< may be null
  mutable tile::DotOp scores, values;   ///< Q K^T and P V
  mutable tile::LoadOp keyLoad, valueLoad;
  mutable tile::BandOp band;
  llvm::SmallVector<tile::StoreOp> stores; ///< after the loop
  llvm::SmallVector<tile::StoreOp> saves;  ///< of a block of scores, in it
  unsigned maxIndex, sumIndex, outIndex;   ///< among what the loop carries
  mlir::Value rows;                        ///< the span of the queries
  mlir::Value keyDepth, valueColumns; ///< the spans of a head of K and of V
  /// Whether the second dot takes the weights times something.
  bool isDropped = false;
  /// Set if the scores are the dot times this positive number, and a band, and
  /// nothing else reads them.
  std::optional<double> scale;

  /// Finds the parts; reports what does not fit the form. Which types and
  /// block sizes there is code for is the target's to say.
  static llvm::FailureOr<Attention> match(tile::KernelOp kernel);

  int64_t blockRows() const;
  int64_t depth() const;   ///< head size of Q and K
  int64_t columns() const; ///< head size of V
  int64_t blockKeys() const;
};

/// The other one of the two spans of a loaded block; null unless there are two.
mlir::Value otherSpan(tile::LoadOp load, mlir::Value span);

} // namespace attune::target::common
