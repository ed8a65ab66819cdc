//===- MicroKernel.h - the loop that all FMAs run in ------------*- C++ -*-===//
//
// rows x panels accumulators += A[rows, depth] * B[depth, panels], with every
// accumulator in a register. GEMM, Q K^T and P V are this loop with different
// pointers.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cpu/Emitter.h"

namespace attune::target::cpu {

struct MicroKernel {
  /// Where row i of A starts; its elements are `rowStep` apart.
  llvm::SmallVector<mlir::Value> rows;
  mlir::Value rowStep;
  /// Where each panel of B starts: [depth][16], unit stride.
  llvm::SmallVector<mlir::Value> panels;
  mlir::Value depth;
  /// Fetch B, and A at unit step, ahead of use.
  bool prefetch = false;
  /// For each panel what is wanted after this call, of which kNextPerStep
  /// floats are fetched into L2 for each step of depth; empty: nothing.
  llvm::SmallVector<mlir::Value> next;
  static constexpr int64_t kNextPerStep = 2;
};

/// Adds the product to `accumulators`, ordered [row][panel]; returns the sums.
/// Products are added in order of depth.
Emitter::Values emitMicroKernel(Emitter &emit, const MicroKernel &kernel,
                                mlir::ValueRange accumulators);

} // namespace attune::target::cpu
