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

struct PipelineOptions : mlir::PassPipelineOptions<PipelineOptions> {
  Option<std::string> recompute{*this, "recompute",
                                llvm::cl::desc("none, gelu or gelu+norm"),
                                llvm::cl::init("none")};
  Option<double> activationMemory{
      *this, "activation-memory",
      llvm::cl::desc("share of the bytes of activations that may be kept"),
      llvm::cl::init(1.0)};
};

/// The stage as the pipeline runs it.
void buildPipeline(mlir::OpPassManager &passes, const PipelineOptions &options);

/// Its passes, for attune-opt.
void registerPasses();

} // namespace attune::differentiate
