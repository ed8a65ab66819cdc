//===- State.h - what the stand-in for the driver knows -------------------===//
//
// One device, its primary context, and everything taken from it. Work on a
// stream is written down and done when somebody waits for it, in the order of
// the stream: a run that forgets to wait sees that nothing has happened.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/Device.h"
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

namespace attune::gpusim::driver {

/// CUresult, as far as it occurs.
enum Result : int {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  NotInitialised = 3,
  NoDevice = 100,
  InvalidDevice = 101,
  InvalidContext = 201,
  NoBinaryForGpu = 209,
  InvalidPtx = 218,
  InvalidHandle = 400,
  NotFound = 500,
  NotReady = 600,
  LaunchFailed = 719,
  IllegalState = 401,
  CaptureUnsupported = 900,
};
const char *nameOf(int result);

inline constexpr const char *kDeviceName = "attune GPU emulator";

/// How often this thread has made the context current.
extern thread_local int contextDepth;

using Work = std::function<Result()>;

struct Event {
  bool isRecorded = false; ///< and the work before it is done
  double milliseconds = 0;
};

struct Graph {
  std::vector<Work> work;
};

struct Stream {
  std::vector<Work> pending;
  bool isCapturing = false;
  Graph captured;
};

struct Library;

struct Kernel {
  Library *library = nullptr;
  const Program *program = nullptr;
  uint64_t dynamicShared = 48 * 1024; ///< most that a launch may ask for
};

/// What has been handed out of one kind, by its address.
template <typename T>
class Objects {
public:
  T *add(T object = {}) {
    owned.push_back(std::make_unique<T>(std::move(object)));
    return owned.back().get();
  }
  /// Null where `handle` is none of these.
  T *find(const void *handle) const {
    auto it = place(owned, handle);
    return it == owned.end() ? nullptr : it->get();
  }
  bool release(const void *handle) {
    auto it = place(owned, handle);
    if (it == owned.end())
      return false;
    owned.erase(it);
    return true;
  }
  size_t size() const { return owned.size(); }

private:
  template <typename Owned>
  static auto place(Owned &owned, const void *handle) {
    return std::find_if(owned.begin(), owned.end(),
                        [&](const auto &one) { return one.get() == handle; });
  }
  std::vector<std::unique_ptr<T>> owned;
};

struct Library {
  const LoadedModule *module = nullptr;
  Objects<Kernel> kernels;
};

/// Everything behind one lock: the driver may be called by any thread.
struct State {
  std::mutex mutex;
  bool initialised = false;
  Device device;
  int contextUses = 0;
  Result sticky = Success; ///< after a kernel has failed: what all calls answer
  std::string lastReport;  ///< of that kernel
  uint64_t memoryLimit = uint64_t(1) << 34;

  Objects<Stream> streams;
  Objects<Event> events;
  Objects<Graph> graphs, executables;
  Objects<Library> libraries;
  std::map<const std::byte *, size_t> hostMemory; ///< bytes, by address

  // Faults on purpose (Control.h).
  uint64_t calls = 0, failingCall = 0;
  int failure = Success;

  static State &get();

  /// What a call begins with: counts it and tells whether it is to fail.
  Result enter(bool needsContext);
  /// Writes work down: for the graph that is captured, or for whoever waits.
  Result enqueue(void *stream, Work work);
  /// Does the work of a stream.
  Result drain(Stream &stream);
  Result run(const std::vector<Work> &work);
  size_t live() const;
};

} // namespace attune::gpusim::driver
