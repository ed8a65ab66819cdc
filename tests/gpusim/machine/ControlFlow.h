//===- ControlFlow.h - where diverged lanes meet again --------------------===//
//
// Enters: decoded code. Leaves: in every branch its join, the instruction at
// which the lanes that parted there run together again.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/machine/Program.h"

namespace attune::gpusim {

/// What an instruction does to the flow of control; null executors of others.
void executeBranch(Warp &warp, const Inst &inst, Mask mask);
void executeIndexedBranch(Warp &warp, const Inst &inst, Mask mask);
void executeExit(Warp &warp, const Inst &inst, Mask mask);

/// Sets Inst::join of every branch to its immediate post-dominator, as the
/// assembler places its reconvergence points. An early return does not count:
/// lanes that took it are gone, the others still meet.
void findJoins(Program &program);

} // namespace attune::gpusim
