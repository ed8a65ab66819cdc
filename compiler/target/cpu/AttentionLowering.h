//===- AttentionLowering.h - flash attention kernels ------------*- C++ -*-===//
#pragma once
#include "compiler/target/cpu/Scratch.h"

namespace attune::target::cpu {

/// The parts of a kernel of family attention (form:
/// dialects/tile/test/attention.mlir): one tile.for over the keys around one
/// softmax step between two dots.
struct Attention {
  // Handles, whose methods are not const.
  mutable tile::ForOp loop;
  mutable tile::SoftmaxStepOp step;
  mutable tile::SoftmaxFinishOp finish; ///< may be null
  mutable tile::DotOp scores, values;   ///< Q K^T and P V
  mutable tile::LoadOp keyLoad, valueLoad;
  mutable tile::BandOp band;
  llvm::SmallVector<tile::StoreOp> stores;
  unsigned maxIndex, sumIndex, outIndex; ///< among what the loop carries
  mlir::Value rows;                      ///< the span of the queries
  mlir::Value keyDepth, valueColumns;    ///< the spans of a head of K and of V
  /// Set if the scores are the dot times this positive number, and a band.
  std::optional<double> scale;

  /// Finds the parts; reports what does not fit the form.
  static llvm::FailureOr<Attention> match(tile::KernelOp kernel);

  int64_t blockRows() const;
  int64_t depth() const;   ///< head size of Q and K
  int64_t columns() const; ///< head size of V
  int64_t blockKeys() const;
};

/// Scratch sections, in floats. D and DV are rounded up to 16.
struct AttentionScratch {
  ScratchLayout layout;
  unsigned keys;    ///< panels [keys / 16][D][16]
  unsigned values;  ///< panels [DV / 16][keys][16]
  unsigned queries; ///< [rows][D]
  unsigned scores;  ///< [row tile][keys of a block]
  unsigned alpha;   ///< [row tile]
  unsigned max;     ///< [rows]
  unsigned sum;     ///< [rows][16]: per lane, added up at the end
  unsigned out;     ///< [rows][DV]

  AttentionScratch(tile::KernelOp kernel, const Attention &parts);
};

/// Lowers the kernel into a function at the emitter's insertion point.
llvm::LogicalResult lowerAttention(tile::KernelOp kernel, Emitter &emit);

} // namespace attune::target::cpu
