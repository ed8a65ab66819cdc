//===- Device.h - a GPU and what is taken from it -------------------------===//
//
// RAII over handles of the driver. Everything keeps its device alive, and the
// device keeps its primary context, which it shares with whatever else uses
// CUDA in the process. Who works on a stream makes the device current
// (`Current`), which lasts for a scope; everything else does so by itself.
// Functions may be called by any thread, on one object by one thread at a time.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/cuda/Driver.h"
#include <span>
#include <string>
#include <vector>

namespace attune::cuda {

class Device {
public:
  /// Device `ordinal` of the driver.
  static Error open(unsigned ordinal, std::shared_ptr<const Device> &out);
  Device() = default;
  Device(const Device &) = delete;
  ~Device();

  const Driver &driver() const { return *api; }
  unsigned ordinal() const { return index; }
  const std::string &name() const { return text; } ///< "NVIDIA H200"
  /// Compute capability, times ten: 90.
  int capability() const { return level; }
  DeviceNumber number() const { return handle; }
  ContextHandle context() const { return primary; }

private:
  Error ask();

  const Driver *api = nullptr;
  unsigned index = 0;
  DeviceNumber handle = 0;
  ContextHandle primary = nullptr;
  std::string text;
  int level = 0;
};

using DevicePtr = std::shared_ptr<const Device>;

/// Makes the device's context current on this thread while it lives.
class Current {
public:
  explicit Current(const Device &device) : device(device) {
    failure = device.driver().pushContext(device.context());
  }
  ~Current() {
    ContextHandle popped;
    if (failure == kSuccess)
      (void)device.driver().popContext(&popped);
  }
  Current(const Current &) = delete;
  Error error() const {
    return device.driver().check(failure, "use the CUDA device");
  }

private:
  const Device &device;
  Result failure;
};

/// A handle that gives itself back.
template <typename Handle, auto Release>
class Owned {
public:
  Owned() = default;
  Owned(DevicePtr device, Handle handle)
      : device(std::move(device)), handle(handle) {}
  Owned(Owned &&other) noexcept
      : device(std::move(other.device)),
        handle(std::exchange(other.handle, Handle{})) {}
  Owned &operator=(Owned &&other) noexcept {
    std::swap(device, other.device);
    std::swap(handle, other.handle);
    return *this;
  }
  ~Owned() {
    if (!handle)
      return;
    Current current(*device);
    (void)(device->driver().*Release)(handle);
  }
  Handle get() const { return handle; }
  explicit operator bool() const { return bool(handle); }

private:
  DevicePtr device;
  Handle handle{};
};

/// Memory of the device; 0 bytes is fine.
class DeviceMemory {
public:
  /// `what` names it in the error ("the arena").
  static Error allocate(const DevicePtr &device, uint64_t bytes,
                        const char *what, DeviceMemory &out);
  Address address() const { return memory.get(); }
  uint64_t size() const { return bytes; }

private:
  Owned<Address, &Driver::free> memory;
  uint64_t bytes = 0;
};

/// Memory of the host that the device reads and writes by itself.
class PinnedMemory {
public:
  static Error allocate(const DevicePtr &device, uint64_t bytes,
                        const char *what, PinnedMemory &out);
  std::byte *data() const { return static_cast<std::byte *>(memory.get()); }
  uint64_t size() const { return bytes; }

private:
  Owned<void *, &Driver::freeHost> memory;
  uint64_t bytes = 0;
};

/// An address that the driver tells apart from those of the device.
inline Address addressOf(const void *host) {
  return static_cast<Address>(reinterpret_cast<uintptr_t>(host));
}

/// Whether the driver knows the memory at `data`: memory of a device, pinned
/// memory and managed memory it copies by itself. The device must be current.
Error isKnown(const Device &device, const void *data, bool &out);

using Graph = Owned<GraphExecHandle, &Driver::destroyGraphExec>;
using Event = Owned<EventHandle, &Driver::destroyEvent>;

/// How a kernel is started.
struct Launch {
  KernelHandle kernel = nullptr;
  uint32_t blocks = 1, threads = 1, sharedBytes = 0;
};

/// Work of the device in order; the device must be current. After an error of
/// `synchronize` what was in flight is lost.
class Stream {
public:
  static Error create(const DevicePtr &device, Stream &out);

  /// Each side is memory of a device or of the host (`addressOf`).
  Error copy(Address to, Address from, uint64_t bytes);
  /// Each parameter has 8 bytes. `name` is for the error.
  Error launch(const Launch &launch, std::span<const int64_t> parameters,
               std::string_view name);
  Error launch(const Graph &graph);
  Error record(const Event &event);
  Error synchronize();

  /// From here on work is written down instead of done, to be done by a graph.
  Error beginCapture();
  /// Ends it in any case.
  Error endCapture(Graph &out);

  Error createEvent(Event &out);
  /// Both recorded and synchronised.
  Error elapsed(const Event &from, const Event &to, double &milliseconds);

private:
  template <auto Entry, typename... Arguments>
  Error call(std::string_view doing, Arguments... arguments) const {
    const Driver &api = device->driver();
    return api.check((api.*Entry)(arguments...), doing);
  }

  DevicePtr device;
  Owned<StreamHandle, &Driver::destroyStream> stream;
};

/// Kernels: a cubin, or PTX that the driver translates.
class Library {
public:
  /// `code` need not outlive the call. `unfit` tells of a cubin for other
  /// devices, which is no failure of anything.
  static Error load(const DevicePtr &device, std::span<const std::byte> code,
                    Library &out, bool &unfit);
  /// A kernel of so much dynamic shared memory.
  Error find(const std::string &name, uint32_t sharedBytes,
             KernelHandle &out) const;

private:
  DevicePtr device;
  Owned<LibraryHandle, &Driver::unloadLibrary> library;
};

} // namespace attune::cuda
