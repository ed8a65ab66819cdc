//===- Atomic.cpp - atom and red ------------------------------------------===//
//
// Read, change and write as one step, lane after lane.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/LoadStore.h"
#include "tests/gpusim/machine/Access.h"
#include "tests/gpusim/machine/Numbers.h"
#include <algorithm>
#include <type_traits>

namespace attune::gpusim {

namespace {

enum Operation : uint8_t { Add, Min, Max, Inc, Dec, And, Or, Xor, Exch, Cas };

template <class T>
T applyInteger(Operation operation, T old, T b, T c) {
  using U = std::make_unsigned_t<T>;
  switch (operation) {
  case Add:
    return T(U(old) + U(b));
  case Min:
    return std::min(old, b);
  case Max:
    return std::max(old, b);
  case Inc:
    return U(old) >= U(b) ? T(0) : T(old + 1);
  case Dec:
    return old == 0 || U(old) > U(b) ? b : T(old - 1);
  case And:
    return old & b;
  case Or:
    return old | b;
  case Xor:
    return old ^ b;
  case Exch:
    return b;
  case Cas:
    return old == b ? c : old;
  }
  return old;
}

uint32_t addPair(uint32_t a, uint32_t b, Type type) {
  auto one = [&](unsigned shift) -> uint32_t {
    auto x = uint16_t(a >> shift), y = uint16_t(b >> shift);
    return type == Type::F16x2
               ? floatToF16(addToOdd(f16ToFloat(x), f16ToFloat(y)))
               : floatToBF16(addToOdd(bf16ToFloat(x), bf16ToFloat(y)));
  };
  return one(0) | one(16) << 16;
}

/// Global memory adds without subnormals, shared memory with them.
uint32_t addF32(uint32_t a, uint32_t b, Space space) {
  float x = f32FromBits(a), y = f32FromBits(b);
  if (space == Space::Shared)
    return bitsOfF32(canonical(x + y));
  return bitsOfF32(canonical(flush(flush(x) + flush(y))));
}

/// New value of `old`; bits in, bits out.
uint64_t apply(const Inst &inst, Space space, uint64_t old, uint64_t b,
               uint64_t c) {
  auto operation = Operation(inst.kind);
  switch (Type(inst.count)) {
  case Type::F32:
    return addF32(uint32_t(old), uint32_t(b), space);
  case Type::F16:
    return addPair(uint16_t(old), uint16_t(b), Type::F16x2) & 0xffff;
  case Type::BF16:
    return addPair(uint16_t(old), uint16_t(b), Type::BF16x2) & 0xffff;
  case Type::F64:
    return std::bit_cast<uint64_t>(std::bit_cast<double>(old) +
                                   std::bit_cast<double>(b));
  case Type::F16x2:
  case Type::BF16x2:
    return addPair(uint32_t(old), uint32_t(b), Type(inst.count));
  case Type::S32:
    return uint32_t(
        applyInteger(operation, int32_t(old), int32_t(b), int32_t(c)));
  case Type::S64:
    return uint64_t(
        applyInteger(operation, int64_t(old), int64_t(b), int64_t(c)));
  case Type::U32:
  case Type::B32:
    return applyInteger(operation, uint32_t(old), uint32_t(b), uint32_t(c));
  default:
    return applyInteger(operation, old, b, c);
  }
}

uint64_t readLane(const Warp &warp, Row row, unsigned bytes, unsigned lane) {
  uint64_t value = 0;
  std::memcpy(&value, warp.registers.data() + row + lane * bytes, bytes);
  return value;
}

void executeAtomic(Warp &warp, const Inst &inst, Mask mask) {
  auto addresses = addressesOf(warp, inst, inst.a);
  for (; mask; mask &= mask - 1) {
    unsigned lane = firstLane(mask);
    Space space = inst.space;
    std::byte *place = resolve(warp, inst, lane, space, addresses[lane],
                               inst.bytes, Use::Atomic);
    if (!place)
      return;
    uint64_t old = 0;
    std::memcpy(&old, place, inst.bytes);
    uint64_t b = readLane(warp, inst.b, inst.bytes, lane);
    uint64_t c =
        inst.c == kNoRow ? 0 : readLane(warp, inst.c, inst.bytes, lane);
    uint64_t value = apply(inst, space, old, b, c);
    std::memcpy(place, &value, inst.bytes);
    if (inst.d != kNoRow)
      std::memcpy(warp.registers.data() + inst.d + lane * inst.bytes, &old,
                  inst.bytes);
  }
}

bool isSupported(Operation operation, Type type) {
  bool isFloat =
      classOf(type) != TypeClass::Integer && classOf(type) != TypeClass::Bits;
  if (bitsOf(type) == 16) // of the integers only cas.b16
    return isFloat ? operation == Add : operation == Cas && type == Type::B16;
  if (bitsOf(type) < 32 || type == Type::TF32 || bitsOf(type) > 64)
    return false;
  if (operation == Inc || operation == Dec)
    return type == Type::U32;
  return !isFloat || operation == Add;
}

/// count holds the type, kind the operation.
void decodeAtomic(Decoding &d, bool result) {
  takeCacheModifiers(d);
  d.take("acq_rel");
  d.take("noftz");
  d.inst.space = d.takeSpace().value_or(Space::Generic);
  int operation = d.takeOneOf(
      {"add", "min", "max", "inc", "dec", "and", "or", "xor", "exch", "cas"});
  Type type = d.takeType();
  if (operation < 0 || !isSupported(Operation(operation), type))
    return d.fail("the operation or its type is not supported");
  size_t base = result ? 1 : 0, count = operation == Cas ? 3 : 2;
  if (!d.expectOperands(base + count, base + count))
    return;
  d.inst.kind = uint8_t(operation);
  d.inst.count = uint8_t(type);
  d.inst.bytes = uint8_t(bytesOf(type));
  d.inst.a = d.address(base, d.inst.space);
  d.inst.b = d.read(base + 1, type);
  if (operation == Cas)
    d.inst.c = d.read(base + 2, type);
  if (result)
    d.inst.d = d.write(0, type);
  d.inst.execute = executeAtomic;
}

void decodeAtom(Decoding &d) { decodeAtomic(d, true); }
void decodeRed(Decoding &d) { decodeAtomic(d, false); }

constexpr Opcode kOpcodes[] = {
    {"atom", kAnyClass, decodeAtom},
    {"red", kAnyClass, decodeRed},
};

} // namespace

std::span<const Opcode> atomicOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
