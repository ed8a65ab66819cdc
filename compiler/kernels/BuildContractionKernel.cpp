// Contraction kernels.
#include "compiler/kernels/Builders.h"

namespace attune::kernels {

using namespace mlir;

LogicalResult buildContractionKernel(KernelBuilder &builder, WeightPacker &) {
  return builder.group.emitError("contraction kernels are not supported yet");
}

} // namespace attune::kernels
