//===- TensorCore.h - how a tensor core adds products ---------------------===//
//
// Enters: the operands of one mma as numbers. Leaves: D, bit for bit as an
// H200 gives it. All products of a block of k and C are added at once: each is
// cut towards zero to a multiple of 2^(e - f), where e is the largest exponent
// among them and f the bits of fraction that the adder keeps; the exact sum of
// what is left is cut to f32, or rounded to nearest f16.
//
// The exponent of a product is the sum of those of its factors, whether or not
// their significands carry into the next power of two; that of a subnormal is
// the least one of its format. Bits of an operand that its format lacks (the
// low 13 of tf32) are ignored.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/machine/Launch.h"

namespace attune::gpusim {

/// The matrices of an mma of up to 16 x 8 x 32, as exact doubles.
struct Tile {
  double a[16][32], b[32][8], d[16][8]; ///< d: C before, D after
};

/// What the adder needs to know of a shape and its types.
struct Products {
  unsigned rows, k;
  int leastExponent; ///< of a and b: that of their subnormals
  bool half;         ///< C and D are f16
  bool splits;       ///< k is as large as the shape of its types can be
};

/// tile.d += tile.a * tile.b
void addProducts(const Products &products, TensorCore generation, Tile &tile);

} // namespace attune::gpusim
