// Blocks of the contraction and attention families, chosen by the machine.
//
// Rows and lengths are run-time values, and tails are handled inside a kernel.
// A CPU's choice is made once for all of them; a GPU, which stands idle where
// blocks are few, has a few to choose from at run time. Extents that are
// constants sharpen it.
#pragma once

#include "compiler/kernels/MachineModel.h"
#include "dialects/nn/NN.h"

namespace attune::kernels {

struct ContractionBlocks {
  int64_t rows, columns, depth;
  /// Whether the column blocks of one row block follow each other in the grid:
  /// then the rows stay in the cache. The reverse keeps packed columns.
  bool rowsOutermost;
  /// Work items for each task.
  int64_t grain;
  /// What the launch takes, in no unit; only to be compared.
  nn::DimAttr cost;
};

/// What the blocks of a contraction are chosen by.
struct ContractionShape {
  template <typename T>
  struct Extents {
    T rows, columns, depth, batches; ///< batches: products of this shape
  };
  Extents<nn::DimAttr> extents;
  Extents<int64_t> most; ///< what they are at most at run time
  int64_t elementBytes;
  /// Operands of f32 are rounded to tf32, for one product in place of three.
  bool tf32;
  /// The left operand is contiguous along rows, not along k.
  bool lhsAlongRows;
  /// The right operand comes in panels; else each worker of a CPU packs the
  /// columns that it needs, and keeps them while only the rows change.
  bool packed;
};

/// At least one. A GPU has several where extents are run-time values: the first
/// is best for many rows, each of the others by its cost for some.
llvm::SmallVector<ContractionBlocks>
chooseContractionBlocks(const MachineModel &machine,
                        const ContractionShape &shape);
/// The same for a GPU.
llvm::SmallVector<ContractionBlocks>
chooseGpuBlocks(const MachineModel &machine, const ContractionShape &shape);

struct AttentionBlocks {
  int64_t queries, keys;
};

/// What the blocks of an attention are chosen by.
struct AttentionShape {
  nn::DimAttr queries, keys;
  int64_t headSize, valueSize;
  bool isHalf; ///< queries, keys and values are f16 or bf16
  bool isCausal;
  bool isBiased;
  bool isMasked; ///< by a mask of keys
};

AttentionBlocks chooseAttentionBlocks(const MachineModel &machine,
                                      const AttentionShape &shape);
/// Of the backward pass.
AttentionBlocks chooseAttentionBackwardBlocks(const MachineModel &machine,
                                              const AttentionShape &shape);

} // namespace attune::kernels
