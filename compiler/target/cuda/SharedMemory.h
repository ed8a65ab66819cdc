//===- SharedMemory.h - how a block cuts up its shared memory ---*- C++ -*-===//
//
// All of it is one array that the launch sizes; kernels give out sections of it
// while they are emitted. So a launch knows how much to ask for, and more than
// the 48 KB that a static array may have.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/MathExtras.h"

namespace attune::target::cuda {

/// The array of every module, aligned to 1024 bytes.
inline constexpr llvm::StringLiteral kSharedSymbol = "attune_shared";

class SharedMemory {
public:
  /// The first byte of a new section of so many bytes.
  int64_t add(int64_t size) {
    int64_t start = llvm::alignTo(end, kAlign);
    end = start + size;
    return start;
  }
  /// The first byte of so many, for the time when no section is needed any
  /// more.
  int64_t reuse(int64_t size) {
    end = std::max(end, size);
    return 0;
  }
  int64_t bytes() const { return end; }

private:
  static constexpr int64_t kAlign = 128;
  int64_t end = 0;
};

/// Declares the array in a module of kernels.
void declareSharedMemory(mlir::ModuleOp module);

} // namespace attune::target::cuda
