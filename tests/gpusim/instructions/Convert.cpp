//===- Convert.cpp - cvt --------------------------------------------------===//
//
// All pairs of integer and float types by one executor that goes through a
// 64-bit integer or a double, and short ones for the pairs that hot loops use.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/Lanewise.h"
#include "tests/gpusim/machine/Numbers.h"
#include <algorithm>
#include <cmath>

namespace attune::gpusim {

namespace {

enum class Integral : uint8_t { No, Nearest, Zero, Down, Up };

/// Everything about one cvt, kept in Inst::immediate.
struct Conversion {
  Type to, from;
  Rounding rounding;
  Integral integral;
  bool ftz, saturate, relu, finite;
};
static_assert(sizeof(Conversion) == 8);

bool isFloat(Type type) {
  TypeClass group = classOf(type);
  return group == TypeClass::Half || group == TypeClass::F32 ||
         group == TypeClass::F64;
}

/// A value on its way: an integer, or a double.
struct Value {
  bool isFloat;
  bool negative; ///< of an integer: `bits` is below zero
  uint64_t bits;
  double number;
};

Value load(uint64_t bits, const Conversion &c) {
  Value value = {isFloat(c.from), false, bits, 0};
  switch (c.from) {
  case Type::F16:
    value.number = f16ToFloat(uint16_t(bits));
    return value;
  case Type::BF16:
    value.number = bf16ToFloat(uint16_t(bits));
    return value;
  case Type::F32: {
    float number = f32FromBits(uint32_t(bits));
    value.number = c.ftz ? flush(number) : number;
    return value;
  }
  case Type::F64:
    value.number = std::bit_cast<double>(bits);
    return value;
  default:
    break;
  }
  unsigned spare = 64 - bitsOf(c.from);
  value.bits = isSigned(c.from) ? uint64_t(int64_t(bits << spare) >> spare)
                                : bits << spare >> spare;
  value.negative = isSigned(c.from) && int64_t(value.bits) < 0;
  return value;
}

/// An integer as a double, rounded to odd where it has more than 53 bits.
double toDouble(const Value &value) {
  uint64_t magnitude = value.negative ? 0 - value.bits : value.bits;
  double sum = addToOdd(double(magnitude >> 32) * 0x1p32,
                        double(magnitude & 0xffffffff));
  return value.negative ? -sum : sum;
}

double roundToIntegral(double x, Integral mode) {
  switch (mode) {
  case Integral::Nearest:
    return std::nearbyint(x);
  case Integral::Zero:
    return std::trunc(x);
  case Integral::Down:
    return std::floor(x);
  case Integral::Up:
    return std::ceil(x);
  case Integral::No:
    break;
  }
  return x;
}

/// Out of range is the nearest end. NaN is zero, but the top bit where 64-bit
/// types are involved.
uint64_t floatToInteger(double x, const Conversion &c) {
  unsigned bits = bitsOf(c.to);
  if (x != x)
    return bits == 64 || c.from == Type::F64 ? uint64_t(1) << (bits - 1) : 0;
  x = roundToIntegral(x, c.integral);
  if (isSigned(c.to)) {
    double end = std::ldexp(1.0, int(bits) - 1);
    if (x >= end)
      return (uint64_t(1) << (bits - 1)) - 1;
    return uint64_t(int64_t(std::max(x, -end)));
  }
  if (x >= std::ldexp(1.0, int(bits)))
    return ~uint64_t(0) >> (64 - bits);
  return uint64_t(std::max(x, 0.0));
}

uint64_t integerToInteger(const Value &value, const Conversion &c) {
  if (!c.saturate)
    return value.bits;
  unsigned bits = bitsOf(c.to);
  if (isSigned(c.to)) {
    auto top = int64_t((uint64_t(1) << (bits - 1)) - 1);
    if (!value.negative && value.bits > uint64_t(top))
      return uint64_t(top);
    return value.negative ? uint64_t(std::max(int64_t(value.bits), -top - 1))
                          : value.bits;
  }
  return value.negative ? 0 : std::min(value.bits, ~uint64_t(0) >> (64 - bits));
}

Format formatOf(Type type) {
  switch (type) {
  case Type::F16:
  case Type::F16x2:
    return kF16;
  case Type::BF16:
  case Type::BF16x2:
    return kBF16;
  case Type::TF32:
    return kTF32;
  default:
    return kF32;
  }
}

uint64_t toFloat(double x, const Conversion &c) {
  x = roundToIntegral(x, c.integral);
  if (c.saturate)
    x = x > 0 ? std::min(x, 1.0) : 0;
  if (c.relu && x < 0)
    x = 0;
  if (c.to == Type::F64)
    return std::bit_cast<uint64_t>(x);
  Format format = formatOf(c.to);
  uint32_t bits = encode(x, format, c.rounding);
  uint32_t sign = 1u << (format.fraction + format.exponent);
  if (c.finite && (bits & ~sign) == format.infinity())
    --bits;
  if (c.to == Type::TF32)
    return bits << 13;
  if (c.ftz && c.to == Type::F32)
    return bitsOfF32(flush(f32FromBits(bits)));
  return bits;
}

uint64_t convert(uint64_t bits, const Conversion &c) {
  Value value = load(bits, c);
  if (c.to == Type::F64 && !value.isFloat) // rounds to nearest, see decodeCvt
    return std::bit_cast<uint64_t>(value.negative ? double(int64_t(value.bits))
                                                  : double(value.bits));
  if (isFloat(c.to))
    return toFloat(value.isFloat ? value.number : toDouble(value), c);
  uint64_t out = value.isFloat ? floatToInteger(value.number, c)
                               : integerToInteger(value, c);
  unsigned spare = 64 - bitsOf(c.to);
  return isSigned(c.to) ? uint64_t(int64_t(out << spare) >> spare)
                        : out << spare >> spare;
}

template <class D, class S>
void executeConvert(Warp &warp, const Inst &inst, Mask mask) {
  auto conversion = std::bit_cast<Conversion>(inst.immediate);
  auto a = warp.read<S>(inst.a);
  Lanes<D> d;
  for (unsigned i = 0; i < kWarpSize; ++i)
    d[i] = D(convert(a[i], conversion));
  warp.write(inst.d, d, mask);
}

template <class D>
Execute chooseSource(unsigned bytes) {
  return bytes == 2   ? executeConvert<D, uint16_t>
         : bytes == 4 ? executeConvert<D, uint32_t>
                      : executeConvert<D, uint64_t>;
}

template <class D, class S>
struct Cast {
  D operator()(S a) const { return D(a); }
};

/// Conversions between integers of 32 and 64 bits: addresses and indices.
Execute chooseShort(const Conversion &c, unsigned from, unsigned to) {
  if (isFloat(c.to) || isFloat(c.from) || c.saturate)
    return nullptr;
  if (bitsOf(c.from) == 32 && from == 4 && bitsOf(c.to) == 64 && to == 8)
    return isSigned(c.from)
               ? unary<int64_t, int32_t, Cast<int64_t, int32_t>>
               : unary<uint64_t, uint32_t, Cast<uint64_t, uint32_t>>;
  if (bitsOf(c.from) == 64 && from == 8 && bitsOf(c.to) == 32 && to == 4)
    return unary<uint32_t, uint64_t, Cast<uint32_t, uint64_t>>;
  return nullptr;
}

/// Two f32 into the halves of one register, the first into the upper.
void executePack(Warp &warp, const Inst &inst, Mask mask) {
  auto conversion = std::bit_cast<Conversion>(inst.immediate);
  auto a = warp.read<float>(inst.a), b = warp.read<float>(inst.b);
  Lanes<uint32_t> d;
  for (unsigned i = 0; i < kWarpSize; ++i)
    d[i] = uint32_t(toFloat(a[i], conversion)) << 16 |
           uint32_t(toFloat(b[i], conversion));
  warp.write(inst.d, d, mask);
}

void takeRounding(Decoding &d, Conversion &c) {
  c.rounding = Rounding::Nearest;
  if (int mode = d.takeOneOf({"rn", "rz", "rm", "rp", "rna"}); mode >= 0)
    c.rounding = Rounding(mode);
  c.integral = Integral::No;
  if (int mode = d.takeOneOf({"rni", "rzi", "rmi", "rpi"}); mode >= 0)
    c.integral = Integral(mode + 1);
}

bool isPair(Type type) { return type == Type::F16x2 || type == Type::BF16x2; }

void decodeCvt(Decoding &d) {
  Conversion c = {};
  takeRounding(d, c);
  c.ftz = d.take("ftz");
  c.finite = d.take("satfinite");
  c.saturate = d.take("sat");
  c.relu = d.take("relu");
  c.to = d.takeType();
  c.from = d.takeType();
  if (d.failed())
    return;
  if (isPair(c.to)) {
    d.inst.execute = executePack;
    if (c.from != Type::F32)
      return d.fail("only from .f32");
    if (c.ftz)
      return d.fail(".ftz is not supported");
    readOperands(d, Type::B32, 2);
    d.inst.immediate = std::bit_cast<int64_t>(c);
    return;
  }
  auto supported = [](Type type) {
    return classOf(type) != TypeClass::Pred && bitsOf(type) <= 64 &&
           !isPair(type);
  };
  if (!supported(c.to) || !supported(c.from) || c.from == Type::TF32)
    return d.fail("the pair of types is not supported");
  if (isFloat(c.from) && !isFloat(c.to) && c.integral == Integral::No)
    return d.fail("a float becomes an integer by .rni, .rzi, .rmi or .rpi");
  if (c.to == Type::F64 && bitsOf(c.from) == 64 && !isFloat(c.from) &&
      c.rounding != Rounding::Nearest)
    return d.fail("from 64-bit integers to .f64 only .rn is supported");
  if (!d.expectOperands(2, 2))
    return;
  unsigned from = d.widthOf(d.source.operands[1], c.from);
  unsigned to = d.widthOf(d.source.operands[0], c.to);
  d.inst.d = d.write(0, c.to, false);
  d.inst.a = d.read(1, c.from, false);
  d.inst.execute = chooseShort(c, from, to);
  if (!d.inst.execute)
    d.inst.execute = to == 2   ? chooseSource<uint16_t>(from)
                     : to == 4 ? chooseSource<uint32_t>(from)
                               : chooseSource<uint64_t>(from);
  d.inst.immediate = std::bit_cast<int64_t>(c);
}

constexpr Opcode kOpcodes[] = {{"cvt", kAnyClass, decodeCvt}};

} // namespace

std::span<const Opcode> convertOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
