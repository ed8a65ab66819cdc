//===- Entries.cpp - the driver's entry points over the emulator ----------===//
//
// The part of the CUDA Driver API that attune calls, with the meaning of its
// reference as far as a single device in one process shows it. The device has a
// capability that only PTX serves, so what is loaded is the text that ships.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/driver/State.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace attune::gpusim;
using namespace attune::gpusim::driver;

namespace attune::gpusim::driver {
extern thread_local int contextDepth;
}

/// Newer than any binary that attune makes.
static constexpr int kMajor = 12, kMinor = 0, kVersion = 12000;
static constexpr const char *kName = "attune GPU emulator";

namespace {

/// One call: the lock, and what it answers before it has done anything.
struct Call {
  explicit Call(bool needsContext = true)
      : state(State::get()), lock(state.mutex),
        result(state.enter(needsContext)) {}
  explicit operator bool() const { return result == Success; }
  State &state;
  std::lock_guard<std::mutex> lock;
  Result result;
};

template <typename T>
T *add(std::set<std::unique_ptr<T>> &all) {
  auto made = std::make_unique<T>();
  T *handle = made.get();
  all.insert(std::move(made));
  return handle;
}

template <typename T>
bool has(const std::set<std::unique_ptr<T>> &all, const T *handle) {
  return std::any_of(all.begin(), all.end(),
                     [&](const auto &one) { return one.get() == handle; });
}

template <typename T>
int release(std::set<std::unique_ptr<T>> &all, const T *handle) {
  for (auto it = all.begin(); it != all.end(); ++it)
    if (it->get() == handle) {
      all.erase(it);
      return Success;
    }
  return InvalidHandle;
}

/// Writes work down: for the graph that is captured, or for whoever waits.
int enqueue(Call &call, Stream *stream, Work work) {
  if (!has(call.state.streams, stream))
    return InvalidHandle;
  auto &list = stream->isCapturing ? stream->captured.work : stream->pending;
  list.push_back(std::move(work));
  return Success;
}

} // namespace

extern "C" {

//===--- Device -----------------------------------------------------------===//

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
  Call call(false);
  if (call)
    *count = 1;
  return call.result;
}

int cuDeviceGet(int *device, int ordinal) {
  Call call(false);
  if (!call)
    return call.result;
  *device = 0;
  return ordinal == 0 ? Success : InvalidDevice;
}

int cuDeviceGetName(char *name, int bytes, int) {
  Call call(false);
  if (call)
    snprintf(name, size_t(bytes), "%s", kName);
  return call.result;
}

int cuDeviceGetAttribute(int *value, int attribute, int) {
  Call call(false);
  if (!call)
    return call.result;
  if (attribute != 75 && attribute != 76)
    return InvalidValue;
  *value = attribute == 75 ? kMajor : kMinor;
  return Success;
}

int cuDevicePrimaryCtxRetain(void **context, int) {
  Call call(false);
  if (!call)
    return call.result;
  ++call.state.contextUses;
  *context = &call.state;
  return Success;
}

int cuDevicePrimaryCtxRelease_v2(int) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  return state.contextUses-- > 0 ? Success : InvalidContext;
}

int cuCtxPushCurrent_v2(void *context) {
  Call call(false);
  // A context that a kernel has broken is still made current.
  if (!call && call.result != call.state.sticky)
    return call.result;
  if (context != &call.state || call.state.contextUses == 0)
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
  Call call;
  if (!call)
    return call.result;
  if (bytes == 0)
    return InvalidValue;
  if (call.state.device.memory.liveBytes() + bytes > call.state.memoryLimit)
    return OutOfMemory;
  *address = call.state.device.memory.allocate(bytes, "memory of a session");
  return Success;
}

int cuMemFree_v2(unsigned long long address) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  return state.device.memory.free(address) ? Success : InvalidValue;
}

int cuMemHostAlloc(void **data, size_t bytes, unsigned) {
  Call call;
  if (!call)
    return call.result;
  *data = std::malloc(bytes);
  if (!*data)
    return OutOfMemory;
  call.state.hostMemory.insert(*data);
  return Success;
}

int cuMemFreeHost(void *data) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  if (!state.hostMemory.erase(data))
    return InvalidValue;
  std::free(data);
  return Success;
}

int cuMemcpyHtoDAsync_v2(unsigned long long to, const void *from, size_t bytes,
                         void *streamHandle) {
  auto *stream = static_cast<Stream *>(streamHandle);
  Call call;
  if (!call)
    return call.result;
  State &state = call.state;
  return enqueue(call, stream, [&state, to, from, bytes] {
    std::span data(static_cast<const std::byte *>(from), bytes);
    return state.device.memory.write(to, data) ? Success : InvalidValue;
  });
}

int cuMemcpyDtoHAsync_v2(void *to, unsigned long long from, size_t bytes,
                         void *streamHandle) {
  auto *stream = static_cast<Stream *>(streamHandle);
  Call call;
  if (!call)
    return call.result;
  State &state = call.state;
  return enqueue(call, stream, [&state, to, from, bytes] {
    std::span data(static_cast<std::byte *>(to), bytes);
    return state.device.memory.read(from, data) ? Success : InvalidValue;
  });
}

int cuMemcpyDtoDAsync_v2(unsigned long long to, unsigned long long from,
                         size_t bytes, void *streamHandle) {
  auto *stream = static_cast<Stream *>(streamHandle);
  Call call;
  if (!call)
    return call.result;
  State &state = call.state;
  return enqueue(call, stream, [&state, to, from, bytes] {
    std::vector<std::byte> data(bytes);
    bool done = state.device.memory.read(from, data) &&
                state.device.memory.write(to, data);
    return done ? Success : InvalidValue;
  });
}

//===--- Streams, events, graphs ------------------------------------------===//

int cuStreamCreate(void **stream, unsigned) {
  Call call;
  if (call)
    *stream = add(call.state.streams);
  return call.result;
}

int cuStreamDestroy_v2(void *streamHandle) {
  auto *stream = static_cast<Stream *>(streamHandle);
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  if (has(state.streams, stream))
    (void)state.drain(*stream);
  return release(state.streams, stream);
}

int cuStreamSynchronize(void *streamHandle) {
  auto *stream = static_cast<Stream *>(streamHandle);
  Call call;
  if (!call)
    return call.result;
  if (!has(call.state.streams, stream))
    return InvalidHandle;
  if (stream->isCapturing)
    return CaptureUnsupported;
  return call.state.drain(*stream);
}

int cuStreamBeginCapture_v2(void *streamHandle, int) {
  auto *stream = static_cast<Stream *>(streamHandle);
  Call call;
  if (!call)
    return call.result;
  if (!has(call.state.streams, stream))
    return InvalidHandle;
  if (stream->isCapturing)
    return IllegalState;
  stream->isCapturing = true;
  stream->captured = Graph();
  return Success;
}

int cuStreamEndCapture(void *streamHandle, void **graph) {
  auto *stream = static_cast<Stream *>(streamHandle);
  Call call;
  if (!has(call.state.streams, stream))
    return InvalidHandle;
  if (!stream->isCapturing)
    return IllegalState;
  stream->isCapturing = false;
  if (!call)
    return call.result;
  Graph *captured = add(call.state.graphs);
  *captured = std::move(stream->captured);
  *graph = captured;
  return Success;
}

int cuGraphInstantiateWithFlags(void **executable, void *graphHandle,
                                unsigned long long) {
  auto *graph = static_cast<Graph *>(graphHandle);
  Call call;
  if (!call)
    return call.result;
  if (!has(call.state.graphs, graph))
    return InvalidHandle;
  Graph *copy = add(call.state.executables);
  *copy = *graph;
  *executable = copy;
  return Success;
}

int cuGraphLaunch(void *executableHandle, void *streamHandle) {
  auto *stream = static_cast<Stream *>(streamHandle);
  auto *executable = static_cast<Graph *>(executableHandle);
  Call call;
  if (!call)
    return call.result;
  if (!has(call.state.executables, executable))
    return InvalidHandle;
  State &state = call.state;
  return enqueue(call, stream,
                 [&state, work = executable->work] { return state.run(work); });
}

int cuGraphDestroy(void *graphHandle) {
  auto *graph = static_cast<Graph *>(graphHandle);
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  return release(state.graphs, graph);
}

int cuGraphExecDestroy(void *executableHandle) {
  auto *executable = static_cast<Graph *>(executableHandle);
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  return release(state.executables, executable);
}

int cuEventCreate(void **event, unsigned) {
  Call call;
  if (call)
    *event = add(call.state.events);
  return call.result;
}

int cuEventDestroy_v2(void *eventHandle) {
  auto *event = static_cast<Event *>(eventHandle);
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  return release(state.events, event);
}

int cuEventRecord(void *eventHandle, void *streamHandle) {
  auto *stream = static_cast<Stream *>(streamHandle);
  auto *event = static_cast<Event *>(eventHandle);
  Call call;
  if (!call)
    return call.result;
  if (!has(call.state.events, event))
    return InvalidHandle;
  event->isRecorded = false;
  return enqueue(call, stream, [event] {
    static double clock = 0;
    event->milliseconds = clock += 0.25;
    event->isRecorded = true;
    return Success;
  });
}

int cuEventElapsedTime(float *milliseconds, void *fromHandle, void *toHandle) {
  auto *from = static_cast<Event *>(fromHandle);
  auto *to = static_cast<Event *>(toHandle);
  Call call;
  if (!call)
    return call.result;
  if (!has(call.state.events, from) || !has(call.state.events, to))
    return InvalidHandle;
  if (!from->isRecorded || !to->isRecorded)
    return NotReady;
  *milliseconds = float(to->milliseconds - from->milliseconds);
  return Success;
}

//===--- Kernels ----------------------------------------------------------===//

int cuLibraryLoadData(void **library, const void *code, int *options,
                      void **values, unsigned count, int *, void **, unsigned) {
  Call call;
  if (!call)
    return call.result;
  const char *text = static_cast<const char *>(code);
  if (std::memcmp(text, "\177ELF", 4) == 0)
    return NoBinaryForGpu;
  std::string complaints;
  const LoadedModule *module = call.state.device.load(text, complaints);
  if (!module) {
    char *log = nullptr;
    size_t bytes = 0;
    for (unsigned i = 0; i < count; ++i) {
      if (options[i] == 5)
        log = static_cast<char *>(values[i]);
      else if (options[i] == 6)
        bytes = reinterpret_cast<size_t>(values[i]);
    }
    if (log && bytes)
      snprintf(log, bytes, "%s", complaints.c_str());
    return InvalidPtx;
  }
  Library *loaded = add(call.state.libraries);
  loaded->module = module;
  *library = loaded;
  return Success;
}

int cuLibraryUnload(void *libraryHandle) {
  auto *library = static_cast<Library *>(libraryHandle);
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  if (has(state.libraries, library))
    state.device.unload(library->module);
  return release(state.libraries, library);
}

int cuLibraryGetKernel(void **kernel, void *libraryHandle, const char *name) {
  auto *library = static_cast<Library *>(libraryHandle);
  Call call;
  if (!call)
    return call.result;
  if (!has(call.state.libraries, library))
    return InvalidHandle;
  const Program *program = library->module->find(name);
  if (!program)
    return NotFound;
  library->kernels.push_back(
      std::make_unique<Kernel>(Kernel{library, program}));
  *kernel = library->kernels.back().get();
  return Success;
}

int cuKernelSetAttribute(int attribute, int value, void *kernelHandle, int) {
  auto *kernel = static_cast<Kernel *>(kernelHandle);
  Call call;
  if (!call)
    return call.result;
  if (attribute != 8 ||
      uint64_t(value) > call.state.device.options.maxSharedBytes)
    return InvalidValue;
  kernel->dynamicShared = uint64_t(value);
  return Success;
}

int cuLaunchKernel(void *kernelHandle, unsigned gridX, unsigned gridY,
                   unsigned gridZ, unsigned blockX, unsigned blockY,
                   unsigned blockZ, unsigned sharedBytes, void *streamHandle,
                   void **parameters, void **) {
  auto *stream = static_cast<Stream *>(streamHandle);
  auto *kernel = static_cast<Kernel *>(kernelHandle);
  Call call;
  if (!call)
    return call.result;
  if (gridX == 0 || gridY == 0 || gridZ == 0 || gridY > 65535 ||
      gridZ > 65535 || gridX > 0x7fffffff ||
      sharedBytes > kernel->dynamicShared)
    return InvalidValue;
  // Read now: the caller's memory is its own after the call.
  Arguments arguments;
  arguments.bytes.resize(kernel->program->parameterBytes);
  for (size_t i = 0; i < kernel->program->parameters.size(); ++i)
    std::memcpy(arguments.bytes.data() +
                    kernel->program->parameterPlaces[i].offset,
                parameters[i], kernel->program->parameters[i].size);
  Configuration configuration{
      {gridX, gridY, gridZ}, {blockX, blockY, blockZ}, sharedBytes};
  State &state = call.state;
  return enqueue(call, stream, [&state, kernel, configuration, arguments] {
    Report report =
        state.device.launch(*kernel->library->module, kernel->program->name,
                            configuration, arguments);
    ++state.device.options.seed;
    if (report.ok())
      return Success;
    state.lastReport = report.text();
    fprintf(stderr, "%s: %s: %s\n", kName, kernel->program->name.c_str(),
            report.text().c_str());
    return state.sticky = LaunchFailed;
  });
}
}
