//===- ApiSession.cpp - the C API of states and sessions ------------------===//
//
// What a model needs to run: the tensors it keeps between runs, and sessions.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/ApiHandles.h"
#include <new>

using namespace attune::core;

static attune_status stateInfo(const Model &model, const State *state,
                               size_t index, attune_state_info *out) {
  const auto &tensors = model.states().tensors;
  if (index >= tensors.size())
    return outOfRange("tensor of the state", index, tensors.size());
  const StateTensor &tensor = tensors[index];
  *out = {};
  out->name = tensor.name.c_str();
  out->kind = tensor.kind;
  out->tensor.dtype = tensor.dtype;
  out->tensor.rank = uint32_t(tensor.dims.size());
  std::copy(tensor.dims.begin(), tensor.dims.end(), out->tensor.dims);
  out->tensor.data = state ? state->data(index) : nullptr;
  out->tensor.bytes = tensor.bytes;
  return ATTUNE_OK;
}

extern "C" {

size_t attune_model_state_count(const attune_model *model) {
  return model->impl->states().tensors.size();
}

attune_status attune_model_state(const attune_model *model, size_t index,
                                 attune_state_info *out_info) {
  if (!model || !out_info)
    return isNull(model ? "out_info" : "model");
  return stateInfo(*model->impl, nullptr, index, out_info);
}

attune_status attune_state_create(attune_model *model, uint64_t seed,
                                  attune_state **out_state) {
  if (!model || !out_state)
    return isNull(model ? "out_state" : "model");
  std::unique_ptr<attune_state> state(new (std::nothrow) attune_state);
  if (!state)
    return report(Error(ATTUNE_OUT_OF_MEMORY, "no memory for a state"));
  if (Error error =
          State::create(model->impl, seed, /*threads=*/0, state->impl))
    return report(error);
  *out_state = state.release();
  return ATTUNE_OK;
}

void attune_state_release(attune_state *state) { delete state; }

attune_status attune_state_get(attune_state *state, size_t index,
                               attune_state_info *out_info) {
  if (!state || !out_info)
    return isNull(state ? "out_info" : "state");
  return stateInfo(state->impl->model(), state->impl.get(), index, out_info);
}

void attune_session_options_init(attune_session_options *options) {
  *options = {};
  options->struct_bytes = sizeof *options;
}

attune_status attune_session_create(attune_model *model,
                                    const attune_session_options *given,
                                    attune_session **out_session) {
  if (!model || !out_session)
    return isNull(model ? "out_session" : "model");
  attune_session_options options;
  attune_session_options_init(&options);
  if (!readOptions(given, options))
    return invalid("session options: struct_bytes is not set; call "
                   "attune_session_options_init first");
  std::unique_ptr<attune_session> session(new (std::nothrow) attune_session);
  if (!session)
    return report(Error(ATTUNE_OUT_OF_MEMORY, "no memory for a session"));
  SessionOptions wanted{options.threads, options.profile != 0,
                        options.memory_limit,
                        options.state ? options.state->impl : nullptr};
  if (Error error = session->impl.create({model->impl, model->program}, wanted))
    return report(error);
  *out_session = session.release();
  return ATTUNE_OK;
}

void attune_session_release(attune_session *session) { delete session; }

attune_status attune_session_set_input(attune_session *session, size_t index,
                                       const attune_tensor *input) {
  if (!session || !input)
    return isNull(session ? "input" : "session");
  return report(session->impl.setInput(index, *input));
}

attune_status attune_session_set_output(attune_session *session, size_t index,
                                        void *data, size_t bytes) {
  if (!session)
    return isNull("session");
  return report(session->impl.setOutput(index, data, bytes));
}

attune_status attune_session_prepare(attune_session *session) {
  return session ? report(session->impl.prepare()) : isNull("session");
}

attune_status attune_session_run(attune_session *session) {
  return session ? report(session->impl.run()) : isNull("session");
}

attune_status attune_session_get_output(attune_session *session, size_t index,
                                        attune_tensor *out_output) {
  if (!session || !out_output)
    return isNull(session ? "out_output" : "session");
  return report(session->impl.output(index, *out_output));
}

attune_status attune_session_cost(const attune_session *session,
                                  attune_cost *out_cost) {
  if (!session || !out_cost)
    return isNull(session ? "out_cost" : "session");
  const Binding *binding = session->impl.binding();
  if (!binding)
    return invalid("the cost is known after prepare or run");
  *out_cost = costOf(*session->impl.program().model, *binding);
  return ATTUNE_OK;
}

uint32_t attune_session_threads(const attune_session *session) {
  return session->impl.threads();
}

size_t attune_session_profile_count(const attune_session *session) {
  const Binding *binding = session->impl.binding();
  return binding ? binding->steps.size() : 0;
}

attune_status attune_session_profile(const attune_session *session,
                                     size_t index,
                                     attune_profile_entry *out_entry) {
  if (!session || !out_entry)
    return isNull(session ? "out_entry" : "session");
  size_t count = attune_session_profile_count(session);
  if (index >= count)
    return outOfRange("profile entry", index, count);
  const Plan &plan = session->impl.program().plan;
  const Step &step = session->impl.binding()->steps[index];
  const Node &node = plan.nodes[step.node];
  attune_profile_entry entry = {};
  if (const auto *launch = std::get_if<Launch>(&node)) {
    entry.name = launch->name.c_str();
    entry.op = launch->op.c_str();
    entry.kernel = plan.kernels[launch->kernel].symbol.c_str();
  } else {
    entry.name = std::get_if<Copy>(&node)->name.c_str();
    entry.op = "copy";
    entry.kernel = "";
  }
  entry.runs = session->impl.runs(step.node);
  entry.total_ns = session->impl.nanoseconds(step.node);
  entry.flops = step.flops;
  entry.traffic_bytes = step.bytes;
  *out_entry = entry;
  return ATTUNE_OK;
}

void attune_session_profile_reset(attune_session *session) {
  session->impl.resetProfile();
}

} // extern "C"
