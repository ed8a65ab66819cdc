//===- KernelFrame.h - the calling convention, carried out ------*- C++ -*-===//
//
// Turns the outside of a tile.kernel into a function
//
//   void kernel(const int64_t *slots, int64_t worker, int64_t begin, int64_t
//   end)
//
// with the loop over work items [begin, end). A lowering of a family fills in
// what happens to one work item.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/KernelFrame.h"
#include "compiler/target/cpu/Emitter.h"

namespace attune::target::cpu {

using common::ItemBindings;
using common::Operand;
using common::Span;

class KernelFrame : public common::KernelFrame {
public:
  KernelFrame(tile::KernelOp kernel, Emitter &emit)
      : common::KernelFrame(kernel, emit), emit(emit) {}

  /// Makes the function and translates the scalar ops before the grid. Emission
  /// continues inside the function; `finish` ends it. Fails with an error on an
  /// op that has no scalar form.
  llvm::LogicalResult start();
  void finish();

  /// The loop over work items. `body` gets the flattened number of the item and
  /// what `inits` became; positions of the grid are bound while it runs. It
  /// returns what the next item is to get.
  using ItemBody = llvm::function_ref<llvm::FailureOr<Emitter::Values>(
      mlir::Value item, mlir::ValueRange carried)>;
  llvm::LogicalResult forEachItem(mlir::ValueRange inits, ItemBody body);

  /// The item after `item` in this call, or `item` if it is the last.
  mlir::Value itemAfter(mlir::Value item);
  /// Calls `pack`, which leaves in scratch what the loads read for `item`,
  /// unless that is what `packedFor` says to lie there. Returns what says it
  /// from now.
  mlir::Value packIfNew(mlir::Value item, llvm::ArrayRef<tile::LoadOp> loads,
                        mlir::Value packedFor, llvm::function_ref<void()> pack);
  /// This worker's scratch, 64-byte aligned; null if the kernel declares none.
  mlir::Value scratch() const { return scratchPointer; }

  Emitter &emit; ///< the same as the base's, with what only a CPU has

private:
  mlir::Value scratchPointer, begin, end;
};

} // namespace attune::target::cpu
