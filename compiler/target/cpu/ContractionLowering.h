//===- ContractionLowering.h - GEMM kernels ---------------------*- C++ -*-===//
#pragma once
#include "compiler/target/cpu/Scratch.h"

namespace attune::target::cpu {

/// The parts of a kernel of family contraction (form:
/// dialects/tile/test/linear.mlir): one tile.for over k that carries one block
/// and adds one tile.dot to it, then element-wise ops, then stores.
struct Contraction {
  // Handles, whose methods are not const.
  mutable tile::ForOp loop;
  mutable tile::DotOp dot;
  mutable tile::LoadOp lhs, rhs;
  llvm::SmallVector<tile::StoreOp> stores;
  mlir::Value rows, columns; ///< the spans of the two block dimensions

  /// Finds the parts; reports what does not fit the form.
  static llvm::FailureOr<Contraction> match(tile::KernelOp kernel);

  /// The memref dimension that `load` reads along the given dot dimension.
  unsigned depthDim(tile::LoadOp load) const;
  int64_t blockRows() const;
  int64_t blockPanels() const;
  /// More than one k block may be needed.
  bool splitsDepth() const;
};

/// Scratch sections of a contraction.
struct ContractionScratch {
  ScratchLayout layout;
  std::optional<unsigned>
      sums; ///< partial sums between k blocks: [rows][columns]
  std::optional<unsigned> panels; ///< the packed right operand

  ContractionScratch(tile::KernelOp kernel, const Contraction &parts);
};

/// Lowers the kernel into a function at the emitter's insertion point.
llvm::LogicalResult lowerContraction(tile::KernelOp kernel, Emitter &emit);

} // namespace attune::target::cpu
