//===- Attention.cpp - which attention kernels the CPU has code for -------===//
//
// Enters: a kernel of family attention. Leaves: its parts by name, or an error
// that says what does not fit; and the scratch that its code needs.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/AttentionLowering.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

/// Tiles of rows and panels are at most this large, on every code version.
static constexpr int64_t kTallestTile = 8, kWidestTile = 4;

FailureOr<Attention>
attune::target::cpu::matchAttention(tile::KernelOp kernel) {
  FailureOr<Attention> parts = Attention::match(kernel);
  if (failed(parts))
    return failure();
  for (tile::LoadOp load : {parts->keyLoad, parts->valueLoad})
    if (!getElementTypeOrSelf(load.getType()).isF32())
      return load.emitOpError(
          "expected f32: other types have no attention on the CPU");
  if (parts->blockKeys() % kPanelWidth)
    return parts->loop.emitOpError(
               "expected static blocks with keys in multiples of ")
           << kPanelWidth;
  return parts;
}

AttentionScratch::AttentionScratch(tile::KernelOp kernel,
                                   const Attention &parts)
    : layout(kernel) {
  int64_t depth = llvm::alignTo(parts.depth(), kLanes);
  int64_t columns = llvm::alignTo(parts.columns(), kLanes);
  int64_t rows = parts.blockRows() + kTallestTile;
  unsigned keyDim = 0;
  for (auto [dim, position] : llvm::enumerate(parts.keyLoad.getPositions()))
    if (position == parts.loop.getSpan())
      keyDim = dim;
  AffineExpr panelCount =
      layout.size(parts.keyLoad.getSource(), keyDim).ceilDiv(kPanelWidth);
  keys = layout.add((panelCount + kWidestTile - 1) * (depth * kPanelWidth));
  values = layout.add(panelCount * (columns * kPanelWidth));
  queries = layout.add(rows * depth);
  int64_t width =
      llvm::alignTo(parts.blockKeys(), kWidestTile * kPanelWidth) + kLanes;
  scores = layout.add(kTallestTile * width);
  alpha = layout.add(kTallestTile);
  max = layout.add(rows);
  sum = layout.add(rows * kLanes);
  out = layout.add(rows * columns);
}
