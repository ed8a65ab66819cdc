//===- Scratch.h - how a kernel cuts up its scratch -------------*- C++ -*-===//
//
// Kernels never allocate: what they keep between the blocks of a work item lies
// in scratch that the memory plan gives to every worker. A layout is a list of
// sections whose sizes are expressions of the kernel's value slots, so the same
// description yields the bytes that the schedule declares and the addresses
// that the code uses.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cpu/KernelFrame.h"

namespace attune::target::cpu {

class ScratchLayout {
public:
  explicit ScratchLayout(tile::KernelOp kernel) : kernel(kernel) {}

  /// Adds a section of so many floats; returns its number. Sections start at
  /// multiples of 64 bytes.
  unsigned add(mlir::AffineExpr floats);
  unsigned add(int64_t floats);
  bool empty() const { return sections.empty(); }

  /// The size of a dimension of a memref argument as an expression.
  mlir::AffineExpr size(mlir::Value memref, unsigned dim) const;

  /// Bytes of all sections, for the schedule. Null if there are none.
  mlir::AffineMap total() const;
  /// Fails with an error unless the kernel's schedule declares `total`.
  llvm::LogicalResult check() const;
  /// Where a section starts.
  mlir::Value pointer(const KernelFrame &frame, unsigned section) const;

private:
  mutable tile::KernelOp kernel; ///< a handle: its methods are not const
  llvm::SmallVector<mlir::AffineExpr> sections; ///< in bytes
};

} // namespace attune::target::cpu
