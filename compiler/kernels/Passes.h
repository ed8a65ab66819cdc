// The kernels stage: nn.group -> tile.kernel and nn.launch. See Passes.td and
// README.md.
#pragma once

#include "dialects/nn/NN.h"
#include "dialects/tile/Tile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace attune::kernels {

#define GEN_PASS_DECL
#include "compiler/kernels/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compiler/kernels/Passes.h.inc"

struct PipelineOptions : mlir::PassPipelineOptions<PipelineOptions> {
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("the code version"),
                             llvm::cl::init("x86-64-v3")};
};

/// The stage as the pipeline runs it.
void buildPipeline(mlir::OpPassManager &passes, const PipelineOptions &options);

/// Its passes, for attune-opt.
void registerPasses();

} // namespace attune::kernels
