//===- KernelFrame.cpp ----------------------------------------------------===//
#include "compiler/target/cpu/KernelFrame.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

LogicalResult KernelFrame::start() {
  Type i64 = emit.getI64Type();
  auto function = func::FuncOp::create(
      emit, kernel.getSymName(),
      emit.getFunctionType({emit.pointerType(), i64, i64, i64}, {}));
  // Slots are read-only here and nothing else points to them.
  function.setArgAttr(0, LLVM::LLVMDialect::getNoAliasAttrName(),
                      emit.getUnitAttr());
  Block *entry = function.addEntryBlock();
  emit.setInsertionPointToStart(entry);
  Value slots = entry->getArgument(0), worker = entry->getArgument(1);
  begin = entry->getArgument(2);
  end = entry->getArgument(3);
  readSlots(
      [&](unsigned index, Type type) { return emit.slot(slots, index, type); });
  if (scratchBase)
    scratchPointer =
        emit.at(scratchBase, emit.mul(worker, scratchBytes), emit.getI8Type());
  return bindGrid();
}

void KernelFrame::finish() { func::ReturnOp::create(emit); }

Value KernelFrame::itemAfter(Value item) {
  return emit.min(emit.add(item, 1), emit.sub(end, emit.integer(1)));
}

Value KernelFrame::packIfNew(Value item, ArrayRef<tile::LoadOp> loads,
                             Value packedFor, function_ref<void()> pack) {
  uint64_t axes = 0;
  for (tile::LoadOp load : loads)
    for (Value position : load.getPositions())
      axes |= axesOf(position);
  Value key = groupOf(item, axes);
  emit.ifElse(
      emit.equal(key, packedFor), TypeRange(),
      [&] { return Emitter::Values(); },
      [&] {
        pack();
        return Emitter::Values();
      });
  return key;
}

LogicalResult KernelFrame::forEachItem(ValueRange inits, ItemBody body) {
  LogicalResult result = success();
  emit.forLoop(begin, end, 1, inits, [&](Value item, ValueRange carried) {
    result = bindItem(item);
    if (failed(result))
      return Emitter::Values(carried);
    FailureOr<Emitter::Values> next = body(item, carried);
    result = failure(failed(next));
    return failed(next) ? Emitter::Values(carried) : *next;
  });
  return result;
}
