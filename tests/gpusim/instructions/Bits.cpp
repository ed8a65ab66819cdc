//===- Bits.cpp - logic, shifts and bit fields ----------------------------===//
//
// and, or, xor, not, cnot, lop3, shl, shr, shf, bfe, bfi, bfind, brev, popc,
// clz, prmt, and logic on predicates.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/Lanewise.h"
#include <algorithm>
#include <bit>
#include <type_traits>

namespace attune::gpusim {

namespace {

template <class T>
struct And {
  T operator()(T a, T b) const { return a & b; }
};
template <class T>
struct Or {
  T operator()(T a, T b) const { return a | b; }
};
template <class T>
struct Xor {
  T operator()(T a, T b) const { return a ^ b; }
};
template <class T>
struct Not {
  T operator()(T a) const { return T(~a); }
};
template <class T>
struct LogicalNot {
  T operator()(T a) const { return a == 0; }
};
/// Shift counts beyond the width behave as the width.
template <class T>
struct ShiftLeft {
  T operator()(T a, uint32_t n) const {
    return n >= 8 * sizeof(T) ? T(0) : T(uint64_t(a) << n);
  }
};
template <class T>
struct ShiftRight {
  T operator()(T a, uint32_t n) const {
    constexpr uint32_t kWidth = 8 * sizeof(T);
    if (n >= kWidth)
      return std::is_signed_v<T> && a < 0 ? T(-1) : T(0);
    return T(a >> n);
  }
};
/// Funnel shifts of c:a, by at most 31 (wrap) or 32 (clamp).
template <bool left, bool clamp>
struct Funnel {
  uint32_t operator()(uint32_t a, uint32_t b, uint32_t c) const {
    uint32_t n = clamp ? std::min(c, 32u) : c & 31;
    uint64_t both = uint64_t(b) << 32 | a;
    return left ? uint32_t(both << n >> 32) : uint32_t(both >> n);
  }
};
/// Field of `length` bits from `start`; the sign fills what is beyond it.
template <class T>
struct Extract {
  T operator()(T a, uint32_t start, uint32_t length) const {
    using U = std::make_unsigned_t<T>;
    constexpr uint32_t kTop = 8 * sizeof(T) - 1;
    start &= 0xff;
    length &= 0xff;
    if (length == 0)
      return 0;
    U sign = 0;
    if (std::is_signed_v<T>)
      sign = U(a) >> std::min(start + length - 1, kTop) & 1;
    U field = start > kTop ? 0 : U(a) >> start;
    U mask = length > kTop ? ~U(0) : (U(1) << length) - 1;
    // Bits of the field beyond the top of the value are the sign, too.
    if (sign && start <= kTop && start > 0)
      field |= ~U(0) << (kTop + 1 - start);
    if (sign && start > kTop)
      field = ~U(0);
    return T(sign ? (field & mask) | ~mask : field & mask);
  }
};
template <class T>
struct FindTop {
  uint32_t operator()(T a) const {
    using U = std::make_unsigned_t<T>;
    U bits = std::is_signed_v<T> && a < 0 ? U(~a) : U(a);
    return bits ? uint32_t(std::bit_width(bits)) - 1 : ~0u;
  }
};
template <class T>
struct FindTopDistance {
  uint32_t operator()(T a) const {
    uint32_t top = FindTop<T>()(a);
    return top == ~0u ? top : uint32_t(8 * sizeof(T) - 1) - top;
  }
};
template <class T>
struct Reverse {
  T operator()(T a) const {
    T out = 0;
    for (unsigned i = 0; i < 8 * sizeof(T); ++i, a >>= 1)
      out = T(out << 1) | (a & 1);
    return out;
  }
};
template <class T>
struct Count {
  uint32_t operator()(T a) const { return uint32_t(std::popcount(a)); }
};
template <class T>
struct LeadingZeros {
  uint32_t operator()(T a) const { return uint32_t(std::countl_zero(a)); }
};
/// Four bytes chosen from b:a, or their sign bits.
struct Permute {
  uint32_t operator()(uint32_t a, uint32_t b, uint32_t selector) const {
    uint64_t bytes = uint64_t(b) << 32 | a;
    uint32_t out = 0;
    for (unsigned i = 0; i < 4; ++i) {
      uint32_t pick = selector >> (4 * i);
      auto byte = uint8_t(bytes >> (8 * (pick & 7)));
      if (pick & 8)
        byte = byte & 0x80 ? 0xff : 0;
      out |= uint32_t(byte) << (8 * i);
    }
    return out;
  }
};

template <template <class> class F>
void decodeLogic(Decoding &d) {
  Type type = d.takeType();
  d.inst.execute = bitsOf(type) == 16 ? binary<uint16_t, uint16_t, F<uint16_t>>
                   : bitsOf(type) == 32
                       ? binary<uint32_t, uint32_t, F<uint32_t>>
                       : binary<uint64_t, uint64_t, F<uint64_t>>;
  readOperands(d, type, 2);
}

template <template <class> class F>
void decodeNot(Decoding &d) {
  Type type = d.takeType();
  d.inst.execute = bitsOf(type) == 16 ? unary<uint16_t, uint16_t, F<uint16_t>>
                   : bitsOf(type) == 32
                       ? unary<uint32_t, uint32_t, F<uint32_t>>
                       : unary<uint64_t, uint64_t, F<uint64_t>>;
  readOperands(d, type, 1);
}

template <class F>
void executePredicate(Warp &warp, const Inst &inst, Mask mask) {
  Mask a = warp.readPredicate(inst.a), b = warp.readPredicate(inst.b);
  warp.writePredicate(inst.d, F()(a, b), mask);
}

void executeNotPredicate(Warp &warp, const Inst &inst, Mask mask) {
  warp.writePredicate(inst.d, ~warp.readPredicate(inst.a), mask);
}

template <class F>
void decodePredicate(Decoding &d) {
  Type type = d.takeType();
  d.inst.execute = executePredicate<F>;
  readOperands(d, type, 2);
}

void decodeNotPredicate(Decoding &d) {
  Type type = d.takeType();
  d.inst.execute = executeNotPredicate;
  readOperands(d, type, 1);
}

/// The count is a .u32 whatever is shifted.
void decodeShift(Decoding &d, Execute execute, Type type) {
  d.inst.execute = execute;
  if (!d.expectOperands(3, 3))
    return;
  d.inst.d = d.write(0, type);
  d.inst.a = d.read(1, type);
  d.inst.b = d.read(2, Type::U32);
}

template <template <class> class F, class T>
constexpr Execute shiftOf = binary<T, T, F<T>, uint32_t>;

void decodeShl(Decoding &d) {
  Type type = d.takeType();
  decodeShift(d,
              bitsOf(type) == 16   ? shiftOf<ShiftLeft, uint16_t>
              : bitsOf(type) == 32 ? shiftOf<ShiftLeft, uint32_t>
                                   : shiftOf<ShiftLeft, uint64_t>,
              type);
}

void decodeShr(Decoding &d) {
  Type type = d.takeType();
  Execute execute = isSigned(type)
                        ? bitsOf(type) == 16   ? shiftOf<ShiftRight, int16_t>
                          : bitsOf(type) == 32 ? shiftOf<ShiftRight, int32_t>
                                               : shiftOf<ShiftRight, int64_t>
                    : bitsOf(type) == 16 ? shiftOf<ShiftRight, uint16_t>
                    : bitsOf(type) == 32 ? shiftOf<ShiftRight, uint32_t>
                                         : shiftOf<ShiftRight, uint64_t>;
  decodeShift(d, execute, type);
}

void decodeShf(Decoding &d) {
  int side = d.takeOneOf({"l", "r"}), mode = d.takeOneOf({"clamp", "wrap"});
  if (side < 0 || mode < 0)
    return d.fail("expected .l or .r, and .clamp or .wrap");
  using U = uint32_t;
  d.inst.execute = side == 0   ? mode == 0 ? ternary<U, U, Funnel<true, true>>
                                           : ternary<U, U, Funnel<true, false>>
                   : mode == 0 ? ternary<U, U, Funnel<false, true>>
                               : ternary<U, U, Funnel<false, false>>;
  readOperands(d, d.takeType(), 3);
}

template <class T>
constexpr Execute extractOf = ternary<T, T, Extract<T>, uint32_t, uint32_t>;

void decodeBfe(Decoding &d) {
  Type type = d.takeType();
  d.inst.execute = type == Type::U32   ? extractOf<uint32_t>
                   : type == Type::S32 ? extractOf<int32_t>
                   : type == Type::U64 ? extractOf<uint64_t>
                                       : extractOf<int64_t>;
  if (bitsOf(type) < 32)
    return d.fail("the type is not supported");
  if (!d.expectOperands(4, 4))
    return;
  d.inst.d = d.write(0, type);
  d.inst.a = d.read(1, type);
  d.inst.b = d.read(2, Type::U32);
  d.inst.c = d.read(3, Type::U32);
}

/// bfi d, a, b, start, length: the low bits of a put into b.
template <class T>
void executeInsert(Warp &warp, const Inst &inst, Mask mask) {
  auto a = warp.read<T>(inst.a), b = warp.read<T>(inst.b);
  auto starts = warp.read<uint32_t>(inst.c),
       lengths = warp.read<uint32_t>(inst.d2);
  constexpr unsigned kWidth = 8 * sizeof(T);
  Lanes<T> d;
  for (unsigned i = 0; i < kWarpSize; ++i) {
    unsigned start = starts[i] & 0xff, length = lengths[i] & 0xff;
    T field = length >= kWidth ? ~T(0) : (T(1) << length) - 1;
    T place = start >= kWidth ? 0 : field << start;
    T value = start >= kWidth ? 0 : a[i] << start;
    d[i] = (b[i] & ~place) | (value & place);
  }
  warp.write(inst.d, d, mask);
}

void decodeBfi(Decoding &d) {
  Type type = d.takeType();
  d.inst.execute =
      bitsOf(type) == 32 ? executeInsert<uint32_t> : executeInsert<uint64_t>;
  if (!d.expectOperands(5, 5))
    return;
  d.inst.d = d.write(0, type);
  d.inst.a = d.read(1, type);
  d.inst.b = d.read(2, type);
  d.inst.c = d.read(3, Type::U32);
  d.inst.d2 = d.read(4, Type::U32);
}

template <template <class> class F>
Execute chooseFind(Type type) {
  switch (type) {
  case Type::U32:
    return unary<uint32_t, uint32_t, F<uint32_t>>;
  case Type::S32:
    return unary<uint32_t, int32_t, F<int32_t>>;
  case Type::U64:
    return unary<uint32_t, uint64_t, F<uint64_t>>;
  default:
    return unary<uint32_t, int64_t, F<int64_t>>;
  }
}

void decodeBfind(Decoding &d) {
  bool distance = d.take("shiftamt");
  Type type = d.takeType();
  d.inst.execute =
      distance ? chooseFind<FindTopDistance>(type) : chooseFind<FindTop>(type);
  if (bitsOf(type) < 32)
    return d.fail("the type is not supported");
  if (!d.expectOperands(2, 2))
    return;
  d.inst.d = d.write(0, Type::U32);
  d.inst.a = d.read(1, type);
}

/// popc and clz: the result is a .u32.
template <template <class> class F>
void decodeCount(Decoding &d) {
  Type type = d.takeType();
  d.inst.execute = bitsOf(type) == 32 ? unary<uint32_t, uint32_t, F<uint32_t>>
                                      : unary<uint32_t, uint64_t, F<uint64_t>>;
  if (!d.expectOperands(2, 2))
    return;
  d.inst.d = d.write(0, Type::U32);
  d.inst.a = d.read(1, type);
}

void decodePrmt(Decoding &d) {
  Type type = d.takeType();
  d.inst.execute = ternary<uint32_t, uint32_t, Permute>;
  readOperands(d, type, 3);
}

/// Any function of three bits, given as its table of truth.
void executeLop3(Warp &warp, const Inst &inst, Mask mask) {
  auto a = warp.read<uint32_t>(inst.a), b = warp.read<uint32_t>(inst.b),
       c = warp.read<uint32_t>(inst.c);
  Lanes<uint32_t> d{};
  for (unsigned row = 0; row < 8; ++row) {
    if (!(inst.immediate >> row & 1))
      continue;
    uint32_t flipA = row & 4 ? 0 : ~0u, flipB = row & 2 ? 0 : ~0u,
             flipC = row & 1 ? 0 : ~0u;
    for (unsigned i = 0; i < kWarpSize; ++i)
      d[i] |= (a[i] ^ flipA) & (b[i] ^ flipB) & (c[i] ^ flipC);
  }
  warp.write(inst.d, d, mask);
}

void decodeLop3(Decoding &d) {
  d.inst.execute = executeLop3;
  Type type = d.takeType();
  if (!d.expectOperands(5, 5) || !d.constant(4, d.inst.immediate))
    return;
  d.inst.d = d.write(0, type);
  d.inst.a = d.read(1, type);
  d.inst.b = d.read(2, type);
  d.inst.c = d.read(3, type);
}

constexpr unsigned kBits = bit(TypeClass::Bits), kPred = bit(TypeClass::Pred);

constexpr Opcode kOpcodes[] = {
    {"and", kBits, decodeLogic<And>},
    {"or", kBits, decodeLogic<Or>},
    {"xor", kBits, decodeLogic<Xor>},
    {"not", kBits, decodeNot<Not>},
    {"cnot", kBits, decodeNot<LogicalNot>},
    {"and", kPred, decodePredicate<And<Mask>>},
    {"or", kPred, decodePredicate<Or<Mask>>},
    {"xor", kPred, decodePredicate<Xor<Mask>>},
    {"not", kPred, decodeNotPredicate},
    {"shl", kBits, decodeShl},
    {"shr", kIntegers, decodeShr},
    {"shf", kBits, decodeShf},
    {"bfe", kIntegers, decodeBfe},
    {"bfi", kBits, decodeBfi},
    {"bfind", kIntegers, decodeBfind},
    {"brev", kBits, decodeNot<Reverse>},
    {"popc", kBits, decodeCount<Count>},
    {"clz", kBits, decodeCount<LeadingZeros>},
    {"prmt", kBits, decodePrmt},
    {"lop3", kBits, decodeLop3},
};

} // namespace

std::span<const Opcode> bitOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
