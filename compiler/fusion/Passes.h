// The fusion stage: nn -> nn with groups. See README.md and Passes.td.
#pragma once

#include "dialects/nn/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace attune::fusion {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/fusion/Passes.h.inc"

struct PipelineOptions : mlir::PassPipelineOptions<PipelineOptions> {
  Option<std::string> attention{*this, "attention",
                                llvm::cl::desc("auto, fused, saved or unfused"),
                                llvm::cl::init("auto")};
  Option<std::string> precision{*this, "precision",
                                llvm::cl::desc("f32, f16 or bf16"),
                                llvm::cl::init("f32")};
  Option<bool> gpu{*this, "gpu",
                   llvm::cl::desc("some code version is for a GPU"),
                   llvm::cl::init(false)};
  Option<bool> frugal{*this, "frugal",
                      llvm::cl::desc("auto keeps no scores for gradients"),
                      llvm::cl::init(false)};
  Option<bool> fuse{*this, "fuse",
                    llvm::cl::desc("false: each op is a group of its own"),
                    llvm::cl::init(true)};
};

/// The stage as the pipeline runs it.
void buildPipeline(mlir::OpPassManager &passes, const PipelineOptions &options);

/// Its passes, for attune-opt.
void registerPasses();

} // namespace attune::fusion
