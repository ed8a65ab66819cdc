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
#include <cstring>

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

/// What follows is compiled twice, see addFinite. Vectors that are wider than
/// the registers have no fixed way to be returned, but all of it is inlined.
#pragma GCC diagnostic ignored "-Wpsabi"
#define FOR_EVERY_TARGET [[gnu::always_inline]] inline

FOR_EVERY_TARGET void findExponents(const Products &products, const Tile &tile,
                                    Exponents &exponents) {
  for (unsigned m = 0; m < products.rows; ++m)
    for (unsigned k = 0; k < products.k; ++k)
      exponents.a[m][k] = factorExponent(tile.a[m][k], products.leastExponent);
  for (unsigned k = 0; k < products.k; ++k)
    for (unsigned n = 0; n < kColumns; ++n)
      exponents.b[k][n] = factorExponent(tile.b[k][n], products.leastExponent);
}

/// One value per column.
template <class T>
using Columns [[gnu::vector_size(sizeof(T) * kColumns)]] = T;

template <class T>
FOR_EVERY_TARGET Columns<T> load(const T *row) {
  Columns<T> columns;
  std::memcpy(&columns, row, sizeof(columns));
  return columns;
}

/// 2^exponent in every column.
FOR_EVERY_TARGET Columns<double> powersOfTwo(Columns<int64_t> exponents) {
  return std::bit_cast<Columns<double>>((exponents + 1023) << 52);
}

/// What is left of a sum in the format of D.
double narrow(double sum, bool half) {
  return half ? f16ToFloat(uint16_t(encode(sum, kF16)))
              : roundToF32(sum, Rounding::Zero);
}

/// The same for a row.
FOR_EVERY_TARGET void narrowRow(Columns<double> sums, bool half, double *d) {
  auto bits = std::bit_cast<Columns<int64_t>>(sums);
  constexpr int64_t kDropped = (int64_t(1) << 29) - 1, kSign = INT64_MIN;
  Columns<int64_t> cut = bits & ~kDropped;
  std::memcpy(d, &cut, sizeof(cut));
  for (unsigned n = 0; n < kColumns; ++n)
    if (half || (bits[n] & ~kSign) < std::bit_cast<int64_t>(0x1p-126))
      d[n] = narrow(sums[n], half);
}

/// Adds the products of [first, last) to a row of D. Terms have at most 28
/// bits, so that eight of them fit in 32.
FOR_EVERY_TARGET void addBlock(const Products &products, int fraction,
                               const Tile &tile, const Exponents &exponents,
                               unsigned row, unsigned first, unsigned last,
                               double *d) {
  Columns<int16_t> largest;
  int least = products.half ? -14 : -126;
  for (unsigned n = 0; n < kColumns; ++n)
    largest[n] = int16_t(std::max(exponentOf(d[n]), least));
  for (unsigned k = first; k < last; ++k) {
    Columns<int16_t> sum = exponents.a[row][k] + load(exponents.b[k]);
    largest = sum > largest ? sum : largest;
  }
  auto top = __builtin_convertvector(largest, Columns<int64_t>);
  Columns<double> scale = powersOfTwo(fraction - top);
  // An infinite f16, which only the block before can have left, stays.
  Columns<double> before = load(d), zero = {};
  auto finite = before - before == zero;
  Columns<double> sums = __builtin_convertvector(
      __builtin_convertvector((finite ? before : zero) * scale,
                              Columns<int32_t>),
      Columns<double>);
  for (unsigned k = first; k < last;) {
    Columns<int32_t> part = {};
    for (unsigned end = std::min(k + 8, last); k < end; ++k)
      part += __builtin_convertvector(tile.a[row][k] * load(tile.b[k]) * scale,
                                      Columns<int32_t>);
    sums += __builtin_convertvector(part, Columns<double>);
  }
  narrowRow(sums * powersOfTwo(top - fraction), products.half, d);
  Columns<double> after = finite ? load(d) : before;
  std::memcpy(d, &after, sizeof(after));
}

FOR_EVERY_TARGET void addRows(const Products &products, TensorCore generation,
                              Tile &tile) {
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

#undef FOR_EVERY_TARGET

#ifdef __x86_64__
[[gnu::target("avx2")]] void addRowsAvx2(const Products &products,
                                         TensorCore generation, Tile &tile) {
  addRows(products, generation, tile);
}
#endif

/// Most of the time of a kernel with mma.sync goes by here, so that vectors of
/// twice the width are worth a second copy; everything is exact in either.
void addFinite(const Products &products, TensorCore generation, Tile &tile) {
#ifdef __x86_64__
  static const bool hasAvx2 = __builtin_cpu_supports("avx2");
  if (hasAvx2)
    return addRowsAvx2(products, generation, tile);
#endif
  addRows(products, generation, tile);
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
