//===- ApiModel.cpp - the C API of models ---------------------------------===//
//
// Handles of entry points and what they say of themselves before they run.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/ApiHandles.h"
#include <cstdlib>
#include <new>

using namespace attune::core;

static attune_status makeHandle(std::shared_ptr<const Model> model,
                                const Program *program, attune_model **out) {
  auto *handle = new (std::nothrow) attune_model{std::move(model), program};
  if (!handle)
    return report(Error(ATTUNE_OUT_OF_MEMORY, "no memory for a model"));
  *out = handle;
  return ATTUNE_OK;
}

extern "C" {

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

attune_cost attune::core::costOf(const Model &model, const Binding &binding) {
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

} // extern "C"
