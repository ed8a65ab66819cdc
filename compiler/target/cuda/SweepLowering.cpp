#include "compiler/target/cuda/SweepLowering.h"
using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;
LogicalResult attune::target::cuda::lowerSweeps(tile::KernelOp kernel,
                                                OpBuilder &builder,
                                                const Machine &machine) {
  return kernel.emitOpError("has no code for CUDA yet");
}
LogicalResult attune::target::cuda::checkSweeps(tile::KernelOp kernel) {
  return kernel.emitOpError("has no code for CUDA yet");
}
