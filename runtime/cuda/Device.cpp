//===- Device.cpp - a GPU and what is taken from it -----------------------===//
#include "runtime/cuda/Device.h"
#include <cstring>

namespace attune::cuda {

using core::cat;

/// What a kernel may have without being asked about it.
static constexpr uint32_t kPlainSharedBytes = 48 * 1024;

//===----------------------------------------------------------------------===//
// Device
//===----------------------------------------------------------------------===//

Error Device::ask() {
  std::string which = cat("ask CUDA device ", index);
  char buffer[256] = {};
  if (Error error =
          api->check(api->deviceName(buffer, sizeof buffer - 1, handle), which))
    return error;
  text = buffer;
  int major = 0, minor = 0;
  if (Error error =
          api->check(api->attribute(&major, kCapabilityMajor, handle), which))
    return error;
  if (Error error =
          api->check(api->attribute(&minor, kCapabilityMinor, handle), which))
    return error;
  level = 10 * major + minor;
  return {};
}

Error Device::open(unsigned ordinal, DevicePtr &out) {
  auto device = std::make_shared<Device>();
  if (Error error = Driver::get(device->api))
    return error;
  const Driver &api = *device->api;
  int count = 0;
  if (Error error = api.check(api.deviceCount(&count), "ask for CUDA devices"))
    return error;
  if (count == 0)
    return {ATTUNE_NO_DEVICE, "there is a CUDA driver, but no device"};
  if (ordinal >= unsigned(count))
    return {ATTUNE_NO_DEVICE, cat("there is no CUDA device ", ordinal,
                                  ", the last one is ", count - 1)};
  device->index = ordinal;
  if (Error error = api.check(api.device(&device->handle, int(ordinal)),
                              cat("open CUDA device ", ordinal)))
    return error;
  if (Error error = device->ask())
    return error;
  if (Error error =
          api.check(api.retainContext(&device->primary, device->handle),
                    cat("use CUDA device ", ordinal)))
    return error;
  out = std::move(device);
  return {};
}

Device::~Device() {
  if (primary)
    (void)api->releaseContext(handle);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Error DeviceMemory::allocate(const DevicePtr &device, uint64_t bytes,
                             const char *what, DeviceMemory &out) {
  out = DeviceMemory();
  if (bytes == 0)
    return {};
  Current current(*device);
  if (Error error = current.error())
    return error;
  Address address = 0;
  const Driver &api = device->driver();
  if (Error error = api.check(
          api.allocate(&address, bytes),
          cat("take ", bytes, " bytes of ", device->name(), " for ", what)))
    return error;
  out.memory = {device, address};
  out.bytes = bytes;
  return {};
}

Error PinnedMemory::allocate(const DevicePtr &device, uint64_t bytes,
                             const char *what, PinnedMemory &out) {
  out = PinnedMemory();
  if (bytes == 0)
    return {};
  Current current(*device);
  if (Error error = current.error())
    return error;
  void *data = nullptr;
  const Driver &api = device->driver();
  if (Error error =
          api.check(api.allocateHost(&data, bytes, 0),
                    cat("take ", bytes, " bytes of pinned memory for ", what)))
    return error;
  out.memory = {device, data};
  out.bytes = bytes;
  return {};
}

Error isKnown(const Device &device, const void *data, bool &out) {
  int attribute = kMemoryType, type = 0;
  void *values[] = {&type};
  // Stays 0 where the memory is not the driver's.
  Result result =
      device.driver().pointerAttributes(1, &attribute, values, addressOf(data));
  out = type != 0;
  return device.driver().check(result, "ask whose memory a tensor is in");
}

//===----------------------------------------------------------------------===//
// Stream
//===----------------------------------------------------------------------===//

Error Stream::create(const DevicePtr &device, Stream &out) {
  out.device = device;
  StreamHandle handle = nullptr;
  if (Error error = out.call<&Driver::createStream>("make a CUDA stream",
                                                    &handle, kNonBlocking))
    return error;
  out.stream = {device, handle};
  return {};
}

Error Stream::copy(Address to, Address from, uint64_t bytes) {
  return call<&Driver::copy>("copy to or from the CUDA device", to, from, bytes,
                             stream.get());
}

Error Stream::launch(const Launch &launch, std::span<const int64_t> parameters,
                     std::string_view name) {
  std::vector<void *> pointers;
  for (const int64_t &parameter : parameters)
    pointers.push_back(const_cast<int64_t *>(&parameter));
  return call<&Driver::launch>(cat("launch ", name), launch.kernel,
                               launch.blocks, 1u, 1u, launch.threads, 1u, 1u,
                               launch.sharedBytes, stream.get(),
                               pointers.data(), static_cast<void **>(nullptr));
}

Error Stream::launch(const Graph &graph) {
  return call<&Driver::launchGraph>("launch a CUDA graph", graph.get(),
                                    stream.get());
}

Error Stream::record(const Event &event) {
  return call<&Driver::recordEvent>("record a CUDA event", event.get(),
                                    stream.get());
}

Error Stream::synchronize() {
  return call<&Driver::synchronize>("finish the work of the CUDA device",
                                    stream.get());
}

Error Stream::beginCapture() {
  return call<&Driver::beginCapture>("capture a CUDA graph", stream.get(),
                                     kCaptureThreadLocal);
}

Error Stream::endCapture(Graph &out) {
  GraphHandle graph = nullptr;
  if (Error error = call<&Driver::endCapture>("capture a CUDA graph",
                                              stream.get(), &graph))
    return error;
  Owned<GraphHandle, &Driver::destroyGraph> captured(device, graph);
  GraphExecHandle exec = nullptr;
  if (Error error = call<&Driver::instantiate>("instantiate a CUDA graph",
                                               &exec, graph, 0ull))
    return error;
  out = {device, exec};
  return {};
}

Error Stream::createEvent(Event &out) {
  EventHandle handle = nullptr;
  if (Error error =
          call<&Driver::createEvent>("make a CUDA event", &handle, 0u))
    return error;
  out = {device, handle};
  return {};
}

Error Stream::elapsed(const Event &from, const Event &to,
                      double &milliseconds) {
  float time = 0;
  if (Error error = call<&Driver::elapsed>("read a CUDA event", &time,
                                           from.get(), to.get()))
    return error;
  milliseconds = time;
  return {};
}

//===----------------------------------------------------------------------===//
// Library
//===----------------------------------------------------------------------===//

Error Library::load(const DevicePtr &device, std::span<const std::byte> code,
                    Library &out, bool &unfit) {
  Current current(*device);
  if (Error error = current.error())
    return error;
  // PTX is text that ends with a zero.
  std::vector<std::byte> text(code.begin(), code.end());
  text.push_back(std::byte(0));
  char log[4096] = {};
  int options[] = {kErrorLog, kErrorLogBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof log - 1)};
  LibraryHandle handle = nullptr;
  const Driver &api = device->driver();
  Result result = api.loadLibrary(&handle, text.data(), options, values, 2,
                                  nullptr, nullptr, 0);
  unfit = result == kNoBinaryForGpu;
  Error error =
      api.check(result, cat("load the kernels onto ", device->name()));
  if (error)
    return log[0] ? Error(error.status(), cat(error.message(), ": ", log))
                  : error;
  out.device = device;
  out.library = {device, handle};
  return {};
}

Error Library::find(const std::string &name, uint32_t sharedBytes,
                    KernelHandle &out) const {
  Current current(*device);
  if (Error error = current.error())
    return error;
  const Driver &api = device->driver();
  if (Error error = api.check(api.kernel(&out, library.get(), name.c_str()),
                              cat("find the kernel ", name)))
    return error;
  if (sharedBytes <= kPlainSharedBytes)
    return {};
  return api.check(api.setKernelAttribute(kMaxDynamicSharedBytes,
                                          int(sharedBytes), out,
                                          device->number()),
                   cat("give the kernel ", name, " ", sharedBytes,
                       " bytes of shared memory on ", device->name()));
}

} // namespace attune::cuda
