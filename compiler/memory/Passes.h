// The memory stage: nn.launch -> plan. See Passes.td and README.md.
#pragma once

#include "dialects/plan/Plan.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace attune::memory {

#define GEN_PASS_DECL
#include "compiler/memory/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compiler/memory/Passes.h.inc"

/// The stage as the pipeline runs it.
void buildPipeline(mlir::OpPassManager &passes);

/// Its passes, for attune-opt.
void registerPasses();

} // namespace attune::memory
