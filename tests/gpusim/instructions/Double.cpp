//===- Double.cpp - arithmetic on f64 -------------------------------------===//
//
// add, sub, mul, fma, mad, div, sqrt, rcp, min, max, abs, neg, rounded to
// nearest.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/Lanewise.h"
#include <cmath>

namespace attune::gpusim {

namespace {

struct Add {
  double operator()(double a, double b) const { return a + b; }
};
struct Sub {
  double operator()(double a, double b) const { return a - b; }
};
struct Mul {
  double operator()(double a, double b) const { return a * b; }
};
struct Div {
  double operator()(double a, double b) const { return a / b; }
};
struct Fma {
  double operator()(double a, double b, double c) const {
    return std::fma(a, b, c);
  }
};
struct Min {
  double operator()(double a, double b) const { return std::fmin(a, b); }
};
struct Max {
  double operator()(double a, double b) const { return std::fmax(a, b); }
};
struct Abs {
  double operator()(double a) const { return std::fabs(a); }
};
struct Neg {
  double operator()(double a) const { return -a; }
};
struct Sqrt {
  double operator()(double a) const { return std::sqrt(a); }
};
struct Rcp {
  double operator()(double a) const { return 1 / a; }
};

template <class F>
void decodeUnary(Decoding &d) {
  d.take("rn");
  d.inst.execute = unary<double, double, F>;
  readOperands(d, d.takeType(), 1);
}
template <class F>
void decodeBinary(Decoding &d) {
  d.take("rn");
  d.inst.execute = binary<double, double, F>;
  readOperands(d, d.takeType(), 2);
}
void decodeFma(Decoding &d) {
  d.take("rn");
  d.inst.execute = ternary<double, double, Fma>;
  readOperands(d, d.takeType(), 3);
}

constexpr unsigned kClass = bit(TypeClass::F64);

constexpr Opcode kOpcodes[] = {
    {"add", kClass, decodeBinary<Add>},  {"sub", kClass, decodeBinary<Sub>},
    {"mul", kClass, decodeBinary<Mul>},  {"div", kClass, decodeBinary<Div>},
    {"fma", kClass, decodeFma},          {"mad", kClass, decodeFma},
    {"min", kClass, decodeBinary<Min>},  {"max", kClass, decodeBinary<Max>},
    {"abs", kClass, decodeUnary<Abs>},   {"neg", kClass, decodeUnary<Neg>},
    {"sqrt", kClass, decodeUnary<Sqrt>}, {"rcp", kClass, decodeUnary<Rcp>},
};

} // namespace

std::span<const Opcode> doubleOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
