//===- Integer.cpp - arithmetic on integers -------------------------------===//
//
// add, sub, with carry too, mul, mad, div, rem, min, max, abs, neg, sad, dp4a.
// Arithmetic wraps and is therefore done on unsigned values.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/Lanewise.h"
#include <algorithm>
#include <limits>
#include <type_traits>

namespace attune::gpusim {

namespace {

/// Wide enough that no product or sum of 16-bit values is promoted to int.
template <class T>
using Wide =
    std::conditional_t<(sizeof(T) < 4), uint32_t, std::make_unsigned_t<T>>;
template <class T>
struct Double;
template <>
struct Double<uint16_t> {
  using type = uint32_t;
};
template <>
struct Double<int16_t> {
  using type = int32_t;
};
template <>
struct Double<uint32_t> {
  using type = uint64_t;
};
template <>
struct Double<int32_t> {
  using type = int64_t;
};
template <>
struct Double<uint64_t> {
  using type = unsigned __int128;
};
template <>
struct Double<int64_t> {
  using type = __int128;
};
template <class T>
using Twice = typename Double<T>::type;

template <class T>
struct Add {
  T operator()(T a, T b) const { return T(Wide<T>(a) + Wide<T>(b)); }
};
template <class T>
struct Sub {
  T operator()(T a, T b) const { return T(Wide<T>(a) - Wide<T>(b)); }
};
/// Only s32 has .sat.
struct AddSaturated {
  int32_t operator()(int32_t a, int32_t b) const {
    return int32_t(std::clamp<int64_t>(int64_t(a) + b, INT32_MIN, INT32_MAX));
  }
};
struct SubSaturated {
  int32_t operator()(int32_t a, int32_t b) const {
    return int32_t(std::clamp<int64_t>(int64_t(a) - b, INT32_MIN, INT32_MAX));
  }
};
template <class T>
struct MulLow {
  T operator()(T a, T b) const { return T(Wide<T>(a) * Wide<T>(b)); }
};
template <class T>
struct MulHigh {
  T operator()(T a, T b) const {
    return T(Twice<T>(a) * Twice<T>(b) >> (8 * sizeof(T)));
  }
};
template <class T>
struct MulWide {
  Twice<T> operator()(T a, T b) const { return Twice<T>(a) * Twice<T>(b); }
};
template <class T>
struct MadLow {
  T operator()(T a, T b, T c) const {
    return T(Wide<T>(a) * Wide<T>(b) + Wide<T>(c));
  }
};
template <class T>
struct MadHigh {
  T operator()(T a, T b, T c) const { return Add<T>()(MulHigh<T>()(a, b), c); }
};
template <class T>
struct MadWide {
  Twice<T> operator()(T a, T b, Twice<T> c) const {
    return Add<Twice<T>>()(MulWide<T>()(a, b), c);
  }
};
/// A division by zero has an unspecified result; all ones is what comes out.
template <class T>
struct Div {
  T operator()(T a, T b) const {
    if (b == 0)
      return T(~T(0));
    if constexpr (std::is_signed_v<T>)
      if (b == -1)
        return Sub<T>()(0, a);
    return T(a / b);
  }
};
template <class T>
struct Rem {
  T operator()(T a, T b) const {
    if (b == 0)
      return a;
    if constexpr (std::is_signed_v<T>)
      if (b == -1)
        return 0;
    return T(a % b);
  }
};
template <class T>
struct Min {
  T operator()(T a, T b) const { return std::min(a, b); }
};
template <class T>
struct Max {
  T operator()(T a, T b) const { return std::max(a, b); }
};
template <class T>
struct Abs {
  T operator()(T a) const { return a < 0 ? Sub<T>()(0, a) : a; }
};
template <class T>
struct Neg {
  T operator()(T a) const { return Sub<T>()(0, a); }
};
template <class T>
struct Sad {
  T operator()(T a, T b, T c) const {
    return Add<T>()(c, a < b ? Sub<T>()(b, a) : Sub<T>()(a, b));
  }
};

/// Dot product of four bytes plus c; signedness of a and b apart.
template <class A, class B>
struct Dp4a {
  uint32_t operator()(uint32_t a, uint32_t b, uint32_t c) const {
    for (unsigned i = 0; i < 32; i += 8)
      c += uint32_t(int32_t(A(a >> i)) * int32_t(B(b >> i)));
    return c;
  }
};

template <template <class> class F, class T>
constexpr Execute binaryOf = binary<T, T, F<T>>;

/// The executor of `F` for an integer type of 16 bits or more.
template <template <class> class F>
Execute chooseBinary(Type type) {
  switch (type) {
  case Type::U16:
  case Type::B16:
    return binaryOf<F, uint16_t>;
  case Type::S16:
    return binaryOf<F, int16_t>;
  case Type::U32:
  case Type::B32:
    return binaryOf<F, uint32_t>;
  case Type::S32:
    return binaryOf<F, int32_t>;
  case Type::U64:
  case Type::B64:
    return binaryOf<F, uint64_t>;
  case Type::S64:
    return binaryOf<F, int64_t>;
  default:
    return nullptr;
  }
}

template <template <class> class F>
Execute chooseTernary(Type type) {
  switch (type) {
  case Type::U16:
    return ternary<uint16_t, uint16_t, F<uint16_t>>;
  case Type::S16:
    return ternary<int16_t, int16_t, F<int16_t>>;
  case Type::U32:
    return ternary<uint32_t, uint32_t, F<uint32_t>>;
  case Type::S32:
    return ternary<int32_t, int32_t, F<int32_t>>;
  case Type::U64:
    return ternary<uint64_t, uint64_t, F<uint64_t>>;
  case Type::S64:
    return ternary<int64_t, int64_t, F<int64_t>>;
  default:
    return nullptr;
  }
}

template <template <class> class F>
Execute chooseSigned(Type type) {
  switch (type) {
  case Type::S16:
    return unary<int16_t, int16_t, F<int16_t>>;
  case Type::S32:
    return unary<int32_t, int32_t, F<int32_t>>;
  case Type::S64:
    return unary<int64_t, int64_t, F<int64_t>>;
  default:
    return nullptr;
  }
}

void setExecute(Decoding &d, Execute execute) {
  d.inst.execute = execute;
  if (!execute)
    d.fail("the type is not supported");
}

template <template <class> class F>
void decodeBinary(Decoding &d) {
  Type type = d.takeType();
  setExecute(d, chooseBinary<F>(type));
  readOperands(d, type, 2);
}

/// flags: whether a carry, or a borrow, comes in, and whether one goes out.
template <class T, bool subtract>
void executeCarry(Warp &warp, const Inst &inst, Mask mask) {
  auto a = warp.read<T>(inst.a), b = warp.read<T>(inst.b);
  Mask in = inst.flags[0] ? warp.readPredicate(inst.c) : 0, out = 0;
  Lanes<T> d;
  for (unsigned i = 0; i < kWarpSize; ++i) {
    T carry = in >> i & 1, first = subtract ? a[i] - b[i] : a[i] + b[i];
    d[i] = subtract ? first - carry : first + carry;
    bool wraps =
        subtract ? a[i] < b[i] || first < carry : first < a[i] || d[i] < first;
    out |= Mask(wraps) << i;
  }
  warp.write(inst.d, d, mask);
  if (inst.flags[1])
    warp.writePredicate(inst.c, out, mask);
}

/// add.cc, addc{.cc}, sub.cc, subc{.cc}
template <bool subtract>
void decodeCarry(Decoding &d, bool in, bool out) {
  Type type = d.takeType();
  d.inst.flags[0] = in;
  d.inst.flags[1] = out;
  if (bitsOf(type) < 32)
    return d.fail("the type is not supported");
  setExecute(d, bitsOf(type) == 32 ? executeCarry<uint32_t, subtract>
                                   : executeCarry<uint64_t, subtract>);
  readOperands(d, type, 2);
  d.inst.c = d.builder.carryRow();
}

template <bool subtract>
void decodeCarryIn(Decoding &d) {
  decodeCarry<subtract>(d, true, d.take("cc"));
}

template <template <class> class F, class Saturated, bool subtract>
void decodeAddSub(Decoding &d) {
  if (d.take("cc"))
    return decodeCarry<subtract>(d, false, true);
  bool saturated = d.take("sat");
  Type type = d.takeType();
  setExecute(d, chooseBinary<F>(type));
  if (saturated && type != Type::S32)
    d.fail(".sat is for .s32 only");
  if (saturated)
    d.inst.execute = binary<int32_t, int32_t, Saturated>;
  readOperands(d, type, 2);
}

template <template <class> class F>
void decodeSigned(Decoding &d) {
  Type type = d.takeType();
  setExecute(d, chooseSigned<F>(type));
  readOperands(d, type, 1);
}

Type twice(Type type) {
  switch (type) {
  case Type::U16:
    return Type::U32;
  case Type::S16:
    return Type::S32;
  case Type::U32:
    return Type::U64;
  case Type::S32:
    return Type::S64;
  default:
    return Type::None;
  }
}

Execute chooseWide(Type type, bool add) {
  switch (type) {
  case Type::U16:
    return add ? ternary<uint32_t, uint16_t, MadWide<uint16_t>, uint16_t,
                         uint32_t>
               : binary<uint32_t, uint16_t, MulWide<uint16_t>>;
  case Type::S16:
    return add ? ternary<int32_t, int16_t, MadWide<int16_t>, int16_t, int32_t>
               : binary<int32_t, int16_t, MulWide<int16_t>>;
  case Type::U32:
    return add ? ternary<uint64_t, uint32_t, MadWide<uint32_t>, uint32_t,
                         uint64_t>
               : binary<uint64_t, uint32_t, MulWide<uint32_t>>;
  case Type::S32:
    return add ? ternary<int64_t, int32_t, MadWide<int32_t>, int32_t, int64_t>
               : binary<int64_t, int32_t, MulWide<int32_t>>;
  default:
    return nullptr;
  }
}

/// mul and mad, with .lo, .hi or .wide.
template <bool add>
void decodeMul(Decoding &d) {
  int part = d.takeOneOf({"lo", "hi", "wide"});
  Type type = d.takeType();
  if (part < 0)
    return d.fail("expected .lo, .hi or .wide");
  if (part == 2) {
    setExecute(d, chooseWide(type, add));
    if (d.failed() || !d.expectOperands(add ? 4 : 3, add ? 4 : 3))
      return;
    d.inst.d = d.write(0, twice(type));
    d.inst.a = d.read(1, type);
    d.inst.b = d.read(2, type);
    if (add)
      d.inst.c = d.read(3, twice(type));
    return;
  }
  if (add)
    setExecute(d, part ? chooseTernary<MadHigh>(type)
                       : chooseTernary<MadLow>(type));
  else
    setExecute(d,
               part ? chooseBinary<MulHigh>(type) : chooseBinary<MulLow>(type));
  readOperands(d, type, add ? 3 : 2);
}

void decodeSad(Decoding &d) {
  Type type = d.takeType();
  setExecute(d, chooseTernary<Sad>(type));
  readOperands(d, type, 3);
}

void decodeDp4a(Decoding &d) {
  bool a = d.takeType() == Type::S32, b = d.takeType() == Type::S32;
  d.inst.execute = a   ? b ? ternary<uint32_t, uint32_t, Dp4a<int8_t, int8_t>>
                           : ternary<uint32_t, uint32_t, Dp4a<int8_t, uint8_t>>
                   : b ? ternary<uint32_t, uint32_t, Dp4a<uint8_t, int8_t>>
                       : ternary<uint32_t, uint32_t, Dp4a<uint8_t, uint8_t>>;
  readOperands(d, Type::B32, 3);
}

constexpr unsigned kInteger = bit(TypeClass::Integer);

constexpr Opcode kOpcodes[] = {
    {"add", kInteger, decodeAddSub<Add, AddSaturated, false>},
    {"sub", kInteger, decodeAddSub<Sub, SubSaturated, true>},
    {"addc", kInteger, decodeCarryIn<false>},
    {"subc", kInteger, decodeCarryIn<true>},
    {"mul", kInteger, decodeMul<false>},
    {"mad", kInteger, decodeMul<true>},
    {"div", kInteger, decodeBinary<Div>},
    {"rem", kInteger, decodeBinary<Rem>},
    {"min", kInteger, decodeBinary<Min>},
    {"max", kInteger, decodeBinary<Max>},
    {"abs", kInteger, decodeSigned<Abs>},
    {"neg", kInteger, decodeSigned<Neg>},
    {"sad", kInteger, decodeSad},
    {"dp4a", kInteger, decodeDp4a},
};

} // namespace

std::span<const Opcode> integerOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
