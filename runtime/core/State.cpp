//===- State.cpp - the memory of what outlasts a run ----------------------===//
#include "runtime/core/State.h"
#include "runtime/core/Session.h"
#include <algorithm>
#include <cstring>

namespace attune::core {

/// The entry point that gives first values, and its one input.
static constexpr char kInit[] = "init", kSeed[] = "seed";

/// Whether the package lacks a value that "init" would give.
static bool needsInit(const StateTable &table) {
  return std::any_of(table.tensors.begin(), table.tensors.end(),
                     [](const StateTensor &tensor) {
                       bool begins = tensor.kind == ATTUNE_STATE_PARAMETER ||
                                     tensor.kind == ATTUNE_STATE_AVERAGE;
                       return begins && !tensor.initial;
                     });
}

/// Runs "init" on a state that holds zeros.
static Error runInit(const std::shared_ptr<const Program> &program,
                     uint64_t seed, uint32_t threads,
                     const std::shared_ptr<State> &state) {
  const std::vector<Value> &inputs = program->plan.inputs;
  if (inputs.size() > 1 || (!inputs.empty() && (inputs[0].name != kSeed ||
                                                inputs[0].dtype != ATTUNE_I64 ||
                                                !inputs[0].dims.empty())))
    return {ATTUNE_BAD_PACKAGE,
            "the entry point \"init\" takes something else than a seed"};
  Session session;
  SessionOptions options;
  options.threads = threads;
  options.state = state;
  if (Error error = session.create(program, options))
    return error;
  attune_tensor tensor = {ATTUNE_I64, 0, {}, &seed, sizeof seed};
  if (!inputs.empty())
    if (Error error = session.setInput(0, tensor))
      return error;
  return session.run();
}

Error State::create(std::shared_ptr<const Model> model, uint64_t seed,
                    uint32_t threads, std::shared_ptr<State> &out) {
  if (!model->runnable())
    return {ATTUNE_INVALID_ARGUMENT,
            "the model was loaded with inspect_only, it has no state"};
  auto state = std::make_shared<State>();
  state->owner = std::move(model);
  const StateTable &table = state->owner->states();
  if (Error error = Mapping::anonymous(table.bytes, "the state", state->memory))
    return error;
  if (const Program *init = state->owner->find(kInit); init && needsInit(table))
    if (Error error = runInit({state->owner, init}, seed, threads, state))
      return error;
  // What the package holds counts more than what init would give.
  for (size_t i = 0; i < table.tensors.size(); ++i)
    if (const StateTensor &tensor = table.tensors[i]; tensor.initial) {
      auto bytes = state->owner->initial(tensor);
      std::memcpy(state->data(i), bytes.data(), bytes.size());
    }
  out = std::move(state);
  return {};
}

} // namespace attune::core
