//===- CudaCode.cpp -------------------------------------------------------===//
#include "runtime/core/CudaCode.h"

namespace attune::core {

Error CudaCode::load(std::span<const std::byte> code, const Plan &plan,
                     bool &unfit) {
  if (Error error = cuda::Library::load(owner, code, library, unfit))
    return error;
  handles.clear();
  for (const Kernel &kernel : plan.kernels) {
    if (kernel.threads == 0)
      return {ATTUNE_BAD_PACKAGE, cat("the plan does not say how many threads "
                                      "the kernel ",
                                      kernel.symbol, " has")};
    cuda::KernelHandle handle = nullptr;
    if (Error error = library.find(kernel.symbol, kernel.sharedBytes, handle))
      return error;
    handles.push_back(handle);
  }
  return {};
}

Error CudaCode::placeWeights(std::span<const std::byte> host) {
  if (Error error = cuda::DeviceMemory::allocate(owner, host.size(),
                                                 "the weights", weightMemory))
    return error;
  if (host.empty())
    return {};
  cuda::Current current(*owner);
  if (Error error = current.error())
    return error;
  cuda::Stream stream;
  if (Error error = cuda::Stream::create(owner, stream))
    return error;
  if (Error error = stream.copy(weightMemory.address(),
                                cuda::addressOf(host.data()), host.size()))
    return error;
  return stream.synchronize();
}

} // namespace attune::core
