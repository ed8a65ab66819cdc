//===- Float.cpp - arithmetic on f32 --------------------------------------===//
//
// add, sub, mul, fma, mad, div, min, max, abs, neg, copysign, with .ftz, .sat
// and the four roundings. Directed roundings are taken from an exact result in
// double, or one that was rounded to odd.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/Lanewise.h"
#include "tests/gpusim/machine/Numbers.h"
#include <cmath>

namespace attune::gpusim {

namespace {

float saturate(float value) {
  return value > 0 ? value < 1 ? value : 1 : 0; // NaN becomes 0
}

/// The options of an instruction, as template arguments of its executor.
template <bool ftz>
float in(float value) {
  return ftz ? flush(value) : value;
}
template <bool ftz, bool sat>
float out(float value) {
  value = canonical(ftz ? flush(value) : value);
  return sat ? saturate(value) : value;
}

struct AddOp {
  static float nearest(float a, float b) { return a + b; }
  static double exact(float a, float b) { return addToOdd(a, b); }
};
struct SubOp {
  static float nearest(float a, float b) { return a - b; }
  static double exact(float a, float b) { return addToOdd(a, -double(b)); }
};
struct MulOp {
  static float nearest(float a, float b) { return a * b; }
  static double exact(float a, float b) { return double(a) * b; }
};
struct DivOp {
  static float nearest(float a, float b) { return a / b; }
};

template <class Op, bool ftz, bool sat>
struct Nearest {
  float operator()(float a, float b) const {
    return out<ftz, sat>(Op::nearest(in<ftz>(a), in<ftz>(b)));
  }
};

template <class Op>
void executeDirected(Warp &warp, const Inst &inst, Mask mask) {
  auto a = warp.read<float>(inst.a), b = warp.read<float>(inst.b);
  bool ftz = inst.flags[0];
  Lanes<float> d;
  for (unsigned i = 0; i < kWarpSize; ++i) {
    double exact =
        ftz ? Op::exact(flush(a[i]), flush(b[i])) : Op::exact(a[i], b[i]);
    float value = roundToF32(exact, Rounding(inst.kind));
    d[i] = ftz ? flush(value) : value;
  }
  warp.write(inst.d, d, mask);
}

template <bool ftz, bool sat>
struct Fma {
  float operator()(float a, float b, float c) const {
    return out<ftz, sat>(std::fma(in<ftz>(a), in<ftz>(b), in<ftz>(c)));
  }
};

void executeDirectedFma(Warp &warp, const Inst &inst, Mask mask) {
  auto a = warp.read<float>(inst.a), b = warp.read<float>(inst.b),
       c = warp.read<float>(inst.c);
  Lanes<float> d;
  for (unsigned i = 0; i < kWarpSize; ++i)
    d[i] = roundToF32(addToOdd(double(a[i]) * b[i], c[i]), Rounding(inst.kind));
  warp.write(inst.d, d, mask);
}

/// The number wins over NaN, unless .NaN asks for it; -0 is below +0.
template <bool isMax, bool ftz, bool nan>
struct MinMax {
  float operator()(float a, float b) const {
    a = in<ftz>(a), b = in<ftz>(b);
    if (nan && (a != a || b != b))
      return f32FromBits(kNaN32);
    if (a != a || b != b)
      return a != a ? canonical(b) : a;
    if (a == b) // also zeros of either sign
      return std::signbit(a) == isMax ? b : a;
    return (a < b) == isMax ? b : a;
  }
};
template <bool ftz>
struct Abs {
  float operator()(float a) const { return std::fabs(in<ftz>(a)); }
};
template <bool ftz>
struct Neg {
  float operator()(float a) const { return -in<ftz>(a); }
};
/// copysign d, a, b: the sign of a, the magnitude of b.
struct CopySign {
  uint32_t operator()(uint32_t a, uint32_t b) const {
    return (a & 0x80000000) | (b & 0x7fffffff);
  }
};

/// rn, rz, rm, rp in the order of Rounding; nearest where none is named.
Rounding takeRounding(Decoding &d) {
  int index = d.takeOneOf({"rn", "rz", "rm", "rp"});
  return index < 0 ? Rounding::Nearest : Rounding(index);
}

template <class Op>
Execute chooseNearest(bool ftz, bool sat) {
  return ftz   ? sat ? binary<float, float, Nearest<Op, true, true>>
                     : binary<float, float, Nearest<Op, true, false>>
         : sat ? binary<float, float, Nearest<Op, false, true>>
               : binary<float, float, Nearest<Op, false, false>>;
}

template <class Op>
void decodeArithmetic(Decoding &d) {
  Rounding rounding = takeRounding(d);
  bool ftz = d.take("ftz"), sat = d.take("sat");
  d.inst.execute = chooseNearest<Op>(ftz, sat);
  if (rounding != Rounding::Nearest) {
    d.inst.execute = executeDirected<Op>;
    d.inst.kind = uint8_t(rounding);
    d.inst.flags[0] = ftz;
    if (sat)
      d.fail(".sat with a directed rounding is not supported");
  }
  readOperands(d, d.takeType(), 2);
}

void decodeFma(Decoding &d) {
  Rounding rounding = takeRounding(d);
  bool ftz = d.take("ftz"), sat = d.take("sat");
  d.inst.execute = ftz   ? sat ? ternary<float, float, Fma<true, true>>
                               : ternary<float, float, Fma<true, false>>
                   : sat ? ternary<float, float, Fma<false, true>>
                         : ternary<float, float, Fma<false, false>>;
  if (rounding != Rounding::Nearest) {
    d.inst.execute = executeDirectedFma;
    d.inst.kind = uint8_t(rounding);
    if (ftz || sat)
      d.fail(".ftz or .sat with a directed rounding is not supported");
  }
  readOperands(d, d.takeType(), 3);
}

/// .approx and .full: two bits less than f32, as in Transcendental.cpp. The
/// former multiplies with a reciprocal, which is zero for a large divisor.
template <bool ftz, bool full>
struct CoarseDiv {
  float operator()(float a, float b) const {
    constexpr Format kNarrow = {21, 8};
    double x = in<ftz>(a), y = in<ftz>(b);
    if (!full && std::fabs(y) > 0x1p126 && std::isfinite(y))
      y = std::copysign(INFINITY, y);
    return out<ftz, false>(f32FromBits(encode(x / y, kNarrow) << 2));
  }
};

void decodeDiv(Decoding &d) {
  int form = d.takeOneOf({"rn", "approx", "full"});
  bool ftz = d.take("ftz");
  if (form == 1)
    d.inst.execute = ftz ? binary<float, float, CoarseDiv<true, false>>
                         : binary<float, float, CoarseDiv<false, false>>;
  else if (form == 2)
    d.inst.execute = ftz ? binary<float, float, CoarseDiv<true, true>>
                         : binary<float, float, CoarseDiv<false, true>>;
  else
    d.inst.execute = chooseNearest<DivOp>(ftz, false);
  if (form < 0)
    d.fail("expected .rn, .approx or .full");
  readOperands(d, d.takeType(), 2);
}

template <bool isMax>
void decodeMinMax(Decoding &d) {
  bool ftz = d.take("ftz"), nan = d.take("NaN");
  d.inst.execute = ftz ? nan ? binary<float, float, MinMax<isMax, true, true>>
                             : binary<float, float, MinMax<isMax, true, false>>
                   : nan ? binary<float, float, MinMax<isMax, false, true>>
                         : binary<float, float, MinMax<isMax, false, false>>;
  readOperands(d, d.takeType(), 2);
}

template <template <bool> class F>
void decodeSign(Decoding &d) {
  bool ftz = d.take("ftz");
  d.inst.execute =
      ftz ? unary<float, float, F<true>> : unary<float, float, F<false>>;
  readOperands(d, d.takeType(), 1);
}

void decodeCopySign(Decoding &d) {
  d.inst.execute = binary<uint32_t, uint32_t, CopySign>;
  readOperands(d, d.takeType(), 2);
}

constexpr unsigned kF32Class = bit(TypeClass::F32);

constexpr Opcode kOpcodes[] = {
    {"add", kF32Class, decodeArithmetic<AddOp>},
    {"sub", kF32Class, decodeArithmetic<SubOp>},
    {"mul", kF32Class, decodeArithmetic<MulOp>},
    {"fma", kF32Class, decodeFma},
    {"mad", kF32Class, decodeFma},
    {"div", kF32Class, decodeDiv},
    {"min", kF32Class, decodeMinMax<false>},
    {"max", kF32Class, decodeMinMax<true>},
    {"abs", kF32Class, decodeSign<Abs>},
    {"neg", kF32Class, decodeSign<Neg>},
    {"copysign", kF32Class, decodeCopySign},
};

} // namespace

std::span<const Opcode> floatOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
