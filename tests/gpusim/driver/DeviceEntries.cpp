//===- DeviceEntries.cpp - the driver, its device, its memory -------------===//
//
// Part of the CUDA Driver API, with the meaning of its reference as far as a
// single device in one process shows it. The device has a capability that only
// PTX serves, so what is loaded is the text that ships.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/driver/Entry.h"
#include <cstdlib>
#include <cstring>

using namespace attune::gpusim::driver;

/// Newer than any binary that attune makes.
static constexpr int kMajor = 12, kMinor = 0, kVersion = 12000;
/// CUpointer_attribute, CUmemorytype.
static constexpr int kMemoryType = 2, kHostMemory = 1, kDeviceMemory = 2;

extern "C" {

//===--- Driver and device ------------------------------------------------===//

int cuInit(unsigned) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  state.initialised = true;
  return Success;
}

int cuDriverGetVersion(int *version) {
  *version = kVersion;
  return Success;
}

int cuGetErrorName(int result, const char **text) {
  *text = nameOf(result);
  return *text ? Success : InvalidValue;
}

int cuGetErrorString(int result, const char **text) {
  *text = result == OutOfMemory ? "out of memory" : nameOf(result);
  return *text ? Success : InvalidValue;
}

int cuDeviceGetCount(int *count) {
  return answer(
      [&](State &) {
        *count = 1;
        return Success;
      },
      false);
}

int cuDeviceGet(int *device, int ordinal) {
  return answer(
      [&](State &) {
        *device = 0;
        return ordinal == 0 ? Success : InvalidDevice;
      },
      false);
}

int cuDeviceGetName(char *name, int bytes, int) {
  return answer(
      [&](State &) {
        snprintf(name, size_t(bytes), "%s", kDeviceName);
        return Success;
      },
      false);
}

int cuDeviceGetAttribute(int *value, int attribute, int) {
  return answer(
      [&](State &) {
        if (attribute != 75 && attribute != 76)
          return InvalidValue;
        *value = attribute == 75 ? kMajor : kMinor;
        return Success;
      },
      false);
}

//===--- Context ----------------------------------------------------------===//

int cuDevicePrimaryCtxRetain(void **context, int) {
  return answer(
      [&](State &state) {
        ++state.contextUses;
        *context = &state;
        return Success;
      },
      false);
}

int cuDevicePrimaryCtxRelease_v2(int) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  return state.contextUses-- > 0 ? Success : InvalidContext;
}

int cuCtxPushCurrent_v2(void *context) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  // A context that a kernel has broken is still made current.
  Result result = state.enter(false);
  if (result != Success && result != state.sticky)
    return result;
  if (context != &state || state.contextUses == 0)
    return InvalidContext;
  ++contextDepth;
  return Success;
}

int cuCtxPopCurrent_v2(void **context) {
  if (contextDepth == 0)
    return InvalidContext;
  --contextDepth;
  *context = &State::get();
  return Success;
}

//===--- Memory -----------------------------------------------------------===//

int cuMemAlloc_v2(unsigned long long *address, size_t bytes) {
  return answer([&](State &state) {
    auto &memory = state.device.memory;
    if (bytes == 0)
      return InvalidValue;
    if (memory.liveBytes() + bytes > state.memoryLimit)
      return OutOfMemory;
    *address = memory.allocate(bytes, "memory of a session");
    return Success;
  });
}

int cuMemFree_v2(unsigned long long address) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  return state.device.memory.free(address) ? Success : InvalidValue;
}

int cuMemHostAlloc(void **data, size_t bytes, unsigned) {
  return answer([&](State &state) {
    *data = std::malloc(bytes);
    if (!*data)
      return OutOfMemory;
    state.hostMemory[static_cast<const std::byte *>(*data)] = bytes;
    return Success;
  });
}

int cuMemFreeHost(void *data) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  if (!state.hostMemory.erase(static_cast<const std::byte *>(data)))
    return InvalidValue;
  std::free(data);
  return Success;
}

int cuPointerGetAttributes(unsigned count, int *attributes, void **data,
                           unsigned long long address) {
  return answer([&](State &state) {
    if (count != 1 || attributes[0] != kMemoryType)
      return InvalidValue;
    const auto *place = reinterpret_cast<const std::byte *>(address);
    auto host = state.hostMemory.upper_bound(place);
    bool isPinned = host != state.hostMemory.begin() &&
                    place < std::prev(host)->first + std::prev(host)->second;
    bool isDevice = state.device.memory.find(address, 1);
    *static_cast<int *>(data[0]) = isPinned   ? kHostMemory
                                   : isDevice ? kDeviceMemory
                                              : 0;
    return Success;
  });
}

/// Either side is memory of the device or of the host.
int cuMemcpyAsync(unsigned long long to, unsigned long long from, size_t bytes,
                  void *stream) {
  return enqueue(stream, [to, from, bytes](State &state) {
    using attune::gpusim::DeviceMemory;
    DeviceMemory &memory = state.device.memory;
    std::vector<std::byte> data(bytes);
    if (from < DeviceMemory::kFirstAddress)
      std::memcpy(data.data(), reinterpret_cast<const void *>(from), bytes);
    else if (!memory.read(from, data))
      return InvalidValue;
    if (to < DeviceMemory::kFirstAddress)
      std::memcpy(reinterpret_cast<void *>(to), data.data(), bytes);
    else if (!memory.write(to, data))
      return InvalidValue;
    return Success;
  });
}
}
