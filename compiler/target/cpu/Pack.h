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

/// Where rows of a left operand go that lie side by side in memory:
/// [groups][depth][8], with `rows` of the 8 in use. `stride` floats from one
/// group to the next, at least 8 * depth; the padding keeps groups from sharing
/// the sets of a cache.
struct RowGroups {
  static constexpr int64_t kWidth = 8, kPadding = kLanes;
  mlir::Value pointer, stride;
  int64_t rows;
};

/// Packs f32 of a matrix whose columns, here the rows of a left operand, have a
/// constant stride of 1; those beyond `from.columns` become zero. As many
/// groups are written as hold the columns, and up to `kGroupsAtOnce` - 1 more.
inline constexpr int64_t kGroupsAtOnce = 8;
void emitPackRows(Emitter &emit, const Matrix &from, const RowGroups &to);

/// Transposes 16 vectors of 16 lanes in registers. `row` makes them, in order.
/// Eight are taken as far as they go alone before the next are asked for, so
/// that a machine of 16 short registers puts aside no more than those eight.
llvm::SmallVector<mlir::Value>
emitTranspose16(Emitter &emit, llvm::function_ref<mlir::Value(int64_t)> row);

} // namespace attune::target::cpu
