//===- State.cpp - what the stand-in for the driver knows -----------------===//
#include "tests/gpusim/driver/State.h"
#include "tests/gpusim/driver/Control.h"
#include <cstdio>

namespace attune::gpusim::driver {

thread_local int contextDepth = 0;

State &State::get() {
  // Never destroyed: objects of the process may outlive it.
  static State *state = new State;
  return *state;
}

const char *nameOf(int result) {
  switch (result) {
  case Success:
    return "CUDA_SUCCESS";
  case InvalidValue:
    return "CUDA_ERROR_INVALID_VALUE";
  case OutOfMemory:
    return "CUDA_ERROR_OUT_OF_MEMORY";
  case NotInitialised:
    return "CUDA_ERROR_NOT_INITIALIZED";
  case NoDevice:
    return "CUDA_ERROR_NO_DEVICE";
  case InvalidDevice:
    return "CUDA_ERROR_INVALID_DEVICE";
  case InvalidContext:
    return "CUDA_ERROR_INVALID_CONTEXT";
  case NoBinaryForGpu:
    return "CUDA_ERROR_NO_BINARY_FOR_GPU";
  case InvalidPtx:
    return "CUDA_ERROR_INVALID_PTX";
  case InvalidHandle:
    return "CUDA_ERROR_INVALID_HANDLE";
  case IllegalState:
    return "CUDA_ERROR_ILLEGAL_STATE";
  case NotFound:
    return "CUDA_ERROR_NOT_FOUND";
  case NotReady:
    return "CUDA_ERROR_NOT_READY";
  case LaunchFailed:
    return "CUDA_ERROR_LAUNCH_FAILED";
  case CaptureUnsupported:
    return "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED";
  }
  return nullptr;
}

Result State::enter(bool needsContext) {
  ++calls;
  if (failingCall && calls == failingCall)
    return Result(failure);
  if (!initialised)
    return NotInitialised;
  if (sticky != Success)
    return sticky;
  return needsContext && contextDepth == 0 ? InvalidContext : Success;
}

Result State::run(const std::vector<Work> &work) {
  for (const Work &item : work)
    if (Result result = item(); result != Success)
      return result;
  return Success;
}

Result State::enqueue(void *handle, Work work) {
  Stream *stream = streams.find(handle);
  if (!stream)
    return InvalidHandle;
  auto &list = stream->isCapturing ? stream->captured.work : stream->pending;
  list.push_back(std::move(work));
  return Success;
}

Result State::drain(Stream &stream) {
  std::vector<Work> work;
  std::swap(work, stream.pending);
  return run(work);
}

size_t State::live() const {
  return device.memory.liveCount() + streams.size() + events.size() +
         graphs.size() + executables.size() + libraries.size() +
         hostMemory.size() + size_t(contextUses);
}

} // namespace attune::gpusim::driver

using attune::gpusim::driver::State;

extern "C" {

void attuneStandInFail(uint64_t call, int result) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  state.calls = 0;
  state.failingCall = call;
  state.failure = result;
}

uint64_t attuneStandInCalls(void) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  return state.calls;
}

size_t attuneStandInLive(void) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  return state.live();
}

const char *attuneStandInForgive(void) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  state.sticky = attune::gpusim::driver::Success;
  static std::string report;
  std::swap(report, state.lastReport);
  state.lastReport.clear();
  return report.c_str();
}

void attuneStandInMemory(uint64_t bytes) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  state.memoryLimit = bytes;
}
}
