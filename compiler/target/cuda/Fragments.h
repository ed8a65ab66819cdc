//===- Fragments.h - operands of mma.sync in a warp's registers -*- C++ -*-===//
//
// The closed list of layouts. mma.sync computes 16 x 8 += 16 x k * k x 8 with
// k = 16 for f16 and bf16 and k = 8 for f32 (as tf32). A lane with g = lane / 4
// and t = lane % 4 holds (PTX ISA, "Matrix Fragments for mma.m16n8k16"):
//
//   A   4 registers: rows g, g + 8 of the lower half of k, then of the upper
//   B   2 registers: column g, the lower half of k, the upper
//   C   4 f32:       row g columns 2t, 2t + 1; row g + 8 the same
//
// with k = 2t, 2t + 1 (16 bits) or t (32 bits) within a half.
//
// f32 is computed with three products of tf32: x = high + low, where high are
// the leading 11 bits, and xy = high high + high low + low high, to 2^-20. Or
// with one, of what is rounded to 11 bits: then fragments hold that.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cuda/SharedTile.h"

namespace attune::target::cuda {

/// Which side of an operand's tile in shared memory runs along k.
enum class DepthAlong { Columns, Rows };

class Fragments {
public:
  using Value = mlir::Value;
  using Values = Emitter::Values;

  /// `element`: of both operands. `tf32`: f32 is rounded, and one product.
  Fragments(Emitter &emit, mlir::Type element, bool tf32);

  mlir::Type element() const { return type; }
  /// k of one product.
  int64_t depth() const { return type.isF32() ? 8 : 16; }

  /// A fragment: rows from `row` (of the left operand), k from `k`.
  Values loadLhs(const SharedTile &tile, DepthAlong along, Value row,
                 Value k) const;
  /// Two B fragments side by side: columns from `column`, k from `k`. With
  /// `paired`, k runs as columns of C do (see `fromSums`).
  Values loadRhs(const SharedTile &tile, DepthAlong along, Value column,
                 Value k, bool paired = false) const;
  /// Sums of two neighbouring C fragments (8 columns each) for 16-bit types, of
  /// one for f32, as an A fragment, k being their columns. For f32 the order of
  /// k within it is that of `paired`.
  Values fromSums(mlir::ValueRange sums) const;
  /// C fragments that `fromSums` takes.
  int64_t sumsPerLhs() const { return type.isF32() ? 1 : 2; }

  /// c + a * b, of one product.
  Values multiply(mlir::ValueRange a, mlir::ValueRange b,
                  mlir::ValueRange c) const;

  // Where C is, from the corner of its 16 x 8.
  Value sumRow(int64_t half) const; ///< of elements 2 half, 2 half + 1
  Value sumColumn() const;          ///< of element 0; element 1 is beside it

private:
  Values loadMatrices(const SharedTile &tile, DepthAlong along, Value outer,
                      Value k, bool isLhs) const;
  Values loadElements(const SharedTile &tile, DepthAlong along, Value outer,
                      Value k, bool isLhs, bool paired) const;
  Values rounded(Values registers) const;
  std::pair<Value, Value> split(Value bits) const;

  Emitter &emit;
  mlir::Type type;
  bool tf32;
  Value lane, group, inGroup; ///< lane, g, t
};

} // namespace attune::target::cuda
