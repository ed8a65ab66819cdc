// Map kernels.
#include "compiler/kernels/Builders.h"

namespace attune::kernels {

using namespace mlir;

LogicalResult buildMapKernel(KernelBuilder &builder) {
  return builder.group.emitError("map kernels are not supported yet");
}

} // namespace attune::kernels
