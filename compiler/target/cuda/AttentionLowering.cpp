#include "compiler/target/cuda/AttentionLowering.h"
using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;
LogicalResult attune::target::cuda::lowerAttention(tile::KernelOp kernel,
                                                   OpBuilder &builder,
                                                   const Machine &machine) {
  return kernel.emitOpError("has no code for CUDA yet");
}
