//===- Tile.h - the tile dialect ------------------------------------------===//
//
// What one kernel computes: blocks, spans, dots, online softmax. See Tile.td
// for the level, KernelOps.td for the calling convention of a kernel.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/tile/TileDialect.h.inc"
#include "dialects/tile/TileEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/tile/TileAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/tile/TileTypes.h.inc"

namespace attune::tile {
class ParallelOp;

/// Names of the argument attribute and of the schedule keys.
inline constexpr llvm::StringLiteral kPanels = "tile.panels";
inline constexpr llvm::StringLiteral kScratch = "scratch";

/// Whether a position keeps its dimension, and does not fix it.
inline bool isSpan(mlir::Value position) {
  return mlir::isa<SpanType>(position.getType());
}
/// The spans among the positions of a load or store: one for each dimension of
/// the block, in order.
inline llvm::SmallVector<mlir::Value, 4>
spansAmong(mlir::ValueRange positions) {
  return llvm::to_vector<4>(llvm::make_filter_range(positions, isSpan));
}
} // namespace attune::tile

#define GET_OP_CLASSES
#include "dialects/tile/TileOps.h.inc"
