// Row kernels.
#include "compiler/kernels/Builders.h"

namespace attune::kernels {

using namespace mlir;

LogicalResult buildRowKernel(KernelBuilder &builder) {
  return builder.group.emitError("row kernels are not supported yet");
}

} // namespace attune::kernels
