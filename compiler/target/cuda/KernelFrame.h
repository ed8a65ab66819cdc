//===- KernelFrame.h - the kernel around one work item ----------*- C++ -*-===//
//
// Turns the outside of a tile.kernel into
//
//   .entry kernel(u64 slot0, u64 slot1, ...)
//
// one parameter for each slot of the calling convention
// (dialects/tile/KernelOps.td). A block of threads does one work item, the one
// with its number: the launch has as many blocks as the grid has items, unless
// small items share them. A lowering of a family fills in what happens to it.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/KernelFrame.h"
#include "compiler/target/cuda/Emitter.h"
#include "compiler/target/cuda/SharedMemory.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace attune::target::cuda {

using common::Operand;
using common::Span;

class KernelFrame : public common::KernelFrame {
public:
  KernelFrame(tile::KernelOp kernel, Emitter &emit)
      : common::KernelFrame(kernel, emit), emit(emit) {}

  /// Makes the function for blocks of so many threads, of which
  /// `residentBlocks` are to fit a multiprocessor (0: as they may), and binds
  /// the work item of this block: the one with its number, unless `itemOf`
  /// says which. Emission continues inside; `finish` ends it.
  llvm::LogicalResult
  start(int64_t threads, int64_t residentBlocks = 0,
        llvm::function_ref<mlir::Value(mlir::Value block)> itemOf = nullptr);
  void finish();

  /// Before `start`: so many work items share a block, each with threads of its
  /// own; `start` then binds the one of this thread. A launch has as many
  /// blocks as that takes, and the last may have threads without an item.
  void shareBlocks(int64_t items) { itemsPerBlock = items; }
  /// The number of this thread among those of its item.
  mlir::Value itemThread() const { return thread; }
  /// Whether the item exists; null if all do. One that does not is bound to the
  /// last that does.
  mlir::Value itemExists() const { return exists; }

  Emitter &emit; ///< the same as the base's, with what only a GPU has
  SharedMemory shared;

private:
  mlir::Value itemOfThread(int64_t threads,
                           llvm::function_ref<mlir::Value(mlir::Value)> itemOf);

  mlir::LLVM::LLVMFuncOp function;
  int64_t itemsPerBlock = 1;
  mlir::Value thread, exists;
};

/// What a launch must know of a kernel, kept as attributes of its function.
inline constexpr llvm::StringLiteral kThreadsAttr = "attune.threads",
                                     kSharedAttr = "attune.shared_bytes",
                                     kItemsAttr = "attune.items_per_block";

} // namespace attune::target::cuda
