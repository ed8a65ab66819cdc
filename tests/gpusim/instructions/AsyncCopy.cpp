//===- AsyncCopy.cpp - cp.async -------------------------------------------===//
//
// Copies from global to shared memory that land when they are waited for, for
// the lane that began them; others need a barrier after that. Until then the
// target is poisoned.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/LoadStore.h"
#include "tests/gpusim/machine/Access.h"
#include <algorithm>

namespace attune::gpusim {

namespace {

/// Where the bytes of one lane come from; the rest of the target is zero.
bool fetch(Warp &warp, const Inst &inst, PendingCopy &copy, uint64_t from,
           uint32_t count) {
  copy.data = {};
  for (uint32_t at = 0; at < count;) {
    // A partial source is read in pieces that are aligned to themselves.
    uint32_t size = count - at >= copy.bytes ? copy.bytes : 1;
    Space space = Space::Global;
    const std::byte *bytes =
        resolve(warp, inst, copy.lane, space, from + at, size, Use::Read);
    if (!bytes)
      return false;
    std::copy_n(bytes, size, copy.data.begin() + at);
    at += size;
  }
  return true;
}

/// d + offset2: target (kind: 32 bits wide), a: source, c: bytes to take from
/// it where that is given, or a predicate (flags[0]) that says to take none.
uint32_t sourceBytes(const Warp &warp, const Inst &inst, unsigned lane) {
  if (inst.c == kNoRow)
    return inst.bytes;
  if (inst.flags[0])
    return warp.readPredicate(inst.c) >> lane & 1 ? 0 : inst.bytes;
  return warp.read<uint32_t>(inst.c)[lane];
}

void executeCopy(Warp &warp, const Inst &inst, Mask mask) {
  auto sources = addressesOf(warp, inst, inst.a);
  Lanes<uint64_t> targets;
  if (inst.kind) {
    auto narrow = warp.read<uint32_t>(inst.d);
    std::copy_n(narrow.v, kWarpSize, targets.v);
  } else {
    targets = warp.read<uint64_t>(inst.d);
  }
  Mask reads = 0;
  for (Mask left = mask; left; left &= left - 1) {
    unsigned lane = firstLane(left);
    uint64_t &target = targets[lane];
    target += uint64_t(int64_t(inst.offset2));
    if (!sharedOffset(warp, inst, lane, target, inst.bytes))
      return;
    PendingCopy copy = {
        lane, warp.pc(), target, inst.bytes, warp.committed[lane], {}};
    uint32_t count = sourceBytes(warp, inst, lane);
    if (count > inst.bytes)
      return warp.fail(inst, lane, ErrorKind::OutOfBounds,
                       "the source is larger than the copy");
    if (!fetch(warp, inst, copy, sources[lane], count))
      return;
    reads |= Mask(count > 0) << lane;
    if (auto problem =
            warp.cta->shared.beginCopy(warp.accessor(lane), target, inst.bytes))
      return report(warp, inst, lane, target, *problem);
    warp.copies.push_back(copy);
  }
  countBanks(warp, targets, mask, inst.bytes);
  countSectors(warp, sources, reads, inst.bytes);
}

void executeCommit(Warp &warp, const Inst &, Mask mask) {
  for (; mask; mask &= mask - 1)
    ++warp.committed[firstLane(mask)];
}

/// All but the newest `immediate` groups have landed.
void executeWait(Warp &warp, const Inst &inst, Mask mask) {
  warp.landCopies(mask, uint32_t(inst.immediate));
}

/// Also those that were never committed.
void executeWaitAll(Warp &warp, const Inst &inst, Mask mask) {
  executeCommit(warp, inst, mask);
  warp.landCopies(mask, 0);
}

void decodeCommit(Decoding &d) {
  d.take("commit_group");
  d.inst.execute = executeCommit;
}

void decodeWait(Decoding &d) {
  if (d.take("wait_all")) {
    d.inst.execute = executeWaitAll;
    return;
  }
  d.take("wait_group");
  d.inst.execute = executeWait;
  if (d.expectOperands(1, 1) && d.constant(0, d.inst.immediate) &&
      uint64_t(d.inst.immediate) > 1 << 20)
    d.fail("the count is too large");
}

bool has(const Decoding &d, std::string_view modifier) {
  const auto &all = d.source.modifiers;
  return std::find(all.begin(), all.end(), modifier) != all.end();
}

/// The optional operands: bytes of the source, or a predicate to ignore it.
void readSourceBytes(Decoding &d, bool hint) {
  size_t count = d.operandCount() - hint;
  if (count < 4)
    return;
  const Operand &operand = d.source.operands[3];
  d.inst.flags[0] = d.registerType(operand) == Type::Pred;
  d.inst.c = d.inst.flags[0] ? d.readPredicate(operand) : d.read(3, Type::U32);
}

void decodeCopy(Decoding &d) {
  bool bypass = d.take("cg");
  if (!bypass && !d.take("ca"))
    return d.fail("expected .ca or .cg");
  bool hint = takeCacheModifiers(d);
  if (d.takeSpace() != Space::Shared || d.takeSpace() != Space::Global)
    return d.fail("copies only from .global to .shared");
  int64_t size = 0;
  if (!d.expectOperands(3, hint ? 5 : 4) || !d.constant(2, size))
    return;
  if (size != 16 && (bypass || (size != 4 && size != 8)))
    return d.fail("copies 4, 8 or 16 bytes, .cg 16 only");
  d.inst.bytes = uint8_t(size);
  d.inst.d = d.address(0, Space::Shared);
  if (std::abs(d.inst.immediate) > INT32_MAX)
    return d.fail("the offset is too large");
  d.inst.offset2 = int32_t(d.inst.immediate);
  d.inst.kind = d.inst.flags[1];
  d.inst.flags[1] = false;
  d.inst.a = d.address(1, Space::Global);
  readSourceBytes(d, hint);
  d.inst.execute = executeCopy;
}

void decodeCp(Decoding &d) {
  if (!d.take("async") || has(d, "bulk") || has(d, "mbarrier"))
    return d.fail("the instruction is not supported");
  if (has(d, "commit_group"))
    return decodeCommit(d);
  if (has(d, "wait_group") || has(d, "wait_all"))
    return decodeWait(d);
  decodeCopy(d);
}

constexpr Opcode kOpcodes[] = {{"cp", kAnyClass, decodeCp}};

} // namespace

std::span<const Opcode> asyncCopyOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
