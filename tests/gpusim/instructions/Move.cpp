//===- Move.cpp - moves and addresses -------------------------------------===//
//
// mov, also between vectors and scalars; cvta, isspacep; and hints that change
// nothing that can be seen.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/Lanewise.h"

namespace attune::gpusim {

namespace {

template <class T>
struct Same {
  T operator()(T a) const { return a; }
};

void executeMovePredicate(Warp &warp, const Inst &inst, Mask mask) {
  warp.writePredicate(inst.d, warp.readPredicate(inst.a), mask);
}

void executeNothing(Warp &, const Inst &, Mask) {}

/// `count` elements of `bytes` each, the first in the lowest bits.
uint64_t readLane(const Warp &warp, Row row, unsigned bytes, unsigned lane) {
  uint64_t value = 0;
  std::memcpy(&value, warp.registers.data() + row + lane * bytes, bytes);
  return value;
}

void writeLane(Warp &warp, Row row, unsigned bytes, unsigned lane,
               uint64_t value) {
  std::memcpy(warp.registers.data() + row + lane * bytes, &value, bytes);
}

void executePack(Warp &warp, const Inst &inst, Mask mask) {
  const Row *rows = warp.program->rows.data() + inst.list;
  for (; mask; mask &= mask - 1) {
    unsigned lane = firstLane(mask);
    uint64_t value = 0;
    for (unsigned i = 0; i < inst.count; ++i)
      value |= readLane(warp, rows[i], inst.bytes, lane)
               << (8 * inst.bytes * i);
    writeLane(warp, inst.d, inst.bytes * inst.count, lane, value);
  }
}

void executeUnpack(Warp &warp, const Inst &inst, Mask mask) {
  const Row *rows = warp.program->rows.data() + inst.list;
  for (; mask; mask &= mask - 1) {
    unsigned lane = firstLane(mask);
    uint64_t value = readLane(warp, inst.a, inst.bytes * inst.count, lane);
    for (unsigned i = 0; i < inst.count; ++i)
      writeLane(warp, rows[i], inst.bytes, lane, value >> (8 * inst.bytes * i));
  }
}

Type bitsType(unsigned bits) {
  return bits == 16 ? Type::B16 : bits == 32 ? Type::B32 : Type::B64;
}

/// mov.b32 d, {a, b}; and mov.b64 {a, b, c, d}, e;
void decodeVectorMove(Decoding &d, Type type, bool pack) {
  auto elements = d.elements(pack ? 1 : 0);
  unsigned count = unsigned(elements.size());
  unsigned bits = count ? bitsOf(type) / count : 0;
  if ((count != 2 && count != 4) || bits < 16 || bitsOf(type) > 64)
    return d.fail("the vector is not supported");
  d.inst.bytes = uint8_t(bits / 8);
  d.inst.count = uint8_t(count);
  for (const Operand &element : elements)
    d.addRow(pack ? d.read(element, bitsType(bits))
                  : d.write(element, bitsType(bits)));
  if (pack)
    d.inst.d = d.write(0, type);
  else
    d.inst.a = d.read(1, type);
  d.inst.execute = pack ? executePack : executeUnpack;
}

void decodeMov(Decoding &d) {
  Type type = d.takeType();
  if (!d.expectOperands(2, 2))
    return;
  if (type == Type::Pred) {
    d.inst.execute = executeMovePredicate;
    return readOperands(d, type, 1);
  }
  if (d.source.operands[0].kind == Operand::Vector)
    return decodeVectorMove(d, type, false);
  if (d.source.operands[1].kind == Operand::Vector)
    return decodeVectorMove(d, type, true);
  unsigned bits = bitsOf(type);
  d.inst.execute = bits == 16   ? unary<uint16_t, uint16_t, Same<uint16_t>>
                   : bits == 32 ? unary<uint32_t, uint32_t, Same<uint32_t>>
                                : unary<uint64_t, uint64_t, Same<uint64_t>>;
  if (bits < 16 || bits > 64)
    return d.fail("the type is not supported");
  readOperands(d, type, 1);
}

/// Inst::immediate: what to add.
void executeAddImmediate(Warp &warp, const Inst &inst, Mask mask) {
  auto a = warp.read<uint64_t>(inst.a);
  for (unsigned i = 0; i < kWarpSize; ++i)
    a[i] += uint64_t(inst.immediate);
  warp.write(inst.d, a, mask);
}

void decodeCvta(Decoding &d) {
  bool to = d.take("to");
  auto space = d.takeSpace();
  Type type = d.takeType();
  if (!space || bitsOf(type) != 64)
    return d.fail("expected a state space and a 64-bit type");
  uint64_t window = windowOf(*space);
  d.inst.execute = executeAddImmediate;
  readOperands(d, type, 1);
  d.inst.immediate = int64_t(to ? 0 - window : window);
}

void executeIsSpace(Warp &warp, const Inst &inst, Mask mask) {
  auto a = warp.read<uint64_t>(inst.a);
  Mask value = 0;
  for (unsigned i = 0; i < kWarpSize; ++i) {
    bool isGlobal = a[i] >= kParamWindow + kWindowSize;
    uint64_t window = uint64_t(inst.immediate);
    bool inside = window ? a[i] - window < kWindowSize : isGlobal;
    value |= Mask(inside) << i;
  }
  warp.writePredicate(inst.d, value, mask);
}

void decodeIsspacep(Decoding &d) {
  auto space = d.takeSpace();
  if (!space || !d.expectOperands(2, 2))
    return d.fail("expected a state space and two operands");
  d.inst.execute = executeIsSpace;
  d.inst.immediate = int64_t(windowOf(*space));
  d.inst.d = d.writePredicate(d.source.operands[0]);
  d.inst.a = d.read(1, Type::B64);
}

/// prefetch and the like: nothing to see.
void decodeHint(Decoding &d) {
  while (d.takeSpace())
    continue;
  d.takeOneOf({"L1", "L2"});
  d.takeOneOf({"L2::evict_last", "L2::evict_normal", "L1::evict_normal"});
  d.inst.execute = executeNothing;
}

/// createpolicy.fractional.L2::evict_last.b64 d, 1.0: policies mean nothing.
void decodeCreatePolicy(Decoding &d) {
  d.take("fractional");
  d.takeOneOf({"L2::evict_last", "L2::evict_first", "L2::evict_normal",
               "L2::evict_unchanged"});
  d.take("L2::evict_unchanged");
  d.inst.execute = unary<uint64_t, uint64_t, Same<uint64_t>>;
  d.inst.d = d.write(0, d.takeType());
  d.inst.a = d.builder.constantRow(0, 8);
}

constexpr Opcode kOpcodes[] = {
    {"mov", kAnyClass, decodeMov},
    {"cvta", kAnyClass, decodeCvta},
    {"isspacep", kAnyClass, decodeIsspacep},
    {"prefetch", kAnyClass, decodeHint},
    {"prefetchu", kAnyClass, decodeHint},
    {"createpolicy", kAnyClass, decodeCreatePolicy},
};

} // namespace

std::span<const Opcode> moveOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
