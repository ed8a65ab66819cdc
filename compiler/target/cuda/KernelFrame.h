//===- KernelFrame.h - the kernel around one work item ----------*- C++ -*-===//
//
// Turns the outside of a tile.kernel into
//
//   .entry kernel(u64 slot0, u64 slot1, ...)
//
// one parameter for each slot of the calling convention
// (dialects/tile/KernelOps.td). A block of threads does one work item: the
// launch has as many blocks as the grid has items. A lowering of a family fills
// in what happens to it.
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

  Emitter &emit; ///< the same as the base's, with what only a GPU has
  SharedMemory shared;

private:
  mlir::LLVM::LLVMFuncOp function;
};

/// What a launch must know of a kernel, kept as attributes of its function.
inline constexpr llvm::StringLiteral kThreadsAttr = "attune.threads",
                                     kSharedAttr = "attune.shared_bytes";

} // namespace attune::target::cuda
