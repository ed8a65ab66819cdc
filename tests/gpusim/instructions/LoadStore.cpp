//===- LoadStore.cpp - ld and st ------------------------------------------===//
//
// All state spaces, vectors of up to eight elements, and the cache modifiers,
// which change nothing that can be seen.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/LoadStore.h"
#include "tests/gpusim/machine/Access.h"

namespace attune::gpusim {

namespace {

/// What an access costs, by the memory it goes to.
void countAccess(Warp &warp, Space space, const Lanes<uint64_t> &addresses,
                 Mask mask, unsigned bytes) {
  if (space == Space::Shared)
    countBanks(warp, addresses, mask, bytes);
  else if (space == Space::Global)
    countSectors(warp, addresses, mask, bytes);
}

/// kind: bytes of a lane in each register; flags[0]: signed.
void executeLoad(Warp &warp, const Inst &inst, Mask mask) {
  auto addresses = addressesOf(warp, inst, inst.a);
  const Row *rows = warp.program->rows.data() + inst.list;
  unsigned bytes = inst.bytes * inst.count, width = inst.kind;
  Space space = inst.space;
  for (Mask left = mask; left; left &= left - 1) {
    unsigned lane = firstLane(left);
    space = inst.space;
    const std::byte *from =
        resolve(warp, inst, lane, space, addresses[lane], bytes, Use::Read);
    if (!from)
      return;
    for (unsigned i = 0; i < inst.count; ++i) {
      uint64_t value = 0;
      std::memcpy(&value, from + i * inst.bytes, inst.bytes);
      if (unsigned spare = 64 - 8 * inst.bytes; inst.flags[0])
        value = uint64_t(int64_t(value << spare) >> spare);
      std::memcpy(warp.registers.data() + rows[i] + lane * width, &value,
                  width);
    }
  }
  countAccess(warp, space, addresses, mask, bytes);
}

void executeStore(Warp &warp, const Inst &inst, Mask mask) {
  auto addresses = addressesOf(warp, inst, inst.a);
  const Row *rows = warp.program->rows.data() + inst.list;
  unsigned bytes = inst.bytes * inst.count, width = inst.kind;
  Space space = inst.space;
  for (Mask left = mask; left; left &= left - 1) {
    unsigned lane = firstLane(left);
    space = inst.space;
    std::byte *to =
        resolve(warp, inst, lane, space, addresses[lane], bytes, Use::Write);
    if (!to)
      return;
    for (unsigned i = 0; i < inst.count; ++i)
      std::memcpy(to + i * inst.bytes,
                  warp.registers.data() + rows[i] + lane * width, inst.bytes);
  }
  countAccess(warp, space, addresses, mask, bytes);
}

void takeVector(Decoding &d) {
  constexpr uint8_t kCounts[] = {2, 4, 8};
  if (int index = d.takeOneOf({"v2", "v4", "v8"}); index >= 0)
    d.inst.count = kCounts[index];
}

/// Rows of the registers, which must agree in width.
void addRegisters(Decoding &d, size_t operand, Type type, bool write) {
  auto elements = d.elements(operand);
  if (elements.size() != d.inst.count)
    return d.fail("expected " + std::to_string(d.inst.count) + " registers");
  unsigned width = 0;
  for (const Operand &element : elements)
    if (element.kind == Operand::RegisterRef)
      width = d.widthOf(element, type);
  d.inst.kind = uint8_t(width ? width : laneBytes(type));
  for (const Operand &element : elements) {
    if (element.kind == Operand::RegisterRef &&
        d.widthOf(element, type) != d.inst.kind)
      return d.fail("registers of different widths");
    // An immediate or a sink takes the width of the others.
    Type own = element.kind == Operand::RegisterRef                  ? type
               : d.inst.kind == 8                                    ? Type::B64
               : d.inst.kind == 4 && classOf(type) != TypeClass::F32 ? Type::B32
                                                                     : type;
    d.addRow(write ? d.write(element, own, false)
                   : d.read(element, own, false));
  }
}

void decodeAccess(Decoding &d, bool load) {
  bool hint = takeCacheModifiers(d);
  d.inst.space = d.takeSpace().value_or(Space::Generic);
  takeVector(d);
  Type type = d.takeType();
  d.inst.bytes = uint8_t(bytesOf(type));
  d.inst.flags[0] = isSigned(type);
  if (bitsOf(type) < 8 || bitsOf(type) > 64)
    return d.fail("the type is not supported");
  if (d.inst.bytes * d.inst.count > 32)
    return d.fail("more than 32 bytes");
  if (!d.expectOperands(2, hint ? 3 : 2))
    return;
  d.inst.a = d.address(load ? 1 : 0, d.inst.space);
  // Module constants are ordinary allocations that cannot be written.
  if (d.inst.space == Space::Const)
    d.inst.space = Space::Global;
  addRegisters(d, load ? 0 : 1, type, load);
  d.inst.execute = load ? executeLoad : executeStore;
}

void decodeLoad(Decoding &d) { decodeAccess(d, true); }
void decodeStore(Decoding &d) { decodeAccess(d, false); }

constexpr Opcode kOpcodes[] = {
    {"ld", kAnyClass, decodeLoad},
    {"ldu", kAnyClass, decodeLoad},
    {"st", kAnyClass, decodeStore},
};

} // namespace

bool takeCacheModifiers(Decoding &d) {
  d.takeOneOf({"weak", "relaxed", "acquire", "release", "volatile", "mmio"});
  d.takeOneOf({"cta", "cluster", "gpu", "sys"});
  d.takeOneOf({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  d.take("nc");
  d.takeOneOf({"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first",
               "L1::evict_last", "L1::no_allocate"});
  d.takeOneOf({"L2::evict_normal", "L2::evict_first", "L2::evict_last"});
  d.takeOneOf({"L2::64B", "L2::128B", "L2::256B"});
  return d.take("L2::cache_hint");
}

std::span<const Opcode> loadStoreOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
