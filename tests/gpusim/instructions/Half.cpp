//===- Half.cpp - arithmetic on f16 and bf16, one or two at a time --------===//
//
// add, sub, mul, fma, min, max, abs, neg. One rounding from the exact result.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/Lanewise.h"
#include "tests/gpusim/machine/Numbers.h"
#include <cmath>

namespace attune::gpusim {

namespace {

struct F16 {
  static float decode(uint16_t bits) { return f16ToFloat(bits); }
  static uint16_t encode(double value) { return floatToF16(value); }
  static constexpr uint16_t kExponent = 0x7c00;
};
struct BF16 {
  static float decode(uint16_t bits) { return bf16ToFloat(bits); }
  static uint16_t encode(double value) { return floatToBF16(value); }
  static constexpr uint16_t kExponent = 0x7f80;
};

struct AddOp {
  static double exact(float a, float b) { return addToOdd(a, b); }
};
struct SubOp {
  static double exact(float a, float b) { return addToOdd(a, -double(b)); }
};
struct MulOp {
  static double exact(float a, float b) { return double(a) * b; }
};

uint16_t flushBits(uint16_t bits, uint16_t exponent, bool ftz) {
  return ftz && !(bits & exponent) ? bits & 0x8000 : bits;
}

template <class Op>
struct Arithmetic {
  template <class Format>
  static uint16_t apply(const Inst &inst, uint16_t a, uint16_t b, uint16_t) {
    bool ftz = inst.flags[0], sat = inst.kind & 1;
    a = flushBits(a, Format::kExponent, ftz);
    b = flushBits(b, Format::kExponent, ftz);
    double value = Op::exact(Format::decode(a), Format::decode(b));
    if (sat)
      value = value > 0 ? std::fmin(value, 1) : 0;
    return flushBits(Format::encode(value), Format::kExponent, ftz);
  }
};

/// kind: 1 is .sat, 2 .relu (negative results become zero, NaN stays).
struct Fma {
  template <class Format>
  static uint16_t apply(const Inst &inst, uint16_t a, uint16_t b, uint16_t c) {
    bool ftz = inst.flags[0];
    auto in = [&](uint16_t bits) {
      return Format::decode(flushBits(bits, Format::kExponent, ftz));
    };
    double value = addToOdd(double(in(a)) * in(b), in(c));
    if (inst.kind & 1)
      value = value > 0 ? std::fmin(value, 1) : 0;
    if ((inst.kind & 2) && value < 0)
      value = 0;
    return flushBits(Format::encode(value), Format::kExponent, ftz);
  }
};

/// kind: 1 asks for NaN where an operand is one.
template <bool isMax>
struct MinMax {
  template <class Format>
  static uint16_t apply(const Inst &inst, uint16_t a, uint16_t b, uint16_t) {
    a = flushBits(a, Format::kExponent, inst.flags[0]);
    b = flushBits(b, Format::kExponent, inst.flags[0]);
    float x = Format::decode(a), y = Format::decode(b);
    bool nan = inst.kind & 1;
    if ((x != x && y != y) || (nan && (x != x || y != y)))
      return 0x7fff;
    if (x != x || y != y)
      return x != x ? b : a;
    if (x == y)
      return std::signbit(x) == isMax ? b : a;
    return (x < y) == isMax ? b : a;
  }
};
struct Abs {
  template <class Format>
  static uint16_t apply(const Inst &, uint16_t a, uint16_t, uint16_t) {
    return a & 0x7fff;
  }
};
struct Neg {
  template <class Format>
  static uint16_t apply(const Inst &, uint16_t a, uint16_t, uint16_t) {
    return a ^ 0x8000;
  }
};

template <class Op, class Format>
void executeOne(Warp &warp, const Inst &inst, Mask mask) {
  auto a = warp.read<uint16_t>(inst.a), b = warp.read<uint16_t>(inst.b),
       c = warp.read<uint16_t>(inst.c);
  Lanes<uint16_t> d;
  for (unsigned i = 0; i < kWarpSize; ++i)
    d[i] = Op::template apply<Format>(inst, a[i], b[i], c[i]);
  warp.write(inst.d, d, mask);
}

template <class Op, class Format>
void executeTwo(Warp &warp, const Inst &inst, Mask mask) {
  auto a = warp.read<uint32_t>(inst.a), b = warp.read<uint32_t>(inst.b),
       c = warp.read<uint32_t>(inst.c);
  Lanes<uint32_t> d;
  for (unsigned i = 0; i < kWarpSize; ++i) {
    uint32_t low = Op::template apply<Format>(inst, uint16_t(a[i]),
                                              uint16_t(b[i]), uint16_t(c[i]));
    uint32_t high = Op::template apply<Format>(
        inst, uint16_t(a[i] >> 16), uint16_t(b[i] >> 16), uint16_t(c[i] >> 16));
    d[i] = low | high << 16;
  }
  warp.write(inst.d, d, mask);
}

template <class Op>
void choose(Decoding &d, unsigned sources) {
  Type type = d.takeType();
  d.inst.execute = type == Type::F16     ? executeOne<Op, F16>
                   : type == Type::BF16  ? executeOne<Op, BF16>
                   : type == Type::F16x2 ? executeTwo<Op, F16>
                                         : executeTwo<Op, BF16>;
  readOperands(d, type, sources);
  // Unused sources are read all the same.
  if (d.inst.b == kNoRow)
    d.inst.b = d.inst.a;
  if (d.inst.c == kNoRow)
    d.inst.c = d.inst.a;
}

template <class Op>
void decodeArithmetic(Decoding &d) {
  d.take("rn");
  d.inst.flags[0] = d.take("ftz");
  d.inst.kind = d.take("sat");
  choose<Arithmetic<Op>>(d, 2);
}

void decodeFma(Decoding &d) {
  d.take("rn");
  d.inst.flags[0] = d.take("ftz");
  d.inst.kind = uint8_t(d.take("sat") + 2 * d.take("relu"));
  choose<Fma>(d, 3);
}

template <bool isMax>
void decodeMinMax(Decoding &d) {
  d.inst.flags[0] = d.take("ftz");
  d.inst.kind = d.take("NaN");
  choose<MinMax<isMax>>(d, 2);
}

template <class Op>
void decodeSign(Decoding &d) {
  d.take("ftz");
  choose<Op>(d, 1);
}

constexpr unsigned kClass = bit(TypeClass::Half);

constexpr Opcode kOpcodes[] = {
    {"add", kClass, decodeArithmetic<AddOp>},
    {"sub", kClass, decodeArithmetic<SubOp>},
    {"mul", kClass, decodeArithmetic<MulOp>},
    {"fma", kClass, decodeFma},
    {"min", kClass, decodeMinMax<false>},
    {"max", kClass, decodeMinMax<true>},
    {"abs", kClass, decodeSign<Abs>},
    {"neg", kClass, decodeSign<Neg>},
};

} // namespace

std::span<const Opcode> halfOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
