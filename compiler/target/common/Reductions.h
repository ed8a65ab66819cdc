//===- Reductions.h - what a tile.reduce does to two values -----*- C++ -*-===//
#pragma once
#include "compiler/target/common/Emitter.h"
#include "dialects/tile/Tile.h"

namespace attune::target::common {

/// The type of what is reduced.
mlir::Type elementOf(tile::ReduceOp reduce);
/// What an empty reduction gives.
mlir::TypedAttr neutralElement(tile::ReduceOp reduce);
/// `sum` and `value` as one, scalars or vectors. Of a NaN and a number `maxnum`
/// gives the number only if that is `sum`: accumulators start without NaN.
mlir::Value combine(Emitter &emit, tile::ReduceOp reduce, mlir::Value sum,
                    mlir::Value value);

} // namespace attune::target::common
