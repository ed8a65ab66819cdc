//===- SweepKeep.h - what rests in scratch between two sweeps ---*- C++ -*-===//
//
// Between passes a block is computed anew if that is cheap (the row is in the
// first level of the cache) and kept in scratch if it is not (exp in a softmax,
// elements gathered at a stride).
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cpu/SweepLowering.h"

namespace attune::target::cpu {

/// Fills in `kept` and `reread` of the sweeps, `laneStep`, and the sections.
void keepExpensiveBlocks(tile::KernelOp kernel, SweepPlan &plan);

} // namespace attune::target::cpu
