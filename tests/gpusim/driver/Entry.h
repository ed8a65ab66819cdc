//===- Entry.h - what every entry point begins with -------------*- C++ -*-===//
//
// The lock, the count of calls, faults on purpose and the state of the device
// are seen to here; an entry point says what it does after them.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/driver/State.h"

namespace attune::gpusim::driver {

/// Answers with `body`, or with what is in its way.
template <typename Body>
int answer(Body body, bool needsContext = true) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  Result result = state.enter(needsContext);
  return result == Success ? body(state) : result;
}

/// Writes `work` on a stream.
template <typename Body>
int enqueue(void *stream, Body work) {
  return answer([&](State &state) {
    return state.enqueue(stream, [&state, work] { return work(state); });
  });
}

/// Whoever gives something back is never refused.
template <typename T>
int giveBack(Objects<T> State::*all, void *handle) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  return (state.*all).release(handle) ? Success : InvalidHandle;
}

} // namespace attune::gpusim::driver
