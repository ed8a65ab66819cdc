//===- EmitPtx.h - tile kernels into PTX ------------------------*- C++ -*-===//
#pragma once
#include "compiler/target/cuda/Machine.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>
#include <vector>

namespace attune::target::cuda {

/// One .entry, and what its launch must know.
struct PtxKernel {
  std::string name;
  int64_t threads;       ///< of a block, in x
  int64_t sharedBytes;   ///< dynamic shared memory of a block
  int64_t itemsPerBlock; ///< work items: a launch has items / this blocks
};

/// The text of one module. It calls nothing and declares nothing external but
/// its shared memory.
struct Ptx {
  std::string text;
  std::vector<PtxKernel> kernels;
};

/// PTX of all kernels in the module, which is left as it is. Any compute
/// capability from the machine's on runs it. Fails after an error.
mlir::FailureOr<Ptx> emitPtx(mlir::ModuleOp kernels, const Machine &machine);

/// What translating to LLVM IR needs in a context.
void registerTranslations(mlir::DialectRegistry &registry);

} // namespace attune::target::cuda
