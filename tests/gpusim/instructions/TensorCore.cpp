//===- TensorCore.cpp - how a tensor core adds products -------------------===//
//
// The rule was found from, and reproduces, 1.5 million results of mma.sync on
// an H200 (test/data): f = 25 and all of k in one block, for m16n8k16 of f16
// and bf16 and m16n8k8 of tf32 with an f32 accumulator. What those results do
// not show follows published measurements (Xie et al., MMA-Sim, 2025): f16
// accumulators, zeros and subnormals that are the largest term, NaN, and that
// GPUs of sm_80 have f = 24 and add the halves of the largest k in turn.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/TensorCore.h"
#include "tests/gpusim/machine/Numbers.h"
#include <algorithm>
#include <cmath>

namespace attune::gpusim {

namespace {

constexpr unsigned kColumns = 8;

/// Of a product with zero: below that of any other.
constexpr int16_t kNoExponent = -8192;

/// Exponents of the operands, in 16 bits for the sake of speed.
struct Exponents {
  int16_t a[16][32], b[32][kColumns];
};

int exponentOf(double value) {
  return int(std::bit_cast<uint64_t>(value) >> 52 & 0x7ff) - 1023;
}

int16_t factorExponent(double value, int least) {
  return value == 0 ? kNoExponent : int16_t(std::max(exponentOf(value), least));
}

/// 2^exponent, for exponents of normal doubles.
double powerOfTwo(int exponent) {
  return std::bit_cast<double>(uint64_t(exponent + 1023) << 52);
}

void findExponents(const Products &products, const Tile &tile,
                   Exponents &exponents) {
  for (unsigned m = 0; m < products.rows; ++m)
    for (unsigned k = 0; k < products.k; ++k)
      exponents.a[m][k] = factorExponent(tile.a[m][k], products.leastExponent);
  for (unsigned k = 0; k < products.k; ++k)
    for (unsigned n = 0; n < kColumns; ++n)
      exponents.b[k][n] = factorExponent(tile.b[k][n], products.leastExponent);
}

/// What is left of a sum in the format of D.
double narrow(double sum, bool half) {
  if (half)
    return f16ToFloat(uint16_t(encode(sum, kF16)));
  constexpr uint64_t kDropped = (uint64_t(1) << 29) - 1;
  if (std::fabs(sum) >= 0x1p-126)
    return std::bit_cast<double>(std::bit_cast<uint64_t>(sum) & ~kDropped);
  return roundToF32(sum, Rounding::Zero);
}

/// Adds the products of [first, last) to a row of D. Terms have at most 28
/// bits, so that halves of the sums fit in 32.
void addBlock(const Products &products, int fraction, const Tile &tile,
              const Exponents &exponents, unsigned row, unsigned first,
              unsigned last, double *d) {
  int16_t largest[kColumns];
  int least = products.half ? -14 : -126;
  for (unsigned n = 0; n < kColumns; ++n)
    largest[n] = int16_t(std::max(exponentOf(d[n]), least));
  for (unsigned k = first; k < last; ++k)
    for (unsigned n = 0; n < kColumns; ++n) {
      auto exponent = int16_t(exponents.a[row][k] + exponents.b[k][n]);
      largest[n] = std::max(largest[n], exponent);
    }
  double scale[kColumns];
  for (unsigned n = 0; n < kColumns; ++n)
    scale[n] = std::isfinite(d[n]) ? powerOfTwo(fraction - largest[n]) : 0;
  int64_t sums[kColumns];
  for (unsigned n = 0; n < kColumns; ++n)
    sums[n] = std::isfinite(d[n]) ? int32_t(d[n] * scale[n]) : 0;
  for (unsigned k = first; k < last;) {
    int32_t part[kColumns] = {};
    for (unsigned end = std::min(k + 8, last); k < end; ++k)
      for (unsigned n = 0; n < kColumns; ++n)
        part[n] += int32_t(tile.a[row][k] * tile.b[k][n] * scale[n]);
    for (unsigned n = 0; n < kColumns; ++n)
      sums[n] += part[n];
  }
  // An infinite f16 from the block before stays.
  for (unsigned n = 0; n < kColumns; ++n)
    if (std::isfinite(d[n]))
      d[n] = narrow(double(sums[n]) * powerOfTwo(largest[n] - fraction),
                    products.half);
}

void addFinite(const Products &products, TensorCore generation, Tile &tile) {
  bool ampere = generation == TensorCore::Ampere;
  int fraction = ampere ? 24 : 25;
  unsigned block = products.k / (ampere && products.splits ? 2 : 1);
  Exponents exponents;
  findExponents(products, tile, exponents);
  for (unsigned row = 0; row < products.rows; ++row)
    for (unsigned k = 0; k < products.k; k += block)
      addBlock(products, fraction, tile, exponents, row, k, k + block,
               tile.d[row]);
}

template <size_t rows, size_t columns>
bool isFinite(const double (&matrix)[rows][columns], unsigned height,
              unsigned width) {
  bool finite = true;
  for (unsigned i = 0; i < height; ++i)
    for (unsigned j = 0; j < width; ++j)
      finite &= matrix[i][j] - matrix[i][j] == 0;
  return finite;
}

template <size_t rows, size_t columns>
void dropSpecials(double (&matrix)[rows][columns], unsigned height,
                  unsigned width) {
  for (unsigned i = 0; i < height; ++i)
    for (unsigned j = 0; j < width; ++j)
      if (!std::isfinite(matrix[i][j]))
        matrix[i][j] = 0;
}

} // namespace

void addProducts(const Products &products, TensorCore generation, Tile &tile) {
  unsigned rows = products.rows, k = products.k;
  if (isFinite(tile.a, rows, k) && isFinite(tile.b, k, kColumns) &&
      isFinite(tile.d, rows, kColumns))
    return addFinite(products, generation, tile);
  // Infinities and NaN decide alone where there are any.
  Tile finite = tile;
  dropSpecials(finite.a, rows, k);
  dropSpecials(finite.b, k, kColumns);
  dropSpecials(finite.d, rows, kColumns);
  addFinite(products, generation, finite);
  for (unsigned row = 0; row < rows; ++row)
    for (unsigned n = 0; n < kColumns; ++n) {
      double sum = tile.d[row][n];
      for (unsigned i = 0; i < k; ++i)
        sum += tile.a[row][i] * tile.b[i][n];
      tile.d[row][n] = std::isfinite(sum) ? finite.d[row][n] : sum;
    }
}

} // namespace attune::gpusim
