//===- CudaCode.h - the kernels and weights of a model on a device --------===//
//
// Enters: a device and the code of one version. Leaves: kernels ready to be
// launched and room for weights. Immutable once loaded; shared by sessions.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/Plan.h"
#include "runtime/cuda/Device.h"

namespace attune::core {

class CudaCode {
public:
  explicit CudaCode(cuda::DevicePtr device) : owner(std::move(device)) {}

  /// Loads the kernels of the plan. `unfit`: the code is a binary for another
  /// kind of device.
  Error load(std::span<const std::byte> code, const Plan &plan, bool &unfit);
  /// Copies all weights onto the device; one behind the other as in `host`.
  Error placeWeights(std::span<const std::byte> host);

  const cuda::DevicePtr &device() const { return owner; }
  /// One per kernel of the plan.
  const std::vector<cuda::KernelHandle> &kernels() const { return handles; }
  const std::byte *weights() const {
    return reinterpret_cast<const std::byte *>(weightMemory.address());
  }

private:
  cuda::DevicePtr owner;
  cuda::Library library;
  std::vector<cuda::KernelHandle> handles;
  cuda::DeviceMemory weightMemory;
};

} // namespace attune::core
