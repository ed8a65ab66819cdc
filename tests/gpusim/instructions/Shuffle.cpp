//===- Shuffle.cpp - what lanes tell each other ---------------------------===//
//
// shfl.sync, vote.sync, match.sync, redux.sync, elect.sync, activemask. Lanes
// that the member mask names must be there; reading one that is not is an
// error.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/Lanewise.h"
#include <algorithm>

namespace attune::gpusim {

namespace {

/// All lanes that take part must name the same mask, be in it, and nobody in
/// it may be elsewhere.
bool checkMembers(Warp &warp, const Inst &inst, Mask mask, Row row) {
  auto members = warp.read<uint32_t>(row);
  Mask named = members[firstLane(mask)];
  for (Mask left = mask; left; left &= left - 1) {
    unsigned lane = firstLane(left);
    std::string wrong;
    if (members[lane] != named)
      wrong = "lanes name different member masks";
    else if (!(named >> lane & 1))
      wrong = "the lane is not in its own member mask";
    else if (named & warp.live & ~mask)
      wrong = std::to_string(__builtin_popcount(named & warp.live & ~mask)) +
              " lanes of the member mask are elsewhere";
    if (!wrong.empty()) {
      warp.fail(inst, lane, ErrorKind::InactiveLanes, wrong);
      return false;
    }
  }
  return true;
}

enum ShuffleKind : uint8_t { Up, Down, Butterfly, Index };

struct Source {
  unsigned lane;
  bool inRange;
};

/// The manual's formula; c holds the clamp and, above it, the segment mask.
Source sourceOf(ShuffleKind kind, unsigned lane, uint32_t b, uint32_t c) {
  unsigned step = b & 31, clamp = c & 31, segment = c >> 8 & 31;
  unsigned most = (lane & segment) | (clamp & ~segment);
  unsigned least = lane & segment;
  int from = 0;
  bool inRange = false;
  switch (kind) {
  case Up:
    from = int(lane) - int(step);
    inRange = from >= int(most);
    break;
  case Down:
    from = int(lane + step);
    inRange = from <= int(most);
    break;
  case Butterfly:
    from = int(lane ^ step);
    inRange = from <= int(most);
    break;
  case Index:
    from = int(least | (step & ~segment));
    inRange = from <= int(most);
    break;
  }
  return {inRange ? unsigned(from) : lane, inRange};
}

/// d, d2: value and predicate; a, b, c: value, step, clamp; list: the mask.
void executeShuffle(Warp &warp, const Inst &inst, Mask mask) {
  if (!checkMembers(warp, inst, mask, warp.program->rows[inst.list]))
    return;
  auto a = warp.read<uint32_t>(inst.a), b = warp.read<uint32_t>(inst.b),
       c = warp.read<uint32_t>(inst.c);
  Lanes<uint32_t> d = a;
  Mask valid = 0;
  for (Mask left = mask; left; left &= left - 1) {
    unsigned lane = firstLane(left);
    Source source = sourceOf(ShuffleKind(inst.kind), lane, b[lane], c[lane]);
    if (!(mask >> source.lane & 1))
      return warp.fail(inst, lane, ErrorKind::InactiveLanes,
                       "reads lane " + std::to_string(source.lane) +
                           ", which does not take part");
    d[lane] = a[source.lane];
    valid |= Mask(source.inRange) << lane;
  }
  warp.write(inst.d, d, mask);
  if (inst.d2 != kNoRow)
    warp.writePredicate(inst.d2, valid, mask);
}

void decodeShfl(Decoding &d) {
  int kind = d.takeOneOf({"up", "down", "bfly", "idx"});
  if (!d.take("sync") || kind < 0)
    return d.fail("expected .sync and .up, .down, .bfly or .idx");
  Type type = d.takeType();
  if (!d.expectOperands(5, 5))
    return;
  const Operand &result = d.source.operands[0];
  bool pair = result.kind == Operand::Pair;
  d.inst.d = d.write(pair ? result.elements[0] : result, type);
  if (pair)
    d.inst.d2 = d.writePredicate(result.elements[1]);
  d.inst.a = d.read(1, type);
  d.inst.b = d.read(2, Type::B32);
  d.inst.c = d.read(3, Type::B32);
  d.addRow(d.read(4, Type::B32));
  d.inst.kind = uint8_t(kind);
  d.inst.execute = executeShuffle;
}

enum VoteKind : uint8_t { All, Any, Uniform, Ballot };

void executeVote(Warp &warp, const Inst &inst, Mask mask) {
  if (!checkMembers(warp, inst, mask, inst.b))
    return;
  Mask value = warp.readPredicate(inst.a) ^ (inst.flags[0] ? kAllLanes : 0);
  value &= mask;
  bool all = value == mask, any = value != 0;
  if (inst.kind == Ballot) {
    Lanes<uint32_t> d;
    std::fill_n(d.v, kWarpSize, value);
    return warp.write(inst.d, d, mask);
  }
  bool result = inst.kind == All ? all : inst.kind == Any ? any : all || !any;
  warp.writePredicate(inst.d, result ? kAllLanes : 0, mask);
}

void decodeVote(Decoding &d) {
  int kind = d.takeOneOf({"all", "any", "uni", "ballot"});
  if (!d.take("sync") || kind < 0)
    return d.fail("expected .sync and .all, .any, .uni or .ballot");
  Type type = d.takeType();
  if (!d.expectOperands(3, 3))
    return;
  d.inst.d = d.write(0, type);
  d.inst.a = d.readPredicate(d.source.operands[1]);
  d.inst.flags[0] = d.source.operands[1].negated;
  d.inst.b = d.read(2, Type::B32);
  d.inst.kind = uint8_t(kind);
  d.inst.execute = executeVote;
}

/// match.any: lanes with the same value. match.all: the mask, or none.
template <class T>
void executeMatch(Warp &warp, const Inst &inst, Mask mask) {
  if (!checkMembers(warp, inst, mask, inst.b))
    return;
  auto a = warp.read<T>(inst.a);
  Lanes<uint32_t> d{};
  for (unsigned i = 0; i < kWarpSize; ++i)
    for (Mask left = mask; left; left &= left - 1)
      d[i] |= Mask(a[firstLane(left)] == a[i]) << firstLane(left);
  bool all = d[firstLane(mask)] == mask;
  if (inst.kind == All)
    std::fill_n(d.v, kWarpSize, all ? mask : 0);
  warp.write(inst.d, d, mask);
  if (inst.d2 != kNoRow)
    warp.writePredicate(inst.d2, all ? kAllLanes : 0, mask);
}

void decodeMatch(Decoding &d) {
  int kind = d.takeOneOf({"all", "any"});
  if (!d.take("sync") || kind < 0)
    return d.fail("expected .sync and .all or .any");
  Type type = d.takeType();
  if (!d.expectOperands(3, 3))
    return;
  const Operand &result = d.source.operands[0];
  bool pair = result.kind == Operand::Pair;
  d.inst.d = d.write(pair ? result.elements[0] : result, Type::B32);
  if (pair)
    d.inst.d2 = d.writePredicate(result.elements[1]);
  d.inst.a = d.read(1, type);
  d.inst.b = d.read(2, Type::B32);
  d.inst.kind = uint8_t(kind);
  d.inst.execute =
      bitsOf(type) == 32 ? executeMatch<uint32_t> : executeMatch<uint64_t>;
}

enum ReduxKind : uint8_t { Add, Min, Max, And, Or, Xor };

/// flags[0]: signed, for min and max.
void executeRedux(Warp &warp, const Inst &inst, Mask mask) {
  if (!checkMembers(warp, inst, mask, inst.b))
    return;
  auto a = warp.read<uint32_t>(inst.a);
  uint32_t value = a[firstLane(mask)];
  // Order is that of unsigned numbers once the sign bit is turned.
  uint32_t flip = inst.flags[0] ? 0x80000000 : 0;
  for (Mask left = mask & (mask - 1); left; left &= left - 1) {
    uint32_t next = a[firstLane(left)];
    switch (inst.kind) {
    case Add:
      value += next;
      break;
    case Min:
      value = std::min(value ^ flip, next ^ flip) ^ flip;
      break;
    case Max:
      value = std::max(value ^ flip, next ^ flip) ^ flip;
      break;
    case And:
      value &= next;
      break;
    case Or:
      value |= next;
      break;
    case Xor:
      value ^= next;
      break;
    }
  }
  std::fill_n(a.v, kWarpSize, value);
  warp.write(inst.d, a, mask);
}

void decodeRedux(Decoding &d) {
  int kind = d.takeOneOf({"add", "min", "max", "and", "or", "xor"});
  if (!d.take("sync") || kind < 0)
    return d.fail("expected .sync and an operation");
  Type type = d.takeType();
  if (!d.expectOperands(3, 3) || bitsOf(type) != 32 || type == Type::F32)
    return d.fail("the type or the operands are not supported");
  d.inst.d = d.write(0, type);
  d.inst.a = d.read(1, type);
  d.inst.b = d.read(2, Type::B32);
  d.inst.kind = uint8_t(kind);
  d.inst.flags[0] = isSigned(type);
  d.inst.execute = executeRedux;
}

/// elect.sync d|p, mask: the lowest lane has p.
void executeElect(Warp &warp, const Inst &inst, Mask mask) {
  if (!checkMembers(warp, inst, mask, inst.a))
    return;
  Lanes<uint32_t> d;
  std::fill_n(d.v, kWarpSize, firstLane(mask));
  warp.write(inst.d, d, mask);
  warp.writePredicate(inst.d2, mask & -mask, mask);
}

void decodeElect(Decoding &d) {
  if (!d.take("sync") || !d.expectOperands(2, 2) ||
      d.source.operands[0].kind != Operand::Pair)
    return d.fail("expected .sync and d|p, mask");
  d.inst.d = d.write(d.source.operands[0].elements[0], Type::B32);
  d.inst.d2 = d.writePredicate(d.source.operands[0].elements[1]);
  d.inst.a = d.read(1, Type::B32);
  d.inst.execute = executeElect;
}

void executeActiveMask(Warp &warp, const Inst &inst, Mask mask) {
  Lanes<uint32_t> d;
  std::fill_n(d.v, kWarpSize, mask);
  warp.write(inst.d, d, mask);
}

void decodeActiveMask(Decoding &d) {
  d.inst.d = d.write(0, d.takeType());
  d.inst.execute = executeActiveMask;
}

constexpr Opcode kOpcodes[] = {
    {"shfl", kAnyClass, decodeShfl},
    {"vote", kAnyClass, decodeVote},
    {"match", kAnyClass, decodeMatch},
    {"redux", kAnyClass, decodeRedux},
    {"elect", kAnyClass, decodeElect},
    {"activemask", kAnyClass, decodeActiveMask},
};

} // namespace

std::span<const Opcode> shuffleOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
