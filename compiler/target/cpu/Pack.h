//===- Pack.h - activations into panels -------------------------*- C++ -*-===//
//
// Weights come packed in the package; what is computed at run time (keys,
// values, the right operand of a MatMul of activations) is packed by the kernel
// that reads it, into its worker's scratch, in the same form:
// [panels][depth][16].
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cpu/Emitter.h"

namespace attune::target::cpu {

/// A matrix in memory, `depth` (k) by `columns` (n); strides in elements.
struct Matrix {
  mlir::Value pointer, depth, columns, depthStride, columnStride;
};

/// Where panels go: `panelStride` floats from one panel to the next, at least
/// 16 * roundUp(depth, 16). `panels` panels are written; lanes and panels
/// beyond the columns are zero. Depth positions up to the next multiple of 16
/// may be overwritten.
struct Panels {
  mlir::Value pointer, panelStride, panels;
};

/// Packs f32. Either stride may be a constant 1, which is fast, or anything.
void emitPack(Emitter &emit, const Matrix &from, const Panels &to);

/// Transposes 16 vectors of 16 lanes in registers. `row` makes them, in order.
/// Eight are taken as far as they go alone before the next are asked for, so
/// that a machine of 16 short registers puts aside no more than those eight.
llvm::SmallVector<mlir::Value>
emitTranspose16(Emitter &emit, llvm::function_ref<mlir::Value(int64_t)> row);

} // namespace attune::target::cpu
