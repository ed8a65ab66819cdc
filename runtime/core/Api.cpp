//===- Api.cpp - the C API ------------------------------------------------===//
//
// Thin: checks pointers, calls Model and Session, keeps the message of the last
// failure per thread. What each function does is said in attune.h.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Session.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

using namespace attune::core;

struct attune_model {
  std::shared_ptr<const Model> impl;
  const Program *program; ///< Of impl: the entry point of this handle.
};

struct attune_state {
  std::shared_ptr<State> impl;
};

struct attune_session {
  Session impl;
};

static std::string &lastMessage() {
  thread_local std::string message;
  return message;
}

static attune_status report(const Error &error) {
  if (error)
    lastMessage() = error.message();
  return error.status();
}

static attune_status invalid(std::string message) {
  return report(Error(ATTUNE_INVALID_ARGUMENT, std::move(message)));
}

static attune_status isNull(const char *what) {
  return invalid(cat(what, " is NULL"));
}

static attune_status outOfRange(const char *what, size_t index, size_t count) {
  return invalid(cat(what, " ", index, ": there are ", count));
}

/// Copies what the caller's header knows of an options struct over the
/// defaults.
template <typename Options>
static bool readOptions(const Options *given, Options &out) {
  if (!given)
    return true;
  if (given->struct_bytes < sizeof(size_t) || given->struct_bytes > 4096)
    return false;
  std::memcpy(&out, given, std::min(given->struct_bytes, sizeof out));
  return true;
}

static attune_status makeHandle(std::shared_ptr<const Model> model,
                                const Program *program, attune_model **out) {
  auto *handle = new (std::nothrow) attune_model{std::move(model), program};
  if (!handle)
    return report(Error(ATTUNE_OUT_OF_MEMORY, "no memory for a model"));
  *out = handle;
  return ATTUNE_OK;
}

extern "C" {

uint32_t attune_version(void) { return ATTUNE_VERSION; }

const char *attune_status_name(attune_status status) {
  switch (status) {
  case ATTUNE_OK:
    return "ATTUNE_OK";
  case ATTUNE_INVALID_ARGUMENT:
    return "ATTUNE_INVALID_ARGUMENT";
  case ATTUNE_IO_ERROR:
    return "ATTUNE_IO_ERROR";
  case ATTUNE_BAD_PACKAGE:
    return "ATTUNE_BAD_PACKAGE";
  case ATTUNE_UNSUPPORTED_CPU:
    return "ATTUNE_UNSUPPORTED_CPU";
  case ATTUNE_SHAPE_MISMATCH:
    return "ATTUNE_SHAPE_MISMATCH";
  case ATTUNE_OUT_OF_MEMORY:
    return "ATTUNE_OUT_OF_MEMORY";
  case ATTUNE_INTERNAL:
    return "ATTUNE_INTERNAL";
  case ATTUNE_NO_DEVICE:
    return "ATTUNE_NO_DEVICE";
  case ATTUNE_DEVICE_ERROR:
    return "ATTUNE_DEVICE_ERROR";
  }
  return "unknown status";
}

const char *attune_error_message(void) { return lastMessage().c_str(); }

size_t attune_dtype_bytes(attune_dtype dtype) {
  static constexpr uint8_t bytes[] = {0, 4, 8, 2, 2, 8, 4, 2, 1, 8, 4, 2, 1, 1};
  return dtype >= ATTUNE_F32 && dtype <= ATTUNE_BOOL ? bytes[dtype] : 0;
}

const char *attune_dtype_name(attune_dtype dtype) {
  static constexpr const char *names[] = {"?",   "f32", "f64", "f16", "bf16",
                                          "i64", "i32", "i16", "i8",  "u64",
                                          "u32", "u16", "u8",  "bool"};
  return dtype >= ATTUNE_F32 && dtype <= ATTUNE_BOOL ? names[dtype] : "?";
}

//===--- Model
//-------------------------------------------------------------===//

void attune_load_options_init(attune_load_options *options) {
  *options = {};
  options->struct_bytes = sizeof *options;
}

attune_status attune_model_load(const char *path,
                                const attune_load_options *given,
                                attune_model **out_model) {
  if (!path || !out_model)
    return isNull(path ? "out_model" : "path");
  attune_load_options options;
  attune_load_options_init(&options);
  if (!readOptions(given, options))
    return invalid("load options: struct_bytes is not set; call "
                   "attune_load_options_init first");
  LoadOptions wanted;
  wanted.weights = options.weights;
  wanted.inspectOnly = options.inspect_only != 0;
  if (options.weights < ATTUNE_WEIGHTS_AUTO ||
      options.weights > ATTUNE_WEIGHTS_COPY)
    return invalid(cat("load options: weights mode ", int(options.weights),
                       " is unknown"));
  const char *mask =
      options.cpu_mask ? options.cpu_mask : std::getenv("ATTUNE_CPU_MASK");
  if (mask)
    wanted.cpuMask = mask;
  if (options.device)
    wanted.device = options.device;
  auto model = std::make_shared<Model>();
  if (Error error = model->load(path, wanted))
    return report(error);
  const Program *program = model->entries().front();
  return makeHandle(std::move(model), program, out_model);
}

void attune_model_release(attune_model *model) { delete model; }

size_t attune_model_entry_count(const attune_model *model) {
  return model->impl->entries().size();
}

const char *attune_model_entry_name(const attune_model *model, size_t index) {
  const auto &entries = model->impl->entries();
  return index < entries.size() ? entries[index]->name.c_str() : nullptr;
}

attune_status attune_model_entry(attune_model *model, const char *name,
                                 attune_model **out_entry) {
  if (!model || !name || !out_entry)
    return isNull(!model ? "model" : name ? "out_entry" : "name");
  if (const Program *program = model->impl->find(name))
    return makeHandle(model->impl, program, out_entry);
  std::string names;
  for (const Program *program : model->impl->entries())
    names += cat(names.empty() ? "" : ", ", program->name);
  return invalid(
      cat("the package has no entry point \"", name, "\", only ", names));
}

const char *attune_model_manifest(const attune_model *model) {
  return model->impl->manifest().c_str();
}

const char *attune_model_code_version(const attune_model *model) {
  const CodeVersion *version = model->impl->chosen();
  return version ? version->name.c_str() : "";
}

const char *attune_model_device(const attune_model *model) {
  return model->impl->device().c_str();
}

size_t attune_model_code_count(const attune_model *model) {
  return model->impl->codeVersions().size();
}

attune_status attune_model_code(const attune_model *model, size_t index,
                                attune_code_info *out_info) {
  if (!model || !out_info)
    return isNull(model ? "out_info" : "model");
  const auto &versions = model->impl->codeVersions();
  if (index >= versions.size())
    return outOfRange("code version", index, versions.size());
  const CodeVersion &version = versions[index];
  *out_info = {version.name.c_str(), size_t(version.codeBytes),
               version.supported ? 1 : 0, version.isCuda ? 1 : 0,
               version.weightBytes};
  return ATTUNE_OK;
}

size_t attune_model_symbol_count(const attune_model *model) {
  return model->program->plan.symbols.size();
}

attune_status attune_model_symbol(const attune_model *model, size_t index,
                                  attune_symbol_info *out_info) {
  if (!model || !out_info)
    return isNull(model ? "out_info" : "model");
  const auto &symbols = model->program->plan.symbols;
  if (index >= symbols.size())
    return outOfRange("symbol", index, symbols.size());
  const Symbol &symbol = symbols[index];
  *out_info = {symbol.name.c_str(), symbol.min, symbol.max, symbol.divisor};
  return ATTUNE_OK;
}

size_t attune_model_input_count(const attune_model *model) {
  return model->program->plan.inputs.size();
}

size_t attune_model_output_count(const attune_model *model) {
  return model->program->plan.outputs.size();
}

} // extern "C"

static attune_status valueInfo(const attune_model *model, bool input,
                               size_t index, attune_value_info *out) {
  if (!model || !out)
    return isNull(model ? "out_info" : "model");
  const Plan &plan = model->program->plan;
  const std::vector<Value> &list = input ? plan.inputs : plan.outputs;
  if (index >= list.size())
    return outOfRange(input ? "input" : "output", index, list.size());
  const Value &value = list[index];
  *out = {};
  out->name = value.name.c_str();
  out->dtype = value.dtype;
  out->rank = uint32_t(value.dims.size());
  for (size_t axis = 0; axis < value.dims.size(); ++axis) {
    const Expr &dim = plan.exprs[value.dims[axis]];
    out->dims[axis] = dim.kind == ExprKind::Const ? dim.a : -1;
    out->dim_text[axis] = value.dimText[axis].c_str();
  }
  return ATTUNE_OK;
}

/// Binds the plan at values given by the caller.
static Error bindAt(const attune_model *model, const int64_t *values,
                    size_t count, uint32_t threads, Binding &out) {
  const Plan &plan = model->program->plan;
  if (count != plan.symbols.size() || (count != 0 && !values))
    return {ATTUNE_INVALID_ARGUMENT,
            cat("expected values of ", plan.symbols.size(), " symbols, found ",
                values ? count : 0)};
  std::span<const int64_t> symbols(values, count);
  if (Error error = checkSymbols(plan, symbols))
    return error;
  return bindPlan(plan, symbols,
                  threads ? threads : attune::cpu::availableProcessors(), out);
}

static attune_status valueDims(const attune_model *model, bool input,
                               size_t index, const int64_t *values,
                               size_t count, int64_t *out_dims) {
  if (!model || !out_dims)
    return isNull(model ? "out_dims" : "model");
  const Plan &plan = model->program->plan;
  size_t size = input ? plan.inputs.size() : plan.outputs.size();
  if (index >= size)
    return outOfRange(input ? "input" : "output", index, size);
  Binding binding;
  if (Error error = bindAt(model, values, count, 1, binding))
    return report(error);
  const auto &dims =
      input ? binding.inputDims[index] : binding.outputDims[index];
  std::copy(dims.begin(), dims.end(), out_dims);
  return ATTUNE_OK;
}

static attune_cost costOf(const Model &model, const Binding &binding) {
  attune_cost cost = {};
  cost.arena_bytes = binding.arenaBytes;
  cost.lower_bound = binding.lowerBound;
  cost.weight_bytes = model.weightBytes();
  cost.state_bytes = model.states().bytes;
  for (uint64_t bytes : binding.outputBytes)
    cost.output_bytes += bytes;
  for (uint64_t bytes : binding.inputBytes)
    cost.input_bytes += bytes;
  cost.peak_bytes = cost.arena_bytes + cost.output_bytes + cost.weight_bytes +
                    cost.state_bytes;
  for (const Step &step : binding.steps) {
    cost.flops += step.flops;
    cost.traffic_bytes += step.bytes;
  }
  cost.launches = binding.steps.size();
  return cost;
}

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

attune_status attune_model_input(const attune_model *model, size_t index,
                                 attune_value_info *out_info) {
  return valueInfo(model, true, index, out_info);
}

attune_status attune_model_output(const attune_model *model, size_t index,
                                  attune_value_info *out_info) {
  return valueInfo(model, false, index, out_info);
}

attune_status attune_model_cost(const attune_model *model,
                                const int64_t *values, size_t value_count,
                                uint32_t threads, attune_cost *out_cost) {
  if (!model || !out_cost)
    return isNull(model ? "out_cost" : "model");
  Binding binding;
  if (Error error = bindAt(model, values, value_count, threads, binding))
    return report(error);
  *out_cost = costOf(*model->impl, binding);
  return ATTUNE_OK;
}

attune_status attune_model_input_dims(const attune_model *model, size_t index,
                                      const int64_t *values, size_t value_count,
                                      int64_t *out_dims) {
  return valueDims(model, true, index, values, value_count, out_dims);
}

attune_status attune_model_output_dims(const attune_model *model, size_t index,
                                       const int64_t *values,
                                       size_t value_count, int64_t *out_dims) {
  return valueDims(model, false, index, values, value_count, out_dims);
}

//===--- State
//---------------------------------------------------------------===//

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

//===--- Session
//-----------------------------------------------------------===//

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
