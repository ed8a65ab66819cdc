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

/// Lanes of a span that is left by reductions which a work item has at most.
inline constexpr int64_t kMostLanes = 64;

/// Fills in `kept` and `reread` of the sweeps, and their sections.
void keepExpensiveBlocks(tile::KernelOp kernel, SweepPlan &plan);

} // namespace attune::target::cpu
