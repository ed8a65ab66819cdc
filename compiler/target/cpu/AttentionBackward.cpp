//===- AttentionBackward.cpp - which of them the CPU has code for ---------===//
//
// Enters: a kernel of family attention_backward. Leaves: its parts by name, or
// an error that says what does not fit; and the scratch that its code needs.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/AttentionBackwardEmitter.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

/// Tiles of rows are at most this tall, on every code version.
static constexpr int64_t kTallestTile = 8;

FailureOr<AttentionBackward>
attune::target::cpu::matchAttentionBackward(tile::KernelOp kernel) {
  FailureOr<AttentionBackward> parts = AttentionBackward::match(kernel);
  if (failed(parts))
    return failure();
  for (tile::LoadOp load :
       {parts->query, parts->key, parts->value, parts->gradient})
    if (load && !getElementTypeOrSelf(load.getType()).isF32())
      return load.emitOpError("expected f32: other types have no gradients of "
                              "attention on the CPU");
  if (parts->blockKeys() % kPanelWidth)
    return parts->keys.emitOpError("expected keys in multiples of ")
           << kPanelWidth;
  return parts;
}

AttentionBackwardScratch::AttentionBackwardScratch(
    tile::KernelOp kernel, const AttentionBackward &parts)
    : layout(kernel) {
  AttentionBackwardSizes sizes(parts);
  int64_t rows = sizes.rows + kTallestTile, sums = sizes.keys + kTallestTile;
  keys = layout.add(parts.scores ? sizes.keys * sizes.depth : 0);
  values = layout.add(sizes.keys * sizes.columns);
  keyRows = layout.add(sizes.keys * sizes.depth);
  keySums = layout.add(sums * sizes.depth);
  valueSums = layout.add(sums * sizes.columns);
  queries = layout.add(parts.scores ? rows * sizes.depth : 0);
  gradients = layout.add(rows * sizes.columns);
  queryPanels = layout.add(sizes.rows * sizes.depth);
  gradientPanels = layout.add(sizes.rows * sizes.columns);
  scores = layout.add(rows * sizes.scoreStride);
  slopes = layout.add(rows * sizes.scoreStride);
  means = layout.add(rows);
  rowSums = layout.add(kTallestTile * sizes.depth);
}
