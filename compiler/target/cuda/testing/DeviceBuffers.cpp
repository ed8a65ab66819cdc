//===- DeviceBuffers.cpp --------------------------------------------------===//
#include "compiler/target/cuda/testing/DeviceBuffers.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::common::testing;
using namespace attune::target::cuda::testing;

static int64_t elementBytes(MemRefType type) {
  Type element = type.getElementType();
  if (element.isIndex())
    return 8;
  return std::max<int64_t>(1, element.getIntOrFloatBitWidth() / 8);
}

/// The first byte of an argument and the one behind its last. Strides have
/// either sign.
static std::pair<uintptr_t, uintptr_t> extentOf(const Argument &argument,
                                                int64_t bytes) {
  int64_t low = 0, high = 0;
  auto start = reinterpret_cast<uintptr_t>(argument.data);
  for (auto [size, stride] : llvm::zip(argument.sizes, argument.strides)) {
    if (!size)
      return {start, start};
    (stride < 0 ? low : high) += (size - 1) * stride;
  }
  return {start + low * bytes, start + (high + 1) * bytes};
}

DeviceBuffers::DeviceBuffers(gpusim::Device &device, tile::KernelOp kernel,
                             const std::vector<Argument> &arguments,
                             uint64_t offset)
    : device(device), arguments(arguments) {
  for (auto [parameter, argument] :
       llvm::zip(kernel.getArguments(), arguments)) {
    auto type = dyn_cast<MemRefType>(parameter.getType());
    if (!type)
      continue;
    auto [begin, end] = extentOf(argument, elementBytes(type));
    ranges.push_back({begin, end});
  }
  llvm::sort(ranges,
             [](const Range &a, const Range &b) { return a.begin < b.begin; });
  std::vector<Range> joined;
  for (const Range &range : ranges)
    if (!joined.empty() && range.begin < joined.back().end)
      joined.back().end = std::max(joined.back().end, range.end);
    else
      joined.push_back(range);
  ranges = std::move(joined);
  constexpr uintptr_t kAlign = 64;
  for (Range &range : ranges) {
    uintptr_t before = range.begin % kAlign + offset;
    range.address =
        device.allocate(before + range.end - range.begin, "a buffer") + before;
    device.memory.write(range.address, range.bytes());
  }
}

uint64_t DeviceBuffers::addressOf(unsigned argument) const {
  auto data = reinterpret_cast<uintptr_t>(arguments[argument].data);
  for (const Range &range : ranges)
    if (range.begin <= data && (data < range.end || range.begin == data))
      return range.address + (data - range.begin);
  return 0; // of no elements
}

void DeviceBuffers::copyBack() {
  for (const Range &range : ranges)
    device.memory.read(range.address, range.bytes());
}
