//===- Scratch.cpp --------------------------------------------------------===//
#include "compiler/target/cpu/Scratch.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

/// Sections start on cache lines.
static constexpr int64_t kLine = 64;

unsigned ScratchLayout::add(AffineExpr floats) {
  AffineExpr bytes = (floats * int64_t(sizeof(float))).ceilDiv(kLine) * kLine;
  sections.push_back(
      simplifyAffineExpr(bytes, kernel.getValueSlots().size(), 0));
  return sections.size() - 1;
}

unsigned ScratchLayout::add(int64_t floats) {
  return add(getAffineConstantExpr(floats, kernel.getContext()));
}

AffineExpr ScratchLayout::size(Value memref, unsigned dim) const {
  auto type = cast<MemRefType>(memref.getType());
  if (!type.isDynamicDim(dim))
    return getAffineConstantExpr(type.getDimSize(dim), kernel.getContext());
  unsigned argument = cast<BlockArgument>(memref).getArgNumber();
  for (auto [index, slot] : llvm::enumerate(kernel.getValueSlots()))
    if (slot.kind == tile::KernelOp::Slot::Size && slot.argument == argument &&
        slot.dim == dim)
      return getAffineDimExpr(index, kernel.getContext());
  llvm_unreachable("every dynamic size has a slot");
}

AffineMap ScratchLayout::total() const {
  if (sections.empty())
    return {};
  AffineExpr sum = getAffineConstantExpr(0, kernel.getContext());
  for (AffineExpr section : sections)
    sum = sum + section;
  unsigned slots = kernel.getValueSlots().size();
  return AffineMap::get(slots, 0, simplifyAffineExpr(sum, slots, 0));
}

LogicalResult ScratchLayout::check() const {
  AffineMap needed = total(), declared = kernel.getScratch();
  if (needed == declared)
    return success();
  InFlightDiagnostic error = kernel.emitOpError("schedule declares scratch ");
  auto print = [&](AffineMap map) {
    std::string text = "none";
    if (map) {
      text.clear();
      llvm::raw_string_ostream(text) << map;
    }
    error << text;
  };
  print(declared);
  error << ", its code needs ";
  print(needed);
  return error;
}

/// The value of an expression of the value slots.
static Value expand(AffineExpr expr, const KernelFrame &frame) {
  Emitter &emit = frame.emit;
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return emit.integer(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return frame.valueSlot(dim.getPosition());
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value left = expand(binary.getLHS(), frame),
        right = expand(binary.getRHS(), frame);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return emit.add(left, right);
  case AffineExprKind::Mul:
    return emit.mul(left, right);
  case AffineExprKind::FloorDiv:
    return emit.div(left, right);
  case AffineExprKind::CeilDiv:
    return emit.div(emit.add(left, emit.sub(right, emit.integer(1))), right);
  default:
    llvm_unreachable("sections are made of sums, products and quotients");
  }
}

Value ScratchLayout::pointer(const KernelFrame &frame, unsigned section) const {
  Emitter &emit = frame.emit;
  Value offset = emit.integer(0);
  for (AffineExpr before : ArrayRef(sections).take_front(section))
    offset = emit.add(offset, expand(before, frame));
  return emit.at(frame.scratch(), offset, emit.getI8Type());
}
