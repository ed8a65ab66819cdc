//===- ElementTypes.h - which functions have code for which types ---------===//
//
// Enters: a kernel. Leaves: an error at each op that the CPU has no code for,
// so that a model is refused with the names of its nodes, before code is made.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/target/cpu/CodeVersion.h"
#include "dialects/tile/Tile.h"

namespace attune::target::cpu {

llvm::LogicalResult checkElementTypes(tile::KernelOp kernel,
                                      CodeVersion version);

} // namespace attune::target::cpu
