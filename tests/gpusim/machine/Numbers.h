//===- Numbers.h - rounding as the hardware does it -----------------------===//
//
// Conversions between double and the narrow formats, bit-exact in every
// rounding mode, and sums whose one rounding may come later. A double holds
// every f16, bf16, tf32 and f32, and every product of two of them.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

namespace attune::gpusim {

enum class Rounding : uint8_t {
  Nearest, ///< ties to even
  Zero,
  Down,
  Up,
  Away, ///< nearest, ties away from zero (cvt.rna)
};

/// A binary format: bits of fraction and exponent.
struct Format {
  int fraction, exponent;
  constexpr uint32_t infinity() const {
    return ((1u << exponent) - 1) << fraction;
  }
  constexpr int bias() const { return (1 << (exponent - 1)) - 1; }
};
inline constexpr Format kF16 = {10, 5}, kBF16 = {7, 8}, kTF32 = {10, 8},
                        kF32 = {23, 8};

/// The nearest value of `format`, in its lowest bits. NaN is the canonical
/// one, all ones below the sign.
inline uint32_t encode(double value, Format format,
                       Rounding rounding = Rounding::Nearest) {
  auto bits = std::bit_cast<uint64_t>(value);
  auto sign = uint32_t(bits >> 63) << (format.fraction + format.exponent);
  uint64_t magnitude = bits << 1 >> 1;
  constexpr uint64_t kInfinity = uint64_t(0x7ff) << 52;
  if (magnitude > kInfinity)
    return (1u << (format.fraction + format.exponent)) - 1;
  if (magnitude == kInfinity)
    return sign | format.infinity();
  if (magnitude == 0)
    return sign;
  // Below, the fraction is cut to what the format keeps at this exponent.
  int exponent = int(magnitude >> 52) - 1023;
  uint64_t fraction = (magnitude & ((uint64_t(1) << 52) - 1)) |
                      (magnitude >> 52 ? uint64_t(1) << 52 : 0);
  int least = 1 - format.bias();
  int shift = 52 - format.fraction + (exponent < least ? least - exponent : 0);
  if (shift > 60)
    shift = 60; // Far below the least value: only "more than zero" is left.
  uint64_t kept = fraction >> shift;
  uint64_t rest = fraction & ((uint64_t(1) << shift) - 1);
  uint64_t half = uint64_t(1) << (shift - 1);
  bool up = false;
  switch (rounding) {
  case Rounding::Nearest:
    up = rest > half || (rest == half && (kept & 1));
    break;
  case Rounding::Away:
    up = rest >= half;
    break;
  case Rounding::Zero:
    break;
  case Rounding::Down:
    up = rest && sign;
    break;
  case Rounding::Up:
    up = rest && !sign;
    break;
  }
  if (exponent >= least)
    kept += uint64_t(exponent - least) << format.fraction;
  kept += up;
  if (kept < format.infinity())
    return sign | uint32_t(kept);
  bool stay = rounding == Rounding::Zero ||
              (rounding == Rounding::Down && !sign) ||
              (rounding == Rounding::Up && sign);
  return sign | (format.infinity() - stay);
}

inline float f32FromBits(uint32_t bits) { return std::bit_cast<float>(bits); }
inline uint32_t bitsOfF32(float value) {
  return std::bit_cast<uint32_t>(value);
}
inline float bf16ToFloat(uint16_t bits) {
  return f32FromBits(uint32_t(bits) << 16);
}
/// tf32 lives in the upper 19 bits of a register; the rest is ignored.
inline float tf32ToFloat(uint32_t bits) { return f32FromBits(bits & ~0x1fffu); }

/// Without branches, so that loops over lanes are vectorised: the exponent is
/// put right by a multiplication, which also makes subnormals normal.
inline float f16ToFloat(uint16_t bits) {
  uint32_t magnitude = uint32_t(bits & 0x7fff) << 13;
  uint32_t scaled = bitsOfF32(f32FromBits(magnitude) * 0x1p112f);
  uint32_t special = (bits & 0x7c00) == 0x7c00 ? 0x7f800000 : 0;
  return f32FromBits(scaled | special | uint32_t(bits & 0x8000) << 16);
}

inline uint16_t floatToF16(double value) {
  return uint16_t(encode(value, kF16));
}
inline uint16_t floatToBF16(double value) {
  return uint16_t(encode(value, kBF16));
}
inline float roundToF32(double value, Rounding rounding) {
  return rounding == Rounding::Nearest
             ? float(value)
             : f32FromBits(encode(value, kF32, rounding));
}

/// Subnormals become zero of the same sign (.ftz).
inline float flush(float value) {
  uint32_t bits = bitsOfF32(value);
  return bits & 0x7f800000 ? value : f32FromBits(bits & 0x80000000);
}

/// a + b rounded to odd: any later rounding to a format of at most 51 bits is
/// as if it were done on the exact sum.
inline double addToOdd(double a, double b) {
  double sum = a + b;
  if (!std::isfinite(sum))
    return sum;
  double partOfB = sum - a;
  double error = (a - (sum - partOfB)) + (b - partOfB);
  auto bits = std::bit_cast<uint64_t>(sum);
  if (error == 0 || (bits & 1))
    return sum;
  bool towardsZero = (error > 0) == (sum > 0);
  return std::bit_cast<double>(towardsZero ? bits + 1 : bits - 1);
}

/// The one NaN that arithmetic on f32 produces.
inline constexpr uint32_t kNaN32 = 0x7fffffff;
inline float canonical(float value) {
  return value != value ? f32FromBits(kNaN32) : value;
}

} // namespace attune::gpusim
