//===- Handles.h - the C API behind RAII ----------------------------------===//
#pragma once
#include "attune/attune.h"
#include "runtime/core/Error.h"
#include <memory>

namespace attune::tools {

using core::cat;
using core::Error;

struct Release {
  void operator()(attune_model *model) const { attune_model_release(model); }
  void operator()(attune_state *state) const { attune_state_release(state); }
  void operator()(attune_session *session) const {
    attune_session_release(session);
  }
};
using Model = std::unique_ptr<attune_model, Release>;
using State = std::unique_ptr<attune_state, Release>;
using Session = std::unique_ptr<attune_session, Release>;

/// The failure of the last call of the C API, or none.
inline Error check(attune_status status) {
  return status == ATTUNE_OK ? Error() : Error(status, attune_error_message());
}

/// What a user asked for and cannot have.
inline Error usage(std::string fact) {
  return {ATTUNE_INVALID_ARGUMENT, std::move(fact)};
}

/// 0 threads: all processors. A null state: one of the session's own.
inline Error openSession(attune_model *entry, uint32_t threads, bool profile,
                         attune_state *state, Session &out) {
  attune_session_options options;
  attune_session_options_init(&options);
  options.threads = threads;
  options.profile = profile;
  options.state = state;
  attune_session *session = nullptr;
  Error error = check(attune_session_create(entry, &options, &session));
  out.reset(session);
  return error;
}

/// What --shape names and the model lacks; `names` are the dims that it has.
inline Error noSuchDim(std::string_view name, std::string_view names) {
  return usage(cat("--shape: the model has no dim \"", name, "\"; it has ",
                   names.empty() ? "none" : names));
}

} // namespace attune::tools
