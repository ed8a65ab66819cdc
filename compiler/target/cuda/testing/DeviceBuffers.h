//===- DeviceBuffers.h - what a kernel reads and writes, on a device ------===//
#pragma once
#include "compiler/target/common/testing/KernelArguments.h"
#include "tests/gpusim/Device.h"

namespace attune::target::cuda::testing {

/// The buffers of a call, on the emulated device: aligned as they are here, but
/// for `offset` bytes.
class DeviceBuffers {
public:
  DeviceBuffers(gpusim::Device &device, tile::KernelOp kernel,
                const std::vector<common::testing::Argument> &arguments,
                uint64_t offset);
  uint64_t addressOf(unsigned argument) const;
  void copyBack();

private:
  /// Host memory from `begin` to `end`, which lies at `address`.
  struct Range {
    uintptr_t begin, end;
    uint64_t address = 0;
    std::span<std::byte> bytes() const {
      return {reinterpret_cast<std::byte *>(begin), end - begin};
    }
  };
  gpusim::Device &device;
  const std::vector<common::testing::Argument> &arguments;
  std::vector<Range> ranges;
};

} // namespace attune::target::cuda::testing
