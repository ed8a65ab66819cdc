// Blocks of the contraction and attention families, chosen by the machine.
//
// A choice is made once for all row counts: rows and lengths are run-time
// values, and tails are handled inside a kernel. Extents that are constants
// sharpen it.
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
};

/// What the blocks of a contraction are chosen by.
struct ContractionShape {
  nn::DimAttr rows, columns, depth;
  nn::DimAttr batches; ///< products of this shape
  int64_t elementBytes;
  /// The right operand comes in panels; else each worker of a CPU packs the
  /// columns that it needs, and keeps them while only the rows change.
  bool packed;
};

ContractionBlocks chooseContractionBlocks(const MachineModel &machine,
                                          const ContractionShape &shape);

struct AttentionBlocks {
  int64_t queries, keys;
};

/// `half`: queries, keys and values are f16 or bf16.
AttentionBlocks chooseAttentionBlocks(const MachineModel &machine,
                                      nn::DimAttr queries, nn::DimAttr keys,
                                      int64_t headSize, int64_t valueSize,
                                      bool half);

} // namespace attune::kernels
