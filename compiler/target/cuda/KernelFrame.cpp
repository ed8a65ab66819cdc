//===- KernelFrame.cpp ----------------------------------------------------===//
#include "compiler/target/cuda/KernelFrame.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;

/// Binds `thread` and `exists` as well.
Value KernelFrame::itemOfThread(int64_t threads,
                                function_ref<Value(Value)> itemOf) {
  thread = emit.threadIndex();
  if (itemsPerBlock == 1)
    return itemOf ? itemOf(emit.blockIndex()) : emit.blockIndex();
  Value each = emit.integer(threads / itemsPerBlock);
  Value item = emit.add(emit.mul(emit.blockIndex(), itemsPerBlock),
                        emit.div(thread, each));
  thread = emit.rem(thread, each);
  Value items = emit.integer(1);
  for (unsigned axis = 0; axis < axisCount(); ++axis)
    items = emit.mul(items, axisBlocks(axis));
  exists = emit.less(item, items);
  return emit.min(item, emit.sub(items, emit.integer(1)));
}

LogicalResult KernelFrame::start(int64_t threads, int64_t residentBlocks,
                                 function_ref<Value(Value)> itemOf) {
  using Slot = tile::KernelOp::Slot;
  SmallVector<Slot> slots = kernel.getSlots();
  SmallVector<Type> types;
  for (const Slot &slot : slots)
    types.push_back(slot.kind == Slot::Pointer || slot.kind == Slot::ScratchBase
                        ? emit.pointerType()
                        : Type(emit.getI64Type()));
  Type nothing = LLVM::LLVMVoidType::get(emit.getContext());
  function = LLVM::LLVMFuncOp::create(
      emit, kernel.getSymName(), LLVM::LLVMFunctionType::get(nothing, types));
  function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                    emit.getUnitAttr());
  function->setAttr(NVVM::NVVMDialect::getMaxntidAttrName(),
                    emit.getDenseI32ArrayAttr({int32_t(threads)}));
  if (residentBlocks)
    function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                      emit.getI32IntegerAttr(int32_t(residentBlocks)));
  function->setAttr(kThreadsAttr, emit.getI64IntegerAttr(threads));
  function->setAttr(kItemsAttr, emit.getI64IntegerAttr(itemsPerBlock));
  Block *entry = function.addEntryBlock(emit);
  emit.setInsertionPointToStart(entry);
  readSlots([&](unsigned index, Type type) -> Value {
    Value slot = entry->getArgument(index);
    if (slot.getType() == type)
      return slot;
    // Scalars are the low bytes of their slot.
    unsigned width = type.getIntOrFloatBitWidth();
    if (width < 64)
      slot = arith::TruncIOp::create(emit, emit.getIntegerType(width), slot);
    return isa<FloatType>(type)
               ? arith::BitcastOp::create(emit, type, slot).getResult()
               : slot;
  });
  if (failed(bindGrid()))
    return failure();
  return bindItem(itemOfThread(threads, itemOf));
}

void KernelFrame::finish() {
  function->setAttr(kSharedAttr, emit.getI64IntegerAttr(shared.bytes()));
  LLVM::ReturnOp::create(emit, ValueRange());
  emit.setInsertionPointAfter(function);
}
