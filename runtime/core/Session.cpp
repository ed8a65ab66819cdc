//===- Session.cpp - memory and threads to run a model --------------------===//
//
// Everything that can fail happens before the first kernel starts: shapes,
// sizes and memory. A failed call leaves the session as it was.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Session.h"
#include <algorithm>

namespace attune::core {

static Error invalid(std::string fact) {
  return {ATTUNE_INVALID_ARGUMENT, std::move(fact)};
}

static Error mismatch(std::string fact) {
  return {ATTUNE_SHAPE_MISMATCH, std::move(fact)};
}

static bool needsState(const Plan &plan) {
  return std::any_of(
      plan.buffers.begin(), plan.buffers.end(),
      [](const Buffer &buffer) { return buffer.kind == BufferKind::State; });
}

Error Session::create(std::shared_ptr<const Program> program,
                      const SessionOptions &wanted) {
  if (!program->model->runnable())
    return invalid("the model was loaded with inspect_only, it cannot run");
  options = wanted;
  if (options.state && &options.state->model() != program->model)
    return invalid("the state is that of another model");
  if (!options.state && needsState(program->plan))
    if (Error error = State::create(modelOf(program), /*seed=*/0,
                                    options.threads, options.state))
      return error;
  if (Error error = makeExecutor(program, options.threads, executor))
    return error;
  owner = std::move(program);
  const Plan &plan = owner->plan;
  inputs.resize(plan.inputs.size());
  inputSet.resize(plan.inputs.size());
  outputState.resize(plan.outputs.size());
  times.resize(plan.nodes.size());
  return {};
}

/// What can be said about one input by itself; dims are compared in prepare.
static Error checkTensor(const Value &value, const attune_tensor &tensor) {
  std::string what = cat("input \"", value.name, "\"");
  if (tensor.dtype != value.dtype)
    return mismatch(cat(what, ": expected ", attune_dtype_name(value.dtype),
                        ", found ", attune_dtype_name(tensor.dtype)));
  if (tensor.rank != value.dims.size())
    return mismatch(cat(what, ": expected rank ", value.dims.size(), ", found ",
                        tensor.rank));
  auto element = int64_t(attune_dtype_bytes(tensor.dtype));
  int64_t bytes = element;
  bool overflow = false;
  for (uint32_t axis = 0; axis < tensor.rank; ++axis) {
    if (tensor.dims[axis] < 0)
      return mismatch(cat(what, " dim ", axis, ": found ", tensor.dims[axis],
                          ", expected at least 0"));
    overflow |= __builtin_mul_overflow(bytes, tensor.dims[axis], &bytes);
  }
  if (std::count(tensor.dims, tensor.dims + tensor.rank, 0))
    bytes = 0;
  else if (overflow)
    return mismatch(cat(what, ": its size overflows 64 bits"));
  if (uint64_t(bytes) != tensor.bytes)
    return mismatch(
        cat(what, ": its dims need ", bytes, " bytes, found ", tensor.bytes));
  if (bytes != 0 && !tensor.data)
    return invalid(cat(what, ": data is NULL"));
  if (reinterpret_cast<uintptr_t>(tensor.data) % uintptr_t(element) != 0)
    return invalid(cat(what, ": data is not aligned to ", element, " bytes"));
  return {};
}

Error Session::setInput(size_t index, const attune_tensor &tensor) {
  const Plan &plan = owner->plan;
  if (index >= inputs.size())
    return invalid(cat("input ", index, ": the model has ", inputs.size()));
  const Value &value = plan.inputs[index];
  if (Error error = checkTensor(value, tensor))
    return error;
  for (uint32_t axis = 0; axis < tensor.rank; ++axis) {
    const Expr &dim = plan.exprs[value.dims[axis]];
    if (dim.kind == ExprKind::Const && dim.a != tensor.dims[axis])
      return mismatch(cat("input \"", value.name, "\" dim ", axis,
                          ": expected ", dim.a, ", found ", tensor.dims[axis]));
  }
  inputs[index] = tensor;
  inputSet[index] = true;
  return {};
}

Error Session::setOutput(size_t index, void *data, size_t bytes) {
  const Plan &plan = owner->plan;
  if (index >= outputState.size())
    return invalid(
        cat("output ", index, ": the model has ", outputState.size()));
  size_t element = attune_dtype_bytes(plan.outputs[index].dtype);
  if (reinterpret_cast<uintptr_t>(data) % element != 0)
    return invalid(cat("output \"", plan.outputs[index].name,
                       "\": data is not aligned to ", element, " bytes"));
  outputState[index].caller = data;
  outputState[index].callerBytes = data ? bytes : 0;
  outputsPlaced = false;
  return {};
}

Error Session::checkLimit(uint64_t ownedOutputs) const {
  uint64_t needed = layout.arenaBytes + ownedOutputs;
  if (options.memoryLimit == 0 || needed <= options.memoryLimit)
    return {};
  return {ATTUNE_OUT_OF_MEMORY,
          cat("this run needs ", needed, " bytes (arena ", layout.arenaBytes,
              ", outputs ", ownedOutputs, "), memory_limit is ",
              options.memoryLimit)};
}

/// Gives outputs without memory of the caller a place in `outputs`, and takes
/// the arena. Both only grow.
Error Session::placeOutputs() {
  const Plan &plan = owner->plan;
  uint64_t total = 0;
  for (size_t i = 0; i < outputState.size(); ++i) {
    Output &state = outputState[i];
    uint64_t bytes = layout.outputBytes[i];
    if (state.caller) {
      if (state.callerBytes < bytes)
        return mismatch(cat("output \"", plan.outputs[i].name, "\": needs ",
                            bytes, " bytes, the caller's memory has ",
                            state.callerBytes));
      continue;
    }
    state.offset = total;
    if (__builtin_add_overflow(total, (bytes + 63) & ~uint64_t(63), &total))
      return mismatch("the outputs overflow 64 bits at these dims");
  }
  if (Error error = checkLimit(total))
    return error;
  if (Error error = executor->reserve(layout))
    return error;
  if (outputs.size() < total) {
    outputs = Mapping();
    if (Error error = Mapping::anonymous(total, "the outputs", outputs))
      return error;
  }
  outputsPlaced = true;
  return {};
}

Error Session::prepare() {
  const Plan &plan = owner->plan;
  std::vector<std::vector<int64_t>> dims;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputSet[i])
      return invalid(cat("input \"", plan.inputs[i].name, "\" is not set"));
    dims.emplace_back(inputs[i].dims, inputs[i].dims + inputs[i].rank);
  }
  if (!bound || dims != layout.inputDims) {
    std::vector<int64_t> symbols;
    if (Error error = solveSymbols(plan, dims, symbols))
      return error;
    Binding binding;
    if (Error error = bindPlan(plan, symbols, threads(), binding))
      return error;
    layout = std::move(binding);
    bound = true;
    outputsPlaced = false;
    bases.clear();
  }
  return outputsPlaced ? Error() : placeOutputs();
}

std::byte *Session::outputData(size_t index) const {
  const Output &state = outputState[index];
  return state.caller ? static_cast<std::byte *>(state.caller)
                      : outputs.data() + state.offset;
}

/// Fills in the addresses, if any base has moved since the last run. Tells
/// whether one has.
bool Session::resolveAddresses() {
  const Plan &plan = owner->plan;
  std::vector<const std::byte *> now(plan.buffers.size(), nullptr);
  for (size_t i = 0; i < plan.buffers.size(); ++i) {
    BufferKind kind = plan.buffers[i].kind;
    if (kind == BufferKind::Weight)
      now[i] = owner->weights[i];
    else if (kind == BufferKind::Arena)
      now[i] = executor->arena() + layout.arenaOffset[i];
    else if (kind == BufferKind::State)
      now[i] = options.state->data(plan.buffers[i].offset);
    else if (kind == BufferKind::Output)
      now[i] =
          executor->output(layout.lender[i], callerOutputs[layout.lender[i]]);
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    now[plan.inputs[i].buffer] = executor->input(i, callerInputs[i]);
  if (now == bases && arenaBase == executor->arena())
    return false;
  bases = std::move(now);
  arenaBase = executor->arena();
  for (const AddressArg &address : layout.addresses) {
    const std::byte *base =
        address.buffer == kArena ? arenaBase : bases[address.buffer];
    layout.args[address.arg] =
        int64_t(reinterpret_cast<uintptr_t>(base)) + address.offset;
  }
  return true;
}

Error Session::run() {
  if (Error error = prepare())
    return error;
  callerInputs.clear();
  for (const attune_tensor &input : inputs)
    callerInputs.push_back(static_cast<const std::byte *>(input.data));
  callerOutputs.clear();
  for (size_t i = 0; i < outputState.size(); ++i)
    callerOutputs.push_back(outputData(i));
  bool changed = resolveAddresses();
  std::span<NodeTime> wanted;
  if (options.profile)
    wanted = times;
  return executor->run(
      {layout, changed, bases, callerInputs, callerOutputs, wanted});
}

Error Session::output(size_t index, attune_tensor &out) const {
  const Plan &plan = owner->plan;
  if (index >= outputState.size())
    return invalid(
        cat("output ", index, ": the model has ", outputState.size()));
  if (!bound || !outputsPlaced)
    return invalid("outputs are known after prepare or run");
  const std::vector<int64_t> &dims = layout.outputDims[index];
  attune_tensor result = {};
  result.dtype = plan.outputs[index].dtype;
  result.rank = uint32_t(dims.size());
  std::copy(dims.begin(), dims.end(), result.dims);
  result.bytes = layout.outputBytes[index];
  result.data = outputData(index);
  out = result;
  return {};
}

void Session::resetProfile() { times.assign(times.size(), NodeTime{}); }

} // namespace attune::core
