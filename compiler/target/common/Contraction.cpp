//===- Contraction.cpp - the parts of a contraction kernel ----------------===//
//
// Enters: a kernel of family contraction. Leaves: its parts by name, or an
// error that says what does not fit.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/Contraction.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::common;

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
  auto lhs = tile::spansAmong(parts.lhs.getPositions()),
       rhs = tile::spansAmong(parts.rhs.getPositions());
  parts.rows = lhs[parts.dot.getTransLhs() ? 1 : 0];
  parts.columns = rhs[parts.dot.getTransRhs() ? 0 : 1];
  if (lhs[parts.dot.getTransLhs() ? 0 : 1] != parts.loop.getSpan() ||
      rhs[parts.dot.getTransRhs() ? 1 : 0] != parts.loop.getSpan())
    return parts.dot.emitOpError("expected k to be the span of the loop");
  auto type = cast<RankedTensorType>(parts.dot.getType());
  if (!type.hasStaticShape())
    return parts.dot.emitOpError("expected static blocks");
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

int64_t Contraction::blockColumns() const {
  return cast<RankedTensorType>(dot.getType()).getDimSize(1);
}

bool Contraction::splitsDepth() const {
  auto type = cast<MemRefType>(rhs.getSource().getType());
  int64_t depth = type.getDimSize(depthDim(rhs));
  return ShapedType::isDynamic(depth) || depth > int64_t(loop.getStep());
}
