#include "compiler/target/cuda/ContractionLowering.h"
using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;
LogicalResult attune::target::cuda::lowerContraction(tile::KernelOp kernel,
                                                     OpBuilder &builder,
                                                     const Machine &machine) {
  return kernel.emitOpError("has no code for CUDA yet");
}
LogicalResult attune::target::cuda::checkContraction(tile::KernelOp kernel) {
  return kernel.emitOpError("has no code for CUDA yet");
}
