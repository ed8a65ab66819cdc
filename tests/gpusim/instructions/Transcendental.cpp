//===- Transcendental.cpp - functions of one f32 or half value ------------===//
//
// ex2, lg2, rcp, sqrt, rsqrt, sin, cos, tanh. An approximation is the exact
// value on a coarser grid, chosen so that its error is at least that of an H200
// and as close to it as whole bits allow: code that would need the last bits
// fails here too. README.md has the errors.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/Lanewise.h"
#include "tests/gpusim/machine/Numbers.h"
#include <cmath>

namespace attune::gpusim {

namespace {

struct Exp2 {
  static double f(double x) { return std::exp2(x); }
};
struct Log2 {
  static double f(double x) { return std::log2(x); }
};
struct Rcp {
  static double f(double x) { return 1 / x; }
};
struct Sqrt {
  static double f(double x) { return std::sqrt(x); }
};
struct Rsqrt {
  static double f(double x) { return 1 / std::sqrt(x); }
};
struct Tanh {
  static double f(double x) { return std::tanh(x); }
};

double toMultiple(double x, double grid) {
  return std::fabs(x) < 0x1p51 * grid ? std::nearbyint(x / grid) * grid : x;
}

/// With absolute errors around 1, where the result is small.
struct CoarseLog2 {
  static double f(double x) {
    double value = std::log2(x);
    return std::fabs(value) < 1 ? toMultiple(value, 0x1p-21) : value;
  }
};

/// The hardware counts in turns of 2 pi, in fixed point up to one turn.
double coarseAngle(double x) {
  constexpr double kTurn = 6.283185307179586;
  constexpr Format kNarrow = {21, 8};
  double turns =
      f32FromBits(encode(toMultiple(x / kTurn, 0x1p-22), kNarrow) << 2);
  return turns * kTurn;
}
struct Sin {
  static double f(double x) { return std::sin(coarseAngle(x)); }
};
struct Cos {
  static double f(double x) { return std::cos(coarseAngle(x)); }
};

/// The result has `bitsLess` bits fewer than f32.
template <class F, bool ftz, int bitsLess>
struct Approximate {
  float operator()(float x) const {
    constexpr Format kNarrow = {23 - bitsLess, 8};
    double exact = F::f(ftz ? flush(x) : x);
    float value = f32FromBits(encode(exact, kNarrow) << bitsLess);
    return canonical(ftz ? flush(value) : value);
  }
};
template <class F, bool ftz>
struct Correct {
  float operator()(float x) const {
    // Quotient and root of floats, rounded to double and then to float, are
    // as if rounded once.
    auto value = float(F::f(ftz ? flush(x) : x));
    return canonical(ftz ? flush(value) : value);
  }
};

template <class F, int bitsLess>
void decodeApproximate(Decoding &d) {
  bool ftz = d.take("ftz");
  if (!d.take("approx"))
    return d.fail("expected .approx");
  d.inst.execute = ftz ? unary<float, float, Approximate<F, true, bitsLess>>
                       : unary<float, float, Approximate<F, false, bitsLess>>;
  readOperands(d, d.takeType(), 1);
}

/// rcp and sqrt also have a correctly rounded form.
template <class F>
void decodeEither(Decoding &d) {
  if (!d.take("rn"))
    return decodeApproximate<F, 1>(d);
  bool ftz = d.take("ftz");
  d.inst.execute = ftz ? unary<float, float, Correct<F, true>>
                       : unary<float, float, Correct<F, false>>;
  readOperands(d, d.takeType(), 1);
}

template <class F>
struct HalfF16 {
  uint16_t operator()(uint16_t x) const {
    return floatToF16(F::f(f16ToFloat(x)));
  }
};
template <class F>
struct HalfBF16 {
  uint16_t operator()(uint16_t x) const {
    return floatToBF16(F::f(bf16ToFloat(x)));
  }
};
template <class One>
struct Both {
  uint32_t operator()(uint32_t x) const {
    return One()(uint16_t(x)) | uint32_t(One()(uint16_t(x >> 16))) << 16;
  }
};

template <class F>
void decodeHalf(Decoding &d) {
  d.take("approx");
  d.take("ftz"); // bf16 only, where it says that subnormals are flushed
  Type type = d.takeType();
  d.inst.execute = type == Type::F16    ? unary<uint16_t, uint16_t, HalfF16<F>>
                   : type == Type::BF16 ? unary<uint16_t, uint16_t, HalfBF16<F>>
                   : type == Type::F16x2
                       ? unary<uint32_t, uint32_t, Both<HalfF16<F>>>
                       : unary<uint32_t, uint32_t, Both<HalfBF16<F>>>;
  readOperands(d, type, 1);
}

constexpr unsigned kF32Class = bit(TypeClass::F32);
constexpr unsigned kHalfClass = bit(TypeClass::Half);

constexpr Opcode kOpcodes[] = {
    {"ex2", kF32Class, decodeApproximate<Exp2, 2>},
    {"lg2", kF32Class, decodeApproximate<CoarseLog2, 2>},
    {"rcp", kF32Class, decodeEither<Rcp>},
    {"sqrt", kF32Class, decodeEither<Sqrt>},
    {"rsqrt", kF32Class, decodeApproximate<Rsqrt, 2>},
    {"sin", kF32Class, decodeApproximate<Sin, 1>},
    {"cos", kF32Class, decodeApproximate<Cos, 1>},
    {"tanh", kF32Class, decodeApproximate<Tanh, 8>},
    {"ex2", kHalfClass, decodeHalf<Exp2>},
    {"tanh", kHalfClass, decodeHalf<Tanh>},
};

} // namespace

std::span<const Opcode> transcendentalOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
