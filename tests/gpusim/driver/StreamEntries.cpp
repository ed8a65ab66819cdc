//===- StreamEntries.cpp - streams, graphs, events ------------------------===//
#include "tests/gpusim/driver/Entry.h"

using namespace attune::gpusim::driver;

/// Answers with `body` of a stream that there is.
template <typename Body>
static int answerOf(void *handle, Body body) {
  return answer([&](State &state) {
    Stream *stream = state.streams.find(handle);
    return stream ? body(state, *stream) : InvalidHandle;
  });
}

extern "C" {

//===--- Streams ----------------------------------------------------------===//

int cuStreamCreate(void **stream, unsigned) {
  return answer([&](State &state) {
    *stream = state.streams.add();
    return Success;
  });
}

int cuStreamDestroy_v2(void *handle) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  if (Stream *stream = state.streams.find(handle))
    (void)state.drain(*stream);
  return state.streams.release(handle) ? Success : InvalidHandle;
}

int cuStreamSynchronize(void *handle) {
  return answerOf(handle, [](State &state, Stream &stream) {
    return stream.isCapturing ? CaptureUnsupported : state.drain(stream);
  });
}

//===--- Graphs -----------------------------------------------------------===//

int cuStreamBeginCapture_v2(void *handle, int) {
  return answerOf(handle, [](State &, Stream &stream) {
    if (stream.isCapturing)
      return IllegalState;
    stream.isCapturing = true;
    stream.captured = Graph();
    return Success;
  });
}

/// Ends the capture even where it fails.
int cuStreamEndCapture(void *handle, void **graph) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  Result result = state.enter(true);
  Stream *stream = state.streams.find(handle);
  if (!stream)
    return InvalidHandle;
  if (!stream->isCapturing)
    return IllegalState;
  stream->isCapturing = false;
  if (result == Success)
    *graph = state.graphs.add(std::move(stream->captured));
  return result;
}

int cuGraphInstantiateWithFlags(void **executable, void *handle,
                                unsigned long long) {
  return answer([&](State &state) {
    const Graph *graph = state.graphs.find(handle);
    if (!graph)
      return InvalidHandle;
    *executable = state.executables.add(*graph);
    return Success;
  });
}

int cuGraphLaunch(void *handle, void *stream) {
  return answer([&](State &state) {
    const Graph *executable = state.executables.find(handle);
    if (!executable)
      return InvalidHandle;
    return state.enqueue(
        stream, [&state, work = executable->work] { return state.run(work); });
  });
}

int cuGraphDestroy(void *graph) { return giveBack(&State::graphs, graph); }

int cuGraphExecDestroy(void *executable) {
  return giveBack(&State::executables, executable);
}

//===--- Events -----------------------------------------------------------===//

int cuEventCreate(void **event, unsigned) {
  return answer([&](State &state) {
    *event = state.events.add();
    return Success;
  });
}

int cuEventDestroy_v2(void *event) { return giveBack(&State::events, event); }

int cuEventRecord(void *handle, void *stream) {
  return answer([&](State &state) {
    Event *event = state.events.find(handle);
    if (!event)
      return InvalidHandle;
    event->isRecorded = false;
    return state.enqueue(stream, [event] {
      static double clock = 0;
      event->milliseconds = clock += 0.25;
      event->isRecorded = true;
      return Success;
    });
  });
}

int cuEventElapsedTime(float *milliseconds, void *fromHandle, void *toHandle) {
  return answer([&](State &state) {
    const Event *from = state.events.find(fromHandle),
                *to = state.events.find(toHandle);
    if (!from || !to)
      return InvalidHandle;
    if (!from->isRecorded || !to->isRecorded)
      return NotReady;
    *milliseconds = float(to->milliseconds - from->milliseconds);
    return Success;
  });
}
}
