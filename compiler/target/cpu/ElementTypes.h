//===- ElementTypes.h - which functions have code for which types ---------===//
//
// Enters: a kernel. Leaves: an error at each op that the CPU has no code for,
// so that a model is refused with the names of its nodes, before code is made.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/tile/Tile.h"

namespace attune::target::cpu {

llvm::LogicalResult checkElementTypes(tile::KernelOp kernel);

} // namespace attune::target::cpu
