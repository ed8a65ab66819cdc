// The stages, in order, each with the reason for the order inside it.
#include "compiler/Pipeline.h"

#include "compiler/cleanup/Passes.h"
#include "compiler/detect/Passes.h"
#include "compiler/differentiate/Passes.h"
#include "compiler/fusion/Passes.h"
#include "compiler/kernels/Passes.h"
#include "compiler/memory/Passes.h"

namespace attune {

using namespace mlir;

llvm::ArrayRef<Stage> stages() {
  static constexpr Stage table[] = {
      {"onnx", "an .onnx file", "onnx.node ops: the file as it is"},
      {"nn", "onnx.node ops",
       "nn ops with symbolic shapes; weights are symbols"},
      {"cleanup", "nn as a frontend wrote it",
       "one shape for each meaning: no conv, no dead code"},
      {"detect", "nn in primitive parts",
       "attention, norm and gelu as single ops"},
      {"differentiate", "nn ops, perhaps with @loss",
       "@grad, @apply and @step instead of @loss"},
      {"fusion", "nn ops",
       "each op that computes in one nn.group; strategies chosen"},
      {"kernels", "nn.group ops",
       "nn.launch ops and one tile.kernel for each distinct group"},
      {"memory", "nn.launch ops on tensors",
       "a plan.program on buffers for each function"},
      {"target", "plan.program, tile.kernel, nn.weight",
       "the package: code, weights, plan"},
  };
  return table;
}

// The order inside a stage, with its reasons, stands in the stage's Passes.cpp.
void addCleanupStage(OpPassManager &passes, const CompileOptions &options) {
  // What is trained must be known before weights are folded.
  differentiate::AppendLossOptions loss;
  loss.loss = options.training.loss;
  loss.output = options.training.output;
  loss.smoothing = options.training.smoothing;
  loss.ignore = options.training.ignoredLabel;
  llvm::append_range(loss.trainable, options.training.trainable);
  llvm::append_range(loss.settings, options.training.settings);
  passes.addPass(differentiate::createAppendLoss(loss));
  cleanup::buildPipeline(passes);
}

void addDetectStage(OpPassManager &passes) { detect::buildPipeline(passes); }

void addDifferentiateStage(OpPassManager &passes,
                           const CompileOptions &options) {
  differentiate::PipelineOptions pipeline;
  pipeline.recompute = options.training.recompute;
  pipeline.activationMemory = options.training.activationMemory;
  differentiate::buildPipeline(passes, pipeline);
}

void addFusionStage(OpPassManager &passes, const CompileOptions &options) {
  fusion::PipelineOptions pipeline;
  pipeline.attention = options.attention;
  pipeline.gpu = llvm::any_of(options.versions, [](const CodeTarget &target) {
    return target.device == CodeTarget::Device::Cuda;
  });
  // The stage before has counted the activations of fused attention.
  pipeline.frugal = options.training.activationMemory < 1;
  pipeline.precision = options.precision;
  pipeline.fuse = options.fuse;
  fusion::buildPipeline(passes, pipeline);
}

void addKernelsStage(OpPassManager &passes, const CodeTarget &target) {
  kernels::PipelineOptions pipeline;
  pipeline.target = target.name();
  kernels::buildPipeline(passes, pipeline);
}

void addMemoryStage(OpPassManager &passes) { memory::buildPipeline(passes); }

} // namespace attune
