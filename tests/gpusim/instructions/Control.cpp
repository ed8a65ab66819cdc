//===- Control.cpp - the flow of control ----------------------------------===//
//
// bra, ret, exit, trap, and instructions that only order memory or wait.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/Lanewise.h"

namespace attune::gpusim {

void executeBranch(Warp &warp, const Inst &inst, Mask mask) {
  warp.branch(inst.target, inst.join, mask);
}

/// Lanes that go where the first one goes leave; the others come here again.
void executeIndexedBranch(Warp &warp, const Inst &inst, Mask mask) {
  const auto &targets = warp.program->branchTables[inst.target];
  auto indices = warp.read<uint32_t>(inst.a);
  uint32_t chosen = indices[firstLane(mask)];
  if (chosen >= targets.size())
    return warp.fail(inst, firstLane(mask), ErrorKind::OutOfBounds,
                     "index " + std::to_string(chosen) + " of a table of " +
                         std::to_string(targets.size()) + " labels");
  Mask taken = 0;
  for (Mask left = mask; left; left &= left - 1)
    if (indices[firstLane(left)] == chosen)
      taken |= Mask(1) << firstLane(left);
  warp.part(targets[chosen], warp.pc(), inst.join, taken);
}

void executeExit(Warp &warp, const Inst &inst, Mask mask) {
  for (const PendingCopy &copy : warp.copies)
    if (mask >> copy.lane & 1) {
      uint32_t line = warp.program->code[copy.pc].line;
      return warp.fail(
          inst, copy.lane, ErrorKind::UnfinishedCopy,
          "the copy of line " + std::to_string(line) +
              " was not waited for: " + warp.launch->sourceLine(line));
    }
  warp.exit(mask);
}

namespace {

void executeTrap(Warp &warp, const Inst &inst, Mask mask) {
  warp.fail(inst, firstLane(mask), ErrorKind::Trap, "the kernel gave up");
}

void executeNothing(Warp &, const Inst &, Mask) {}

void decodeBra(Decoding &d) {
  d.take("uni");
  if (!d.expectOperands(1, 1))
    return;
  const Operand &label = d.source.operands[0];
  if (label.kind != Operand::Label)
    return d.fail("expected a label");
  d.inst.target = d.builder.function.labels[label.index];
  d.inst.execute = executeBranch;
}

/// brx.idx index, table
void decodeBrx(Decoding &d) {
  d.take("uni");
  if (!d.take("idx") || !d.expectOperands(2, 2) || d.inst.guard != kNoRow)
    return d.fail("expected .idx, two operands and no guard");
  const Operand &table = d.source.operands[1];
  if (table.kind != Operand::BranchTable)
    return d.fail("expected the name of a .branchtargets");
  d.inst.a = d.read(0, Type::U32);
  d.inst.target = table.index;
  d.inst.execute = executeIndexedBranch;
}

void decodeCall(Decoding &d) {
  d.fail("functions are not supported: inline what the kernel calls");
}

void decodeRet(Decoding &d) {
  d.take("uni");
  d.inst.execute = executeExit;
}

void decodeTrap(Decoding &d) { d.inst.execute = executeTrap; }

/// Accesses happen in the order of the program, so that fences have nothing
/// to do; what they do not order between warps is a race all the same.
void decodeFence(Decoding &d) {
  d.takeOneOf({"sc", "acq_rel", "acquire", "release"});
  d.takeOneOf({"cta", "cluster", "gpu", "sys", "gl"});
  d.inst.execute = executeNothing;
}

void decodeNanosleep(Decoding &d) {
  d.takeType();
  d.inst.execute = executeNothing;
}

constexpr Opcode kOpcodes[] = {
    {"bra", kAnyClass, decodeBra},
    {"brx", kAnyClass, decodeBrx},
    {"call", kAnyClass, decodeCall},
    {"ret", kAnyClass, decodeRet},
    {"exit", kAnyClass, decodeRet},
    {"trap", kAnyClass, decodeTrap},
    {"membar", kAnyClass, decodeFence},
    {"fence", kAnyClass, decodeFence},
    {"nanosleep", kAnyClass, decodeNanosleep},
};

} // namespace

std::span<const Opcode> controlOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
