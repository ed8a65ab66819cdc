// Attention kernels.
#include "compiler/kernels/Builders.h"

namespace attune::kernels {

using namespace mlir;

LogicalResult buildAttentionKernel(KernelBuilder &builder) {
  return builder.group.emitError("attention kernels are not supported yet");
}

} // namespace attune::kernels
