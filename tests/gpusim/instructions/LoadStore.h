//===- LoadStore.h - what accesses to memory share ------------------------===//
//
// Modifiers that are about caches and order, which the emulator does not model.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/instructions/Opcodes.h"

namespace attune::gpusim {

/// Takes them all; true when the instruction has a cache policy as its last
/// operand.
bool takeCacheModifiers(Decoding &d);

} // namespace attune::gpusim
