//===- DescribeCommand.cpp - attune describe ------------------------------===//
//
// Enters: a package. Leaves: what it takes, gives and needs. Maps no code.
//
//===----------------------------------------------------------------------===//
#include "runtime/tools/Facts.h"
#include "runtime/tools/Package.h"
#include "runtime/tools/Terminal.h"
#include <cstdio>
#include <limits>

namespace attune::tools {

static Error describeValues(const Model &model, bool inputs, Json &out) {
  size_t count = inputs ? attune_model_input_count(model.get())
                        : attune_model_output_count(model.get());
  out = Json::array();
  for (size_t i = 0; i < count; ++i) {
    attune_value_info info;
    if (Error error =
            check(inputs ? attune_model_input(model.get(), i, &info)
                         : attune_model_output(model.get(), i, &info)))
      return error;
    Json dims = Json::array();
    for (uint32_t axis = 0; axis < info.rank; ++axis)
      if (info.dims[axis] >= 0)
        dims.push_back(info.dims[axis]);
      else
        dims.push_back(info.dim_text[axis]);
    out.push_back({{"name", info.name},
                   {"dtype", attune_dtype_name(info.dtype)},
                   {"dims", dims}});
  }
  return {};
}

static Error describeSymbols(const Model &model, Json &out) {
  out = Json::array();
  for (size_t i = 0; i < attune_model_symbol_count(model.get()); ++i) {
    attune_symbol_info info;
    if (Error error = check(attune_model_symbol(model.get(), i, &info)))
      return error;
    Json entry = {{"name", info.name}, {"min", info.min}};
    entry["max"] = info.max == std::numeric_limits<int64_t>::max()
                       ? Json(nullptr)
                       : Json(info.max);
    entry["divisor"] = info.divisor;
    out.push_back(std::move(entry));
  }
  return {};
}

static Error describeCode(const Model &model, Json &out) {
  out = Json::array();
  for (size_t i = 0; i < attune_model_code_count(model.get()); ++i) {
    attune_code_info info;
    if (Error error = check(attune_model_code(model.get(), i, &info)))
      return error;
    out.push_back({{"name", info.name},
                   {"bytes", info.bytes},
                   {"weights_bytes", info.weight_bytes},
                   {"cuda", info.cuda != 0},
                   {"supported", info.supported != 0}});
  }
  return {};
}

/// Entry points, and tensors of the state by what they are.
static Error describeTraining(const Model &model, Json &out) {
  out["entries"] = Json::array();
  for (size_t i = 0; i < attune_model_entry_count(model.get()); ++i)
    out["entries"].push_back(attune_model_entry_name(model.get(), i));
  static constexpr const char *kinds[] = {"parameters", "gradients",
                                          "optimizer", "averages"};
  Json state = Json::object();
  for (size_t i = 0; i < attune_model_state_count(model.get()); ++i) {
    attune_state_info info;
    if (Error error = check(attune_model_state(model.get(), i, &info)))
      return error;
    Json &kind = state[kinds[info.kind]];
    if (kind.is_null())
      kind = {{"tensors", 0}, {"elements", 0}, {"bytes", 0}};
    kind["tensors"] = kind["tensors"].get<int64_t>() + 1;
    kind["elements"] =
        kind["elements"].get<uint64_t>() +
        info.tensor.bytes / attune_dtype_bytes(info.tensor.dtype);
    kind["bytes"] = kind["bytes"].get<uint64_t>() + info.tensor.bytes;
  }
  out["state"] = state;
  return {};
}

/// Cost at --shape; without one, only for a model of fixed dims.
static Error describeCost(const Model &model, const DescribeOptions &options,
                          Json &out) {
  std::vector<int64_t> values;
  Error error = parseShape(model, options.shape, values);
  if (error && options.shape.empty()) {
    out["peak_bytes"] = nullptr;
    return {};
  }
  if (error)
    return error;
  attune_cost cost;
  if (Error failure = check(attune_model_cost(
          model.get(), values.data(), values.size(), options.threads, &cost)))
    return failure;
  out["shape"] = shapeText(model, values);
  out["peak_bytes"] = cost.peak_bytes;
  out["arena_bytes"] = cost.arena_bytes;
  out["arena_lower_bound"] = cost.lower_bound;
  out["input_bytes"] = cost.input_bytes;
  out["output_bytes"] = cost.output_bytes;
  out["state_bytes"] = cost.state_bytes;
  out["gflop"] = cost.flops * 1e-9;
  out["launches"] = cost.launches;
  return {};
}

/// The package as its entry point --entry has it.
static Error loadEntry(const DescribeOptions &options, Model &out) {
  Model package;
  if (Error error = loadModel(options, true, true, package))
    return error;
  attune_model *entry = nullptr;
  Error error =
      check(attune_model_entry(package.get(), options.entry.c_str(), &entry));
  out.reset(entry);
  return error;
}

static Error describe(const DescribeOptions &options, Json &out) {
  Model model;
  if (Error error = loadEntry(options, model))
    return error;
  out["file"] = options.package;
  out["entry"] = options.entry;
  out["manifest"] = manifestOf(model);
  if (Error error = describeValues(model, true, out["inputs"]))
    return error;
  if (Error error = describeValues(model, false, out["outputs"]))
    return error;
  if (Error error = describeSymbols(model, out["dims"]))
    return error;
  if (Error error = describeCode(model, out["code_versions"]))
    return error;
  out["code_version"] = attune_model_code_version(model.get());
  out["device"] = attune_model_device(model.get());
  // Of the version in use here, or of the first where none is.
  out["weights_bytes"] = out["code_versions"][0]["weights_bytes"];
  for (const Json &version : out["code_versions"])
    if (version["name"] == out["code_version"])
      out["weights_bytes"] = version["weights_bytes"];
  if (Error error = describeTraining(model, out))
    return error;
  return describeCost(model, options, out);
}

static void printValues(const char *title, const Json &values) {
  std::printf("%s\n", title);
  for (const Json &value : values) {
    std::string dims;
    for (const Json &dim : value["dims"])
      dims += (dims.empty() ? "" : ", ") + text(dim);
    std::printf("  %s: %s [%s]\n", text(value["name"]).c_str(),
                text(value["dtype"]).c_str(), dims.c_str());
  }
}

static void print(const Json &facts) {
  std::printf("%s\n", text(facts["file"]).c_str());
  for (const auto &[key, value] : facts["manifest"].items())
    std::printf("  %s: %s\n", key.c_str(), text(value).c_str());
  printValues("inputs", facts["inputs"]);
  printValues("outputs", facts["outputs"]);
  if (!facts["dims"].empty())
    std::printf("dims\n");
  for (const Json &dim : facts["dims"]) {
    std::string range = dim["max"].is_null()
                            ? "at least " + text(dim["min"])
                            : text(dim["min"]) + " to " + text(dim["max"]);
    std::printf("  %s: %s%s%s\n", text(dim["name"]).c_str(), range.c_str(),
                dim["divisor"] == 1 ? "" : ", a multiple of ",
                dim["divisor"] == 1 ? "" : text(dim["divisor"]).c_str());
  }
  std::printf("code\n");
  for (const Json &code : facts["code_versions"])
    std::printf("  %s: %s, weights %s%s\n", text(code["name"]).c_str(),
                bytesText(code["bytes"]).c_str(),
                bytesText(code["weights_bytes"]).c_str(),
                code["name"] == facts["code_version"] ? " (used here)"
                : code["supported"] == true           ? ""
                : code["cuda"] == true ? " (for CUDA devices)"
                                       : " (not for this processor)");
  if (facts["entries"].size() > 1) {
    std::string names;
    for (const Json &entry : facts["entries"])
      names += (names.empty() ? "" : ", ") + text(entry);
    std::printf("entry points: %s; this is %s\n", names.c_str(),
                text(facts["entry"]).c_str());
  }
  for (const auto &[kind, sizes] : facts["state"].items())
    std::printf("%s: %s in %s tensors, %s\n", kind.c_str(),
                text(sizes["elements"]).c_str(), text(sizes["tensors"]).c_str(),
                bytesText(sizes["bytes"]).c_str());
  if (facts["peak_bytes"].is_null()) {
    std::printf("memory: give --shape to learn the peak\n");
    return;
  }
  std::string state = facts["state_bytes"] == 0
                          ? ""
                          : " + state " + bytesText(facts["state_bytes"]);
  std::printf("memory%s%s: peak %s = arena %s + outputs %s + weights %s%s\n",
              facts["shape"] == "" ? "" : " at ", text(facts["shape"]).c_str(),
              bytesText(facts["peak_bytes"]).c_str(),
              bytesText(facts["arena_bytes"]).c_str(),
              bytesText(facts["output_bytes"]).c_str(),
              bytesText(facts["weights_bytes"]).c_str(), state.c_str());
  std::printf("work: %.4g GFLOP in %s launch%s\n", facts["gflop"].get<double>(),
              text(facts["launches"]).c_str(),
              facts["launches"] == 1 ? "" : "es");
}

int describeCommand(const DescribeOptions &options) {
  Json facts = Json::object();
  if (Error error = describe(options, facts))
    return fail(error);
  if (options.json)
    printJson(facts);
  else
    print(facts);
  return kDone;
}

} // namespace attune::tools
