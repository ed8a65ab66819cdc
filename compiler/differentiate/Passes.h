// The differentiate stage: nn -> nn. See README.md and Passes.td.
#pragma once

#include "dialects/nn/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace attune::differentiate {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/differentiate/Passes.h.inc"

/// The stage as the pipeline runs it.
void buildPipeline(mlir::OpPassManager &passes);

/// Its passes, for attune-opt.
void registerPasses();

} // namespace attune::differentiate
