//===- ApiHandles.h - handles and failures of the C API ---------*- C++ -*-===//
//
// What the files of the C API share: the structs behind their handles, and the
// functions that turn a failure into a status and a message.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/Session.h"
#include <algorithm>
#include <cstring>

struct attune_model {
  std::shared_ptr<const attune::core::Model> impl;
  const attune::core::Program
      *program; ///< Of impl: the entry point of this handle.
};

struct attune_state {
  std::shared_ptr<attune::core::State> impl;
};

struct attune_session {
  attune::core::Session impl;
};

namespace attune::core {

/// Keeps the message of a failure for attune_error_message of this thread and
/// returns its status; a success keeps the last message.
attune_status report(const Error &error);

inline attune_status invalid(std::string message) {
  return report(Error(ATTUNE_INVALID_ARGUMENT, std::move(message)));
}

inline attune_status isNull(const char *what) {
  return invalid(cat(what, " is NULL"));
}

inline attune_status outOfRange(const char *what, size_t index, size_t count) {
  return invalid(cat(what, " ", index, ": there are ", count));
}

/// Copies what the caller's header knows of an options struct over the
/// defaults.
template <typename Options>
bool readOptions(const Options *given, Options &out) {
  if (!given)
    return true;
  if (given->struct_bytes < sizeof(size_t) || given->struct_bytes > 4096)
    return false;
  std::memcpy(&out, given, std::min(given->struct_bytes, sizeof out));
  return true;
}

/// What running `binding` costs, as attune_cost states it.
attune_cost costOf(const Model &model, const Binding &binding);

} // namespace attune::core
