// Blocks of operands: loads that repeat what does not move, and stores. See
// KernelBuilder.h.
#include "compiler/kernels/KernelBuilder.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace attune::kernels {

using namespace mlir;

RankedTensorType KernelBuilder::blockType(ValueRange positions, Type element) {
  SmallVector<int64_t> shape;
  for (Value span : tile::spansAmong(positions))
    shape.push_back(cast<tile::SpanType>(span.getType()).getSize());
  return RankedTensorType::get(shape, element);
}

Value KernelBuilder::broadcastBlock(Value source, ArrayRef<int64_t> axes,
                                    ValueRange spans) {
  auto element = getElementTypeOrSelf(source.getType());
  RankedTensorType type = blockType(spans, element);
  if (source.getType() == type)
    return source;
  SmallVector<Value> repeated;
  for (auto [dim, span] : llvm::enumerate(spans))
    if (type.isDynamicDim(dim) && !llvm::is_contained(axes, int64_t(dim)))
      repeated.push_back(span);
  return tile::BroadcastOp::create(builder, loc(), type, source,
                                   builder.getDenseI64ArrayAttr(axes),
                                   repeated);
}

Value KernelBuilder::loadBlock(const Operand &operand, ValueRange positions,
                               TypedAttr fill) {
  SmallVector<Value> own;
  SmallVector<int64_t> axes;
  for (unsigned axis : operand.axes) {
    own.push_back(positions[axis]);
    if (tile::isSpan(positions[axis]))
      axes.push_back(tile::spansAmong(positions.take_front(axis)).size());
  }
  Value value =
      axes.empty()
          ? Value(memref::LoadOp::create(builder, loc(), operand.memref, own))
          : Value(tile::LoadOp::create(builder, loc(), operand.memref, own,
                                       fill));
  return broadcastBlock(value, axes, tile::spansAmong(positions));
}

void KernelBuilder::storeBlock(Value block, const Operand &operand,
                               ValueRange positions) {
  SmallVector<Value> own;
  for (unsigned axis : operand.axes)
    own.push_back(positions[axis]);
  if (llvm::any_of(own, tile::isSpan)) {
    tile::StoreOp::create(builder, loc(), block, operand.memref, own);
    return;
  }
  // The whole block is one element.
  if (isa<RankedTensorType>(block.getType()))
    block = tensor::ExtractOp::create(
        builder, loc(), block,
        SmallVector<Value>(cast<RankedTensorType>(block.getType()).getRank(),
                           index(0)));
  memref::StoreOp::create(builder, loc(), block, operand.memref, own);
}

} // namespace attune::kernels
