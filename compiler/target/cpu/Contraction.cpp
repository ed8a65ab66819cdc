//===- Contraction.cpp - which contractions the CPU has code for ----------===//
//
// Enters: a kernel of family contraction. Leaves: its parts by name, or an
// error that says what does not fit; and the scratch that its code needs.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/ContractionLowering.h"
#include "compiler/target/cpu/Pack.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

/// No tile is larger, on any code version. The last one of a block may reach
/// past its rows and panels, and keeps sums there that no one looks at.
static constexpr int64_t kTallestTile = 8, kWidestTile = 4;
/// No group of packed rows holds fewer, on any code version.
static constexpr int64_t kFewestGroupRows = 6;

FailureOr<Contraction>
attune::target::cpu::matchContraction(tile::KernelOp kernel) {
  FailureOr<Contraction> parts = Contraction::match(kernel);
  if (failed(parts))
    return failure();
  for (tile::LoadOp load : {parts->lhs, parts->rhs})
    if (!getElementTypeOrSelf(load.getType()).isF32())
      return load.emitOpError(
          "expected f32: other types have no contraction on the CPU");
  auto type = cast<RankedTensorType>(parts->dot.getType());
  if (type.getDimSize(1) % kPanelWidth)
    return parts->dot.emitOpError(
               "expected static blocks with columns in multiples of ")
           << kPanelWidth;
  tile::PanelsAttr panels = kernel.getPanels(
      cast<BlockArgument>(parts->rhs.getSource()).getArgNumber());
  if (panels && (panels.getWidth() != kPanelWidth ||
                 panels.getAxis() != (parts->dot.getTransRhs() ? 0 : 1)))
    return parts->rhs.emitOpError("expected panels of ")
           << kPanelWidth << " along the columns of the dot";
  if (kernel.getPanels(
          cast<BlockArgument>(parts->lhs.getSource()).getArgNumber()))
    return parts->lhs.emitOpError(
        "expected the left operand in rows, not in panels");
  return parts;
}

int64_t attune::target::cpu::blockPanels(const Contraction &parts) {
  return parts.blockColumns() / kPanelWidth;
}

/// Whether a worker packs the left operand: its rows lie side by side, and the
/// items of a block of rows follow each other.
static bool packsLeft(tile::KernelOp kernel, const Contraction &parts) {
  tile::LoadOp load = parts.lhs;
  auto grid = kernel.getParallel().getPositions();
  if (parts.blockRows() <= kTallestTile || grid.back() != parts.columns ||
      llvm::is_contained(load.getPositions(), parts.columns))
    return false;
  auto type = cast<MemRefType>(load.getSource().getType());
  auto strides = type.getStridesAndOffset().first;
  for (auto [position, stride] : llvm::zip(load.getPositions(), strides))
    if (position == parts.rows)
      return stride == 1;
  return false;
}

ContractionScratch::ContractionScratch(tile::KernelOp kernel,
                                       const Contraction &parts)
    : layout(kernel) {
  int64_t panelCount = blockPanels(parts);
  if (parts.splitsDepth())
    sums = layout.add((parts.blockRows() + kTallestTile) * panelCount *
                      kPanelWidth);
  if (packsLeft(kernel, parts)) {
    AffineExpr depth =
        layout.size(parts.lhs.getSource(), parts.depthDim(parts.lhs));
    int64_t count = llvm::divideCeil(parts.blockRows(), kFewestGroupRows);
    groups = layout.add((depth * RowGroups::kWidth + RowGroups::kPadding) *
                        llvm::alignTo(count, kGroupsAtOnce));
  }
  Value source = parts.rhs.getSource();
  unsigned argument = cast<BlockArgument>(source).getArgNumber();
  if (kernel.getPanels(argument))
    return;
  AffineExpr depth = layout.size(source, parts.depthDim(parts.rhs));
  AffineExpr panel = depth.ceilDiv(kLanes) * (kLanes * kPanelWidth);
  panels = layout.add(panel * (panelCount + kWidestTile - 1));
}
