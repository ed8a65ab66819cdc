//===- Checkpoint.cpp - where a training stands, as a file ----------------===//
#include "runtime/train/Checkpoint.h"
#include "runtime/core/Memory.h"
#include "runtime/tools/Handles.h"
#include "runtime/tools/TensorFiles.h"
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

namespace attune::train {

using nlohmann::json;
using tools::NamedTensors;

static constexpr char kMetadata[] = "attune";

/// Far beyond any training, far below where sums overflow.
static constexpr int64_t kMostSteps = int64_t(1) << 53;

enum Kind : int { kFinite, kInfinite, kNan };

std::string parameterOf(const std::string &average) {
  static constexpr std::string_view kEnd = ".ema";
  return average.ends_with(kEnd)
             ? average.substr(0, average.size() - kEnd.size())
             : std::string();
}

/// Of the largest element of a format whose infinity has these bits; above them
/// is NaN. Magnitudes are ordered as their bits are.
template <typename Bits>
static Kind kindOf(const attune_tensor &tensor, Bits infinity) {
  constexpr Bits kSign = Bits(Bits(1) << (8 * sizeof(Bits) - 1));
  const auto *bytes = static_cast<const std::byte *>(tensor.data);
  Bits largest = 0;
  for (size_t at = 0; at < tensor.bytes; at += sizeof(Bits)) {
    Bits bits;
    std::memcpy(&bits, bytes + at, sizeof bits);
    largest = std::max(largest, Bits(bits & Bits(~kSign)));
  }
  return largest < infinity ? kFinite : largest == infinity ? kInfinite : kNan;
}

static Kind kindOf(const attune_tensor &tensor) {
  switch (tensor.dtype) {
  case ATTUNE_F32:
    return kindOf<uint32_t>(tensor, 0x7F800000);
  case ATTUNE_F64:
    return kindOf<uint64_t>(tensor, 0x7FF0000000000000);
  case ATTUNE_F16:
    return kindOf<uint16_t>(tensor, 0x7C00);
  case ATTUNE_BF16:
    return kindOf<uint16_t>(tensor, 0x7F80);
  default:
    return kFinite;
  }
}

Error findInfinite(attune_model *model, attune_state *state,
                   std::set<std::string> &names) {
  std::vector<attune_state_info> all;
  if (Error error = tensorsOf(model, state, all))
    return error;
  for (const attune_state_info &info : all)
    if (kindOf(info.tensor) != kFinite)
      names.insert(info.name);
  return {};
}

Error checkFinite(const std::string &name, const attune_tensor &tensor,
                  const Progress &progress) {
  Kind kind = kindOf(tensor);
  if (kind == kFinite || (kind == kInfinite && progress.infinite.count(name)))
    return {};
  return {ATTUNE_INVALID_ARGUMENT,
          cat("not written: \"", name,
              "\" has values that are no finite numbers; go on from an earlier "
              "checkpoint, with a lower --lr or a longer --warmup")};
}

Error tensorsOf(attune_model *model, attune_state *state,
                std::vector<attune_state_info> &out) {
  for (size_t i = 0; i < attune_model_state_count(model); ++i) {
    attune_state_info info;
    if (Error error = tools::check(attune_state_get(state, i, &info)))
      return error;
    if (info.kind != ATTUNE_STATE_GRADIENT)
      out.push_back(info);
  }
  return {};
}

Error writeCheckpoint(const std::string &path, attune_model *model,
                      attune_state *state, const Progress &progress) {
  std::vector<attune_state_info> kept;
  if (Error error = tensorsOf(model, state, kept))
    return error;
  std::vector<std::pair<std::string, attune_tensor>> tensors;
  for (const attune_state_info &info : kept) {
    if (Error error = checkFinite(info.name, info.tensor, progress))
      return error.in(path);
    tensors.emplace_back(info.name, info.tensor);
  }
  json about = {{"step", progress.step},
                {"samples", progress.samples},
                {"seed", progress.seed},
                {"model", progress.model},
                {"conditions", progress.conditions}};
  if (!progress.vocabulary.empty())
    about["vocabulary"] = progress.vocabulary;
  return tools::writeSafetensors(path, tensors, {{kMetadata, about.dump()}});
}

/// The parts that older checkpoints lack.
static void readConditions(const json &run, Progress &progress) {
  if (auto found = run.find("model"); found != run.end() && found->is_string())
    progress.model = found->get<std::string>();
  if (auto found = run.find("vocabulary"); found != run.end())
    for (const json &word : *found)
      if (word.is_string())
        progress.vocabulary.push_back(word.get<std::string>());
  if (auto found = run.find("conditions"); found != run.end())
    for (const auto &[name, value] : found->items())
      if (value.is_string())
        progress.conditions[name] = value.get<std::string>();
}

/// The JSON about the run; absent in files of other programs.
static Error readProgress(const tools::Metadata &metadata, Progress &progress,
                          bool &found) {
  auto about = metadata.find(kMetadata);
  found = about != metadata.end();
  if (!found)
    return {};
  json run = json::parse(about->second, nullptr, false);
  auto number = [&](const char *key, int64_t &out) {
    auto value = run.is_object() ? run.find(key) : run.end();
    if (value == run.end() || !value->is_number_integer())
      return false;
    out = value->get<int64_t>();
    return true;
  };
  if (!run.is_object() || !number("step", progress.step) ||
      !number("samples", progress.samples) || !run.contains("seed") ||
      !run["seed"].is_number_integer())
    return {ATTUNE_INVALID_ARGUMENT,
            "its metadata has no step, samples and seed; it is no checkpoint "
            "of attune train"};
  for (const auto &[name, value] : {std::pair("step", progress.step),
                                    std::pair("samples", progress.samples)})
    if (value < 0 || value > kMostSteps)
      return {ATTUNE_INVALID_ARGUMENT,
              cat("its metadata says ", value, " as ", name,
                  ", expected 0 to 2^53; the file is damaged")};
  progress.seed = run["seed"].get<uint64_t>();
  readConditions(run, progress);
  return {};
}

/// Calls `visit` with each average and the parameter that it follows.
template <typename Visit>
static void forEachAverage(const std::vector<attune_state_info> &all,
                           Visit visit) {
  for (const attune_state_info &average : all) {
    if (average.kind != ATTUNE_STATE_AVERAGE)
      continue;
    std::string name = parameterOf(average.name);
    for (const attune_state_info &info : all)
      if (info.kind == ATTUNE_STATE_PARAMETER && info.name == name &&
          info.tensor.bytes == average.tensor.bytes)
        visit(average, info);
  }
}

/// The averages in `missing` begin as their parameters do, as a new state has
/// it.
static void followParameters(const std::vector<attune_state_info> &all,
                             const std::set<std::string> &missing) {
  forEachAverage(all, [&](const attune_state_info &average,
                          const attune_state_info &parameter) {
    if (missing.count(average.name))
      std::memcpy(average.tensor.data, parameter.tensor.data,
                  average.tensor.bytes);
  });
}

Error takeAverages(attune_model *model, attune_state *state) {
  std::vector<attune_state_info> all;
  if (Error error = tensorsOf(model, state, all))
    return error;
  forEachAverage(all, [](const attune_state_info &average,
                         const attune_state_info &parameter) {
    std::memcpy(parameter.tensor.data, average.tensor.data,
                average.tensor.bytes);
  });
  return {};
}

/// What was broken when it was written. A tensor that is infinite in the
/// package, as a mask is, may be so here.
static bool isBroken(const tools::Tensor &tensor, const attune_tensor &start) {
  Kind kind = kindOf(tensor.view());
  return kind == kNan || (kind == kInfinite && kindOf(start) != kInfinite);
}

/// Copies what fits and lists what does not. Whoever wants parameters only does
/// not mind what else there is.
static std::string fill(const std::vector<attune_state_info> &wanted,
                        NamedTensors &found, bool parametersOnly) {
  constexpr int kMostComplaints = 20;
  std::string complaints;
  std::set<std::string> missing;
  int count = 0;
  auto complain = [&](const std::string &text) {
    if (++count <= kMostComplaints)
      complaints += cat(complaints.empty() ? "" : "; ", text);
  };
  for (const attune_state_info &info : wanted) {
    std::span<const int64_t> dims(info.tensor.dims, info.tensor.rank);
    auto it = found.find(info.name);
    bool mayMiss = parametersOnly && info.kind != ATTUNE_STATE_PARAMETER;
    if (it == found.end()) {
      missing.insert(info.name);
      if (!mayMiss)
        complain(cat("\"", info.name, "\" is missing"));
      continue;
    }
    tools::Tensor &tensor = it->second;
    if (parametersOnly && info.tensor.dtype == ATTUNE_F32 &&
        tools::isNarrower(tensor.dtype, ATTUNE_F32))
      tensor = tools::widened(tensor, ATTUNE_F32);
    if (tensor.dtype != info.tensor.dtype ||
        !std::equal(dims.begin(), dims.end(), tensor.dims.begin(),
                    tensor.dims.end()))
      complain(cat("\"", info.name, "\": expected ",
                   attune_dtype_name(info.tensor.dtype), " ",
                   tools::dimsText(dims), ", found ",
                   attune_dtype_name(tensor.dtype), " ",
                   tools::dimsText(tensor.dims)));
    else if (isBroken(tensor, info.tensor))
      complain(cat("\"", info.name,
                   "\" has values that are no finite numbers; begin with an "
                   "earlier checkpoint, or other weights"));
    else
      std::memcpy(info.tensor.data, tensor.data.data(), tensor.data.size());
    found.erase(it);
  }
  followParameters(wanted, missing);
  if (!parametersOnly)
    for (const auto &[name, tensor] : found)
      complain(cat("the model has no \"", name, "\""));
  if (count > kMostComplaints)
    complaints += cat("; and ", count - kMostComplaints, " more");
  return complaints;
}

Error readCheckpoint(const std::string &path, attune_model *model,
                     attune_state *state, bool parametersOnly,
                     Progress &progress) {
  core::Mapping mapping;
  if (Error error = core::mapFile(path, mapping))
    return error;
  NamedTensors found;
  tools::Metadata metadata;
  if (Error error = tools::parseSafetensors(mapping.bytes(), found, &metadata))
    return error.in(path);
  bool isOurs = false;
  if (Error error = readProgress(metadata, progress, isOurs))
    return error.in(path);
  if (!isOurs && !parametersOnly)
    return {ATTUNE_INVALID_ARGUMENT,
            cat(path, ": it is no checkpoint of attune train; --init takes the "
                      "parameters of any .safetensors")};
  std::vector<attune_state_info> tensors;
  if (Error error = tensorsOf(model, state, tensors))
    return error;
  std::string complaints = fill(tensors, found, parametersOnly);
  return complaints.empty()
             ? Error()
             : Error(ATTUNE_INVALID_ARGUMENT, cat(path, ": ", complaints));
}

} // namespace attune::train
