//===- Compare.cpp - comparisons and choices ------------------------------===//
//
// setp and set of every type, with a second predicate and a boolean combined;
// selp and slct.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/Lanewise.h"
#include "tests/gpusim/machine/Numbers.h"

namespace attune::gpusim {

namespace {

enum Comparison : uint8_t { Eq, Ne, Lt, Le, Gt, Ge, Num, Nan };
enum Combine : uint8_t { Alone, And, Or, Xor };

/// What Inst::kind and flags hold: comparison, whether NaN makes it true,
/// whether floats are flushed.
struct Options {
  Comparison comparison;
  bool unordered, ftz;
  Combine combine;
  bool negated; ///< the predicate combined with
};

template <class T, class F>
Mask collect(const Lanes<T> &a, const Lanes<T> &b, F f) {
  Mask mask = 0;
  for (unsigned i = 0; i < kWarpSize; ++i)
    mask |= Mask(f(a[i], b[i])) << i;
  return mask;
}

template <class T>
Mask compare(const Lanes<T> &a, const Lanes<T> &b, Comparison comparison) {
  switch (comparison) {
  case Eq:
    return collect(a, b, [](T x, T y) { return x == y; });
  case Ne: // false for NaN, unlike C++
    return collect(a, b, [](T x, T y) { return x < y || x > y; });
  case Lt:
    return collect(a, b, [](T x, T y) { return x < y; });
  case Le:
    return collect(a, b, [](T x, T y) { return x <= y; });
  case Gt:
    return collect(a, b, [](T x, T y) { return x > y; });
  case Ge:
    return collect(a, b, [](T x, T y) { return x >= y; });
  case Num:
    return collect(a, b, [](T x, T y) { return x == x && y == y; });
  case Nan:
    return collect(a, b, [](T x, T y) { return x != x || y != y; });
  }
  return 0;
}

template <class T>
struct Identity {
  static T load(T value, bool) { return value; }
};
struct LoadF32 {
  static float load(float value, bool ftz) {
    return ftz ? flush(value) : value;
  }
};
struct LoadF16 {
  static float load(uint16_t bits, bool) { return f16ToFloat(bits); }
};
struct LoadBF16 {
  static float load(uint16_t bits, bool) { return bf16ToFloat(bits); }
};

/// T is compared, S is in the registers.
template <class T, class S, class Load>
Mask compareRows(Warp &warp, const Inst &inst, const Options &options) {
  auto a = warp.read<S>(inst.a), b = warp.read<S>(inst.b);
  Lanes<T> x, y;
  for (unsigned i = 0; i < kWarpSize; ++i) {
    x[i] = Load::load(a[i], options.ftz);
    y[i] = Load::load(b[i], options.ftz);
  }
  Mask mask = compare(x, y, options.comparison);
  return options.unordered ? mask | compare(x, y, Nan) : mask;
}

Mask combine(Mask value, Mask other, Combine how) {
  switch (how) {
  case And:
    return value & other;
  case Or:
    return value | other;
  case Xor:
    return value ^ other;
  case Alone:
    break;
  }
  return value;
}

static_assert(sizeof(Options) <= sizeof(int64_t));
Options optionsOf(const Inst &inst) {
  Options options;
  std::memcpy(&options, &inst.immediate, sizeof(options));
  return options;
}

/// p = compare op c, q = !compare op c.
template <class T, class S, class Load>
void executeSetp(Warp &warp, const Inst &inst, Mask mask) {
  Options options = optionsOf(inst);
  Mask value = compareRows<T, S, Load>(warp, inst, options);
  Mask other = 0;
  if (options.combine != Alone)
    other = warp.readPredicate(inst.c) ^ (options.negated ? kAllLanes : 0);
  warp.writePredicate(inst.d, combine(value, other, options.combine), mask);
  if (inst.d2 != kNoRow)
    warp.writePredicate(inst.d2, combine(~value, other, options.combine), mask);
}

/// The result is all ones, or 1.0 where the result type is f32 (bytes: which).
template <class T, class S, class Load>
void executeSet(Warp &warp, const Inst &inst, Mask mask) {
  Options options = optionsOf(inst);
  Mask value = compareRows<T, S, Load>(warp, inst, options);
  if (options.combine != Alone)
    value = combine(
        value, warp.readPredicate(inst.c) ^ (options.negated ? kAllLanes : 0),
        options.combine);
  Lanes<uint32_t> d;
  for (unsigned i = 0; i < kWarpSize; ++i)
    d[i] = value >> i & 1 ? (inst.flags[0] ? bitsOfF32(1) : ~0u) : 0;
  warp.write(inst.d, d, mask);
}

template <bool set, class T, class S = T, class Load = Identity<T>>
Execute pick() {
  return set ? executeSet<T, S, Load> : executeSetp<T, S, Load>;
}

template <bool set>
Execute choose(Type type) {
  switch (type) {
  case Type::U16:
  case Type::B16:
    return pick<set, uint16_t>();
  case Type::S16:
    return pick<set, int16_t>();
  case Type::U32:
  case Type::B32:
    return pick<set, uint32_t>();
  case Type::S32:
    return pick<set, int32_t>();
  case Type::U64:
  case Type::B64:
    return pick<set, uint64_t>();
  case Type::S64:
    return pick<set, int64_t>();
  case Type::F32:
    return pick<set, float, float, LoadF32>();
  case Type::F64:
    return pick<set, double>();
  case Type::F16:
    return pick<set, float, uint16_t, LoadF16>();
  case Type::BF16:
    return pick<set, float, uint16_t, LoadBF16>();
  default:
    return nullptr;
  }
}

Options takeOptions(Decoding &d) {
  Options options = {};
  int index = d.takeOneOf({"eq", "ne", "lt", "le", "gt", "ge", "num", "nan"});
  if (int other = d.takeOneOf({"equ", "neu", "ltu", "leu", "gtu", "geu"});
      index < 0 && other >= 0) {
    index = other;
    options.unordered = true;
  }
  // The unsigned names of the integer comparisons.
  constexpr Comparison kUnsigned[] = {Lt, Le, Gt, Ge};
  if (int other = d.takeOneOf({"lo", "ls", "hi", "hs"});
      index < 0 && other >= 0)
    index = kUnsigned[other];
  if (index < 0)
    d.fail("expected a comparison");
  options.comparison = Comparison(index);
  options.ftz = d.take("ftz");
  options.combine = Combine(d.takeOneOf({"and", "or", "xor"}) + 1);
  return options;
}

/// Operands from the third on, and the options, into the instruction.
void readSources(Decoding &d, Options options, Type type) {
  bool combined = options.combine != Alone;
  if (!d.expectOperands(combined ? 4 : 3, combined ? 4 : 3))
    return;
  d.inst.a = d.read(1, type);
  d.inst.b = d.read(2, type);
  if (combined) {
    options.negated = d.source.operands[3].negated;
    d.inst.c = d.readPredicate(d.source.operands[3]);
  }
  std::memcpy(&d.inst.immediate, &options, sizeof(options));
}

void decodeSetp(Decoding &d) {
  Options options = takeOptions(d);
  Type type = d.takeType();
  d.inst.execute = choose<false>(type);
  if (!d.inst.execute || d.source.operands.empty())
    return d.fail("the type is not supported");
  const Operand &result = d.source.operands[0];
  bool pair = result.kind == Operand::Pair;
  d.inst.d = d.writePredicate(pair ? result.elements[0] : result);
  if (pair)
    d.inst.d2 = d.writePredicate(result.elements[1]);
  readSources(d, options, type);
}

void decodeSet(Decoding &d) {
  Options options = takeOptions(d);
  Type result = d.takeType(), type = d.takeType();
  d.inst.execute = choose<true>(type);
  if (!d.inst.execute || bitsOf(result) != 32)
    return d.fail("the types are not supported");
  d.inst.flags[0] = result == Type::F32;
  d.inst.d = d.write(0, result);
  readSources(d, options, type);
}

template <class T>
void executeSelp(Warp &warp, const Inst &inst, Mask mask) {
  auto a = warp.read<T>(inst.a), b = warp.read<T>(inst.b);
  Mask choice = warp.readPredicate(inst.c);
  Lanes<T> d;
  for (unsigned i = 0; i < kWarpSize; ++i)
    d[i] = choice >> i & 1 ? a[i] : b[i];
  warp.write(inst.d, d, mask);
}

void decodeSelp(Decoding &d) {
  Type type = d.takeType();
  unsigned bits = bitsOf(type);
  d.inst.execute = bits == 16   ? executeSelp<uint16_t>
                   : bits == 32 ? executeSelp<uint32_t>
                                : executeSelp<uint64_t>;
  if (bits < 16 || bits > 64)
    return d.fail("the type is not supported");
  if (!d.expectOperands(4, 4))
    return;
  d.inst.d = d.write(0, type);
  d.inst.a = d.read(1, type);
  d.inst.b = d.read(2, type);
  d.inst.c = d.readPredicate(d.source.operands[3]);
}

/// slct d, a, b, c: a where c is at least zero.
template <class T, class C>
struct Select {
  T operator()(T a, T b, C c) const { return c >= 0 ? a : b; }
};

void decodeSlct(Decoding &d) {
  d.take("ftz");
  Type type = d.takeType(), by = d.takeType();
  bool wide = bitsOf(type) == 64, isFloat = by == Type::F32;
  using W = uint64_t;
  using N = uint32_t;
  d.inst.execute = wide ? isFloat
                              ? ternary<W, W, Select<W, float>, W, float>
                              : ternary<W, W, Select<W, int32_t>, W, int32_t>
                   : isFloat ? ternary<N, N, Select<N, float>, N, float>
                             : ternary<N, N, Select<N, int32_t>, N, int32_t>;
  if (bitsOf(type) < 32 || (by != Type::F32 && by != Type::S32))
    return d.fail("the types are not supported");
  if (!d.expectOperands(4, 4))
    return;
  d.inst.d = d.write(0, type);
  d.inst.a = d.read(1, type);
  d.inst.b = d.read(2, type);
  d.inst.c = d.read(3, by);
}

constexpr Opcode kOpcodes[] = {
    {"setp", kAnyClass, decodeSetp},
    {"set", kAnyClass, decodeSet},
    {"selp", kAnyClass, decodeSelp},
    {"slct", kAnyClass, decodeSlct},
};

} // namespace

std::span<const Opcode> compareOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
