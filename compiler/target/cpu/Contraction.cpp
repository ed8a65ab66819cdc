//===- Contraction.cpp - the parts of a contraction kernel ----------------===//
//
// Enters: a kernel of family contraction. Leaves: its parts by name, or an
// error that says what does not fit; and the scratch that its code needs.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/ContractionLowering.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

/// No tile is larger, on any code version. The last one of a block may reach
/// past its rows and panels, and keeps sums there that no one looks at.
static constexpr int64_t kTallestTile = 8, kWidestTile = 4;

/// The spans that index the two dimensions of a loaded block.
static SmallVector<Value> spansOf(tile::LoadOp load) {
  SmallVector<Value> spans;
  for (Value position : load.getPositions())
    if (isa<tile::SpanType>(position.getType()))
      spans.push_back(position);
  return spans;
}

FailureOr<Contraction> Contraction::match(tile::KernelOp kernel) {
  Contraction parts;
  Block &item = *kernel.getParallel().getBody();
  for (Operation &op : item) {
    if (auto loop = dyn_cast<tile::ForOp>(op)) {
      if (parts.loop)
        return op.emitOpError("a contraction has one loop");
      parts.loop = loop;
    } else if (auto store = dyn_cast<tile::StoreOp>(op)) {
      parts.stores.push_back(store);
    } else if (isa<tile::ReduceOp, tile::DotOp, tile::SoftmaxStepOp,
                   tile::SoftmaxFinishOp>(op)) {
      return op.emitOpError("has no place beside the loop of a contraction");
    }
  }
  if (!parts.loop || parts.loop.getInits().size() != 1 || parts.loop.getRows())
    return kernel.emitOpError(
        "expected one loop over k that carries one block");
  parts.dot = parts.loop.getYielded().front().getDefiningOp<tile::DotOp>();
  if (!parts.dot || parts.dot.getAcc() != parts.loop.getCarried().front())
    return parts.loop.emitOpError(
        "expected to yield a dot that adds to the carried block");
  parts.lhs = parts.dot.getLhs().getDefiningOp<tile::LoadOp>();
  parts.rhs = parts.dot.getRhs().getDefiningOp<tile::LoadOp>();
  if (!parts.lhs || !parts.rhs)
    return parts.dot.emitOpError(
        "expected operands that are loaded as they are");
  for (tile::LoadOp load : {parts.lhs, parts.rhs})
    if (!getElementTypeOrSelf(load.getType()).isF32())
      return load.emitOpError(
          "expected f32: other types have no contraction on the CPU");

  SmallVector<Value> lhs = spansOf(parts.lhs), rhs = spansOf(parts.rhs);
  parts.rows = lhs[parts.dot.getTransLhs() ? 1 : 0];
  parts.columns = rhs[parts.dot.getTransRhs() ? 0 : 1];
  if (lhs[parts.dot.getTransLhs() ? 0 : 1] != parts.loop.getSpan() ||
      rhs[parts.dot.getTransRhs() ? 1 : 0] != parts.loop.getSpan())
    return parts.dot.emitOpError("expected k to be the span of the loop");
  auto type = cast<RankedTensorType>(parts.dot.getType());
  if (!type.hasStaticShape() || type.getDimSize(1) % kPanelWidth)
    return parts.dot.emitOpError(
               "expected static blocks with columns in multiples of ")
           << kPanelWidth;
  tile::PanelsAttr panels = kernel.getPanels(
      cast<BlockArgument>(parts.rhs.getSource()).getArgNumber());
  if (panels && (panels.getWidth() != kPanelWidth ||
                 panels.getAxis() != (parts.dot.getTransRhs() ? 0 : 1)))
    return parts.rhs.emitOpError("expected panels of ")
           << kPanelWidth << " along the columns of the dot";
  if (kernel.getPanels(
          cast<BlockArgument>(parts.lhs.getSource()).getArgNumber()))
    return parts.lhs.emitOpError(
        "expected the left operand in rows, not in panels");
  return parts;
}

unsigned Contraction::depthDim(tile::LoadOp load) const {
  for (auto [dim, position] : llvm::enumerate(load.getPositions()))
    if (position == loop.getBody()->getArgument(0))
      return dim;
  llvm_unreachable("match has seen the loop's span");
}

int64_t Contraction::blockRows() const {
  return cast<RankedTensorType>(dot.getType()).getDimSize(0);
}

int64_t Contraction::blockPanels() const {
  return cast<RankedTensorType>(dot.getType()).getDimSize(1) / kPanelWidth;
}

bool Contraction::splitsDepth() const {
  auto type = cast<MemRefType>(rhs.getSource().getType());
  int64_t depth = type.getDimSize(depthDim(rhs));
  return ShapedType::isDynamic(depth) || depth > int64_t(loop.getStep());
}

ContractionScratch::ContractionScratch(tile::KernelOp kernel,
                                       const Contraction &parts)
    : layout(kernel) {
  int64_t panelCount = parts.blockPanels();
  if (parts.splitsDepth())
    sums = layout.add((parts.blockRows() + kTallestTile) * panelCount *
                      kPanelWidth);
  Value source = parts.rhs.getSource();
  unsigned argument = cast<BlockArgument>(source).getArgNumber();
  if (kernel.getPanels(argument))
    return;
  AffineExpr depth = layout.size(source, parts.depthDim(parts.rhs));
  AffineExpr panel = depth.ceilDiv(kLanes) * (kLanes * kPanelWidth);
  panels = layout.add(panel * (panelCount + kWidestTile - 1));
}
