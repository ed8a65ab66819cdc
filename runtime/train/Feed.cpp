//===- Feed.cpp - what goes into an entry point of training ---------------===//
#include "runtime/train/Feed.h"
#include <algorithm>
#include <numeric>

namespace attune::train {

/// The scalars that a trainer knows, and what they are.
static constexpr std::pair<const char *, attune_dtype> kScalars[] = {
    {"seed", ATTUNE_I64},
    {"step", ATTUNE_I64},
    {"first", ATTUNE_I64},
    {"scale", ATTUNE_F32},
    {"lr", ATTUNE_F32}};

static bool isScalar(const attune_value_info &info) {
  return info.rank == 0 &&
         std::any_of(std::begin(kScalars), std::end(kScalars),
                     [&](const auto &known) {
                       return info.name == std::string_view(known.first) &&
                              info.dtype == known.second;
                     });
}

/// Values of the symbols of an entry point, in its order.
static Error valuesOf(attune_model *entry,
                      std::map<std::string, int64_t> &sizes, int64_t batch,
                      std::vector<int64_t> &values) {
  for (size_t i = 0; i < attune_model_symbol_count(entry); ++i) {
    attune_symbol_info info;
    if (Error error = check(attune_model_symbol(entry, i, &info)))
      return error;
    auto given = sizes.find(info.name);
    bool isBatch = info.name == std::string_view("batch") ||
                   info.name == std::string_view("B");
    if (given != sizes.end())
      values.push_back(given->second);
    else if (isBatch && batch > 0)
      values.push_back(batch);
    else if (info.min == info.max)
      values.push_back(info.min);
    else
      return usage(cat("the size of \"", info.name,
                       "\" is not given; use --shape ", info.name, "=N",
                       isBatch ? " or --batch N" : ""));
  }
  return {};
}

static Error readInputs(attune_model *entry,
                        std::vector<attune_value_info> &out) {
  out.resize(attune_model_input_count(entry));
  for (size_t i = 0; i < out.size(); ++i)
    if (Error error = check(attune_model_input(entry, i, &out[i])))
      return error;
  return {};
}

static bool isDim(const attune_value_info &info, size_t dim,
                  std::string_view symbol) {
  return dim < info.rank && info.dims[dim] < 0 && info.dim_text[dim] == symbol;
}

Error addSizes(attune_model *entry, const tools::NamedTensors &tensors,
               std::map<std::string, int64_t> &sizes) {
  std::vector<attune_value_info> inputs;
  if (Error error = readInputs(entry, inputs))
    return error;
  for (size_t i = 0; i < attune_model_symbol_count(entry); ++i) {
    attune_symbol_info symbol;
    if (Error error = check(attune_model_symbol(entry, i, &symbol)))
      return error;
    if (std::any_of(inputs.begin(), inputs.end(), [&](const auto &info) {
          return isDim(info, 0, symbol.name);
        }))
      continue;
    for (const attune_value_info &info : inputs)
      if (auto it = tensors.find(info.name);
          it != tensors.end() && it->second.dims.size() == info.rank)
        for (size_t dim = 1; dim < info.rank; ++dim)
          if (isDim(info, dim, symbol.name))
            sizes.emplace(symbol.name, it->second.dims[dim]);
  }
  return {};
}

Error Feed::addData(attune_model *entry, size_t index,
                    const attune_value_info &info,
                    std::span<const int64_t> values) {
  int64_t dims[ATTUNE_MAX_RANK] = {};
  if (Error error = check(attune_model_input_dims(entry, index, values.data(),
                                                  values.size(), dims)))
    return error;
  if (info.rank == 0)
    return usage(cat("input \"", info.name,
                     "\" is a scalar that training does not know; it knows "
                     "seed, step, first (i64), scale and lr (f32)"));
  if (dims[0] < 1)
    return usage(cat("input \"", info.name, "\": a batch of ", dims[0],
                     " samples trains nothing"));
  if (!data.empty() && dims[0] != samples)
    return usage(cat("input \"", info.name, "\": its first dim is ", dims[0],
                     ", that of other inputs is ", samples,
                     ": it must count the samples of a batch"));
  samples = dims[0];
  isFixed |= info.dims[0] >= 0;
  tools::Tensor tensor;
  tensor.dtype = info.dtype;
  tensor.dims.assign(dims, dims + info.rank);
  uint64_t bytes = 0;
  if (Error error = tools::tensorBytes(info.dtype, tensor.dims, bytes))
    return error.in(cat("input \"", info.name, "\""));
  if (Error error = tools::checkMemory(
          cat("input \"", info.name, "\" of ", samples, " samples"), bytes))
    return error;
  tensor.data.resize(bytes);
  kinds.push_back({info.name, info.dtype, {dims + 1, dims + info.rank}});
  dataInputs.push_back(index);
  data.push_back(std::move(tensor));
  return {};
}

Error Feed::create(attune_model *entry, std::map<std::string, int64_t> sizes,
                   int64_t batch) {
  std::vector<int64_t> values;
  if (Error error = valuesOf(entry, sizes, batch, values))
    return error;
  for (size_t i = 0; i < attune_model_input_count(entry); ++i) {
    attune_value_info info;
    if (Error error = check(attune_model_input(entry, i, &info)))
      return error;
    if (isScalar(info))
      scalarInputs[info.name] = i;
    else if (Error error = addData(entry, i, info, values))
      return error;
  }
  sourceRows = kinds.size();
  places.resize(sourceRows);
  std::iota(places.begin(), places.end(), 0);
  return {};
}

Error Feed::takeFrom(const std::vector<Row> &all) {
  sourceRows = all.size();
  for (size_t i = 0; i < kinds.size(); ++i) {
    auto found = std::find(all.begin(), all.end(), kinds[i]);
    if (found == all.end())
      return {ATTUNE_BAD_PACKAGE,
              cat("the entry points take different data: input \"",
                  kinds[i].name, "\"")};
    places[i] = size_t(found - all.begin());
  }
  return {};
}

void Feed::fill(const Source &source, std::span<const int64_t> indices) {
  std::vector<std::byte *> rows(sourceRows);
  for (size_t i = 0; i < data.size(); ++i)
    data[i].dims[0] = int64_t(indices.size());
  for (size_t sample = 0; sample < indices.size(); ++sample) {
    for (size_t i = 0; i < data.size(); ++i)
      rows[places[i]] = data[i].data.data() +
                        sample * (data[i].data.size() / size_t(samples));
    source.read(indices[sample], rows);
  }
}

Error Feed::set(attune_session *session, const Scalars &scalars) {
  now = scalars;
  for (size_t i = 0; i < data.size(); ++i) {
    attune_tensor view = data[i].view();
    view.bytes = view.bytes / size_t(samples) * size_t(view.dims[0]);
    if (Error error =
            check(attune_session_set_input(session, dataInputs[i], &view)))
      return error;
  }
  for (const auto &[name, index] : scalarInputs) {
    void *value = name == "seed"    ? static_cast<void *>(&now.seed)
                  : name == "step"  ? static_cast<void *>(&now.step)
                  : name == "first" ? static_cast<void *>(&now.first)
                  : name == "scale" ? static_cast<void *>(&now.scale)
                                    : static_cast<void *>(&now.rate);
    bool isFloat = name == "scale" || name == "lr";
    attune_tensor view = {};
    view.dtype = isFloat ? ATTUNE_F32 : ATTUNE_I64;
    view.data = value;
    view.bytes = attune_dtype_bytes(view.dtype);
    if (Error error = check(attune_session_set_input(session, index, &view)))
      return error;
  }
  return {};
}

} // namespace attune::train
