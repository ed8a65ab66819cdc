// The memory stage: nn.launch -> plan. See Passes.td and README.md.
#pragma once

#include "dialects/plan/Plan.h"
#include "mlir/Pass/Pass.h"

namespace attune::memory {

#define GEN_PASS_DECL
#include "compiler/memory/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compiler/memory/Passes.h.inc"

} // namespace attune::memory
