//===- Barrier.cpp - named barriers of a CTA ------------------------------===//
//
// bar and barrier: sync, arrive and red, with a count of threads or all of
// them; bar.warp.sync. A barrier that is complete orders everything before it
// in all that arrived before everything after it in all that waited.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/Lanewise.h"
#include <algorithm>

namespace attune::gpusim {

namespace {

enum Kind : uint8_t { Sync, Arrive, RedPopc, RedAnd, RedOr };

void join(VectorClock &into, const VectorClock &from) {
  for (unsigned i = 0; i < kMaxWarps; ++i)
    into[i] = std::max(into[i], from[i]);
}

/// The result of a reduction, to every lane that waited.
void deliver(Warp &warp, const Barrier::Waiter &waiter, uint32_t value) {
  Mask lanes = warp.paths[waiter.path].lanes;
  if (waiter.predicateResult)
    return warp.writePredicate(waiter.result, value ? kAllLanes : 0, lanes);
  Lanes<uint32_t> values;
  std::fill_n(values.v, kWarpSize, value);
  warp.write(waiter.result, values, lanes);
}

void complete(Cta &cta, Barrier &barrier) {
  // Those that leave together have one clock, which keeps their later reads of
  // the same bytes in the short form of SharedMemory.
  ++cta.epoch;
  for (const Barrier::Waiter &waiter : barrier.waiting) {
    Warp &warp = cta.warps[waiter.warp];
    join(warp.clock, barrier.joined);
    warp.clock[warp.index] = cta.epoch;
    warp.paths[waiter.path].state = Path::Ready;
    if (waiter.result != kNoRow)
      deliver(warp, waiter, barrier.reduced);
  }
  barrier = {};
}

/// The value of an operand that all lanes must agree on.
bool uniform(Warp &warp, const Inst &inst, Mask mask, Row row,
             uint32_t &value) {
  auto lanes = warp.read<uint32_t>(row);
  value = lanes[firstLane(mask)];
  for (Mask left = mask; left; left &= left - 1)
    if (lanes[firstLane(left)] != value) {
      warp.fail(inst, firstLane(left), ErrorKind::BarrierMisuse,
                "lanes name different barriers or counts");
      return false;
    }
  return true;
}

/// Whether this arrival fits those before it.
bool check(Warp &warp, const Inst &inst, Mask mask, const Barrier &barrier,
           uint32_t id, uint32_t count) {
  std::string wrong;
  uint32_t lanes = unsigned(__builtin_popcount(mask));
  if (count % kWarpSize && count != warp.cta->threads())
    wrong = "the count of " + std::to_string(count) +
            " threads is no multiple of 32";
  else if (count > (warp.cta->threads() + 31) / 32 * 32)
    wrong = "waits for " + std::to_string(count) + " threads, the block has " +
            std::to_string(warp.cta->threads());
  else if (barrier.expected && barrier.expected != count)
    wrong = "waits for " + std::to_string(count) + " threads where line " +
            std::to_string(barrier.line) + " waits for " +
            std::to_string(barrier.expected);
  else if (inst.aligned && mask != warp.live)
    wrong = std::to_string(__builtin_popcount(warp.live & ~mask)) +
            " lanes of the warp do not take part";
  else if (inst.aligned && barrier.warps >> warp.index & 1)
    wrong = "the warp arrives a second time before the barrier is complete";
  else if (barrier.arrived + lanes > count)
    wrong = "more than " + std::to_string(count) + " threads arrive";
  if (!wrong.empty())
    warp.fail(inst, firstLane(mask), ErrorKind::BarrierMisuse,
              "barrier " + std::to_string(id) + ": " + wrong);
  return wrong.empty();
}

void reduce(Warp &warp, const Inst &inst, Mask mask, Barrier &barrier) {
  Mask value = warp.readPredicate(inst.c);
  value = (inst.flags[0] ? ~value : value) & mask;
  if (inst.kind == RedPopc)
    barrier.reduced += unsigned(__builtin_popcount(value));
  else if (inst.kind == RedOr)
    barrier.reduced |= value != 0;
  else
    barrier.reduced &= value == mask;
}

/// a: the barrier, b: the count where there is one, d: where a result goes.
void executeBarrier(Warp &warp, const Inst &inst, Mask mask) {
  uint32_t id = 0, count = warp.cta->threads();
  if (!uniform(warp, inst, mask, inst.a, id) ||
      (inst.b != kNoRow && !uniform(warp, inst, mask, inst.b, count)))
    return;
  if (id >= warp.cta->barriers.size())
    return warp.fail(inst, firstLane(mask), ErrorKind::BarrierMisuse,
                     "there is no barrier " + std::to_string(id));
  Barrier &barrier = warp.cta->barriers[id];
  if (!check(warp, inst, mask, barrier, id, count))
    return;
  if (!barrier.expected) {
    barrier.expected = count;
    barrier.line = inst.line;
    barrier.reduced = inst.kind == RedAnd;
  }
  barrier.arrived += unsigned(__builtin_popcount(mask));
  barrier.warps |= 1u << warp.index;
  join(barrier.joined, warp.clock);
  // What the warp does from here on is not before the barrier.
  warp.clock[warp.index] = ++warp.cta->epoch;
  if (inst.kind >= RedPopc)
    reduce(warp, inst, mask, barrier);
  if (inst.kind != Arrive) {
    warp.path().state = Path::Waiting;
    barrier.waiting.push_back(
        {warp.index, warp.current, inst.d, inst.kind != RedPopc});
  }
  if (barrier.arrived == barrier.expected)
    complete(*warp.cta, barrier);
}

/// bar.red d, a{, b}, {!}c: the result comes first.
void readBarrier(Decoding &d, size_t first, size_t last) {
  d.inst.a = d.read(first, Type::U32);
  if (first + 1 < last)
    d.inst.b = d.read(first + 1, Type::U32);
}

void decodeReduction(Decoding &d) {
  int operation = d.takeOneOf({"popc", "and", "or"});
  Type type = d.takeType();
  if (operation < 0 || !d.expectOperands(3, 4))
    return d.fail("expected .popc, .and or .or");
  d.inst.kind = uint8_t(RedPopc + operation);
  d.inst.d = d.write(0, type);
  size_t last = d.operandCount() - 1;
  readBarrier(d, 1, last);
  d.inst.c = d.readPredicate(d.source.operands[last]);
  d.inst.flags[0] = d.source.operands[last].negated;
}

/// Lanes of the mask wait for each other; here they must come together.
void executeWarpSync(Warp &warp, const Inst &inst, Mask mask) {
  auto members = warp.read<uint32_t>(inst.a);
  for (Mask left = mask; left; left &= left - 1)
    if (Mask missing = members[firstLane(left)] & warp.live & ~mask)
      return warp.fail(inst, firstLane(missing), ErrorKind::InactiveLanes,
                       "lanes of the mask are elsewhere");
  warp.clock[warp.index] = ++warp.cta->epoch;
}

void decodeBar(Decoding &d) {
  bool isBar = d.source.opcode == "bar";
  if (d.take("warp")) {
    d.take("sync");
    d.inst.execute = executeWarpSync;
    if (d.expectOperands(1, 1))
      d.inst.a = d.read(0, Type::B32);
    return;
  }
  d.take("cta");
  int kind = d.takeOneOf({"sync", "arrive", "red"});
  // `bar` is `barrier.aligned`.
  d.inst.aligned = d.take("aligned") || isBar;
  d.inst.execute = executeBarrier;
  if (kind == 2)
    return decodeReduction(d);
  d.take("all");
  if (kind < 0 || !d.expectOperands(kind == Arrive ? 2 : 1, 2))
    return d.fail("expected .sync, .arrive or .red and its operands");
  d.inst.kind = uint8_t(kind);
  readBarrier(d, 0, d.operandCount());
}

constexpr Opcode kOpcodes[] = {
    {"bar", kAnyClass, decodeBar},
    {"barrier", kAnyClass, decodeBar},
};

} // namespace

std::span<const Opcode> barrierOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
