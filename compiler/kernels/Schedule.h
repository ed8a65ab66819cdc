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

/// `packed`: the right operand comes in panels; else each worker packs the
/// columns that it needs, and keeps them while only the rows change.
ContractionBlocks chooseContractionBlocks(const MachineModel &machine,
                                          nn::DimAttr rows, nn::DimAttr columns,
                                          nn::DimAttr depth, bool packed);

struct AttentionBlocks {
  int64_t queries, keys;
};

/// `half`: queries, keys and values are f16 or bf16.
AttentionBlocks chooseAttentionBlocks(const MachineModel &machine,
                                      nn::DimAttr queries, nn::DimAttr keys,
                                      int64_t headSize, int64_t valueSize,
                                      bool half);

} // namespace attune::kernels
