//===- Package.cpp - the C API behind RAII --------------------------------===//
//
// See Package.h.
//
//===----------------------------------------------------------------------===//
#include "runtime/tools/Package.h"
#include "attune/format.h"
#include "runtime/tools/TensorFiles.h"
#include "runtime/tools/Terminal.h"
#include "runtime/train/Source.h"
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace attune::tools {

int fail(const Error &error) {
  printError(error.message());
  return error.status() == ATTUNE_INTERNAL ? kBug : kFailure;
}

Error loadModel(const CommonOptions &wanted, bool inspectOnly, bool mapWeights,
                Model &out) {
  attune_load_options options;
  attune_load_options_init(&options);
  options.inspect_only = inspectOnly;
  options.device = wanted.device.empty() ? nullptr : wanted.device.c_str();
  options.weights = mapWeights ? ATTUNE_WEIGHTS_MAP : ATTUNE_WEIGHTS_AUTO;
  attune_model *model = nullptr;
  Error error =
      check(attune_model_load(wanted.package.c_str(), &options, &model));
  out.reset(model);
  return error;
}

Json manifestOf(const Model &model) {
  return Json::parse(attune_model_manifest(model.get()), nullptr, false);
}

std::optional<std::vector<std::string>> vocabularyOf(const Model &model) {
  Json manifest = manifestOf(model);
  auto found = manifest.find("vocabulary"); // the end where it is no object
  if (found == manifest.end())
    return std::nullopt;
  std::vector<std::string> words;
  for (const Json &word : *found)
    if (word.is_string())
      words.push_back(word.get<std::string>());
  return words;
}

Error checkIndices(const Model &model, const NamedTensors &inputs) {
  for (const auto &[name, bound] : train::indexBoundsIn(manifestOf(model))) {
    auto found = inputs.find(name);
    if (found == inputs.end())
      continue;
    Tensor wide = found->second;
    if (isNarrower(wide.dtype, ATTUNE_I64))
      wide = widened(wide, ATTUNE_I64);
    else if (wide.dtype != ATTUNE_I64)
      continue;
    for (size_t i = 0; i < wide.data.size() / sizeof(int64_t); ++i) {
      int64_t value = 0;
      std::memcpy(&value, wide.data.data() + i * sizeof value, sizeof value);
      if (value < -bound || value >= bound)
        return usage(cat("input \"", name, "\": ", value, " at element ", i,
                         ", expected 0 to ", bound - 1,
                         ": it is looked up in a table of ", bound))
            .in(wide.origin);
    }
  }
  return {};
}

/// A state with the parameters of a file, as a trained package begins with
/// them.
static Error readState(const Model &model, const std::string &checkpoint,
                       State &out, train::Progress &about) {
  if (!attune_model_state_count(model.get()))
    return usage(cat("--state ", checkpoint,
                     ": the package has no parameters that could be replaced; "
                     "compile a model that trains"));
  attune_state *state = nullptr;
  if (Error error = check(attune_state_create(model.get(), 0, &state)))
    return error;
  out.reset(state);
  if (Error error = readCheckpoint(checkpoint, model.get(), state,
                                   /*parametersOnly=*/true, about))
    return error;
  return train::takeAverages(model.get(), state);
}

Error openSession(const Model &model, const CommonOptions &wanted,
                  const std::string &checkpoint, Session &out,
                  train::Progress *about) {
  State state; // the session keeps it alive
  train::Progress ignored;
  if (!checkpoint.empty())
    if (Error error =
            readState(model, checkpoint, state, about ? *about : ignored))
      return error;
  return openSession(model.get(), wanted.threads, /*profile=*/false,
                     state.get(), out);
}

static Error readSymbol(const Model &model, size_t index,
                        attune_symbol_info &info) {
  return check(attune_model_symbol(model.get(), index, &info));
}

/// "batch, seq": for messages.
static std::string symbolNames(const Model &model) {
  std::string names;
  for (size_t i = 0; i < attune_model_symbol_count(model.get()); ++i) {
    attune_symbol_info info;
    if (!readSymbol(model, i, info))
      names += (names.empty() ? "" : ", ") + std::string(info.name);
  }
  return names;
}

Error parseSizes(const std::string &shape,
                 std::map<std::string, int64_t> &sizes) {
  std::string_view rest = shape;
  while (!rest.empty()) {
    size_t comma = rest.find(',');
    std::string_view text = rest.substr(0, comma);
    rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
    size_t equals = text.find('=');
    std::string name(text.substr(0, equals));
    std::string_view number =
        equals == text.npos ? std::string_view() : text.substr(equals + 1);
    int64_t value = 0;
    auto [end, failure] =
        std::from_chars(number.data(), number.data() + number.size(), value);
    if (number.empty() || failure != std::errc() ||
        end != number.data() + number.size() || value < 0)
      return usage(cat("--shape: expected name=size, found \"", text, "\""));
    if (!sizes.emplace(name, value).second)
      return usage(cat("--shape: \"", name, "\" is given twice"));
  }
  return {};
}

Error parseShape(const Model &model, const std::string &shape,
                 std::vector<int64_t> &values) {
  std::map<std::string, int64_t> sizes;
  if (Error error = parseSizes(shape, sizes))
    return error;
  values.assign(attune_model_symbol_count(model.get()), -1);
  for (size_t i = 0; i < values.size(); ++i) {
    attune_symbol_info info;
    if (Error error = readSymbol(model, i, info))
      return error;
    if (auto given = sizes.extract(info.name))
      values[i] = given.mapped();
  }
  if (!sizes.empty())
    return noSuchDim(sizes.begin()->first, symbolNames(model));
  for (size_t i = 0; i < values.size(); ++i) {
    attune_symbol_info info;
    if (Error error = readSymbol(model, i, info))
      return error;
    if (values[i] < 0 && info.min == info.max)
      values[i] = info.min;
    if (values[i] < 0)
      return usage(cat("the size of \"", info.name,
                       "\" is not given; use --shape ", info.name, "=N"));
  }
  return {};
}

std::string shapeText(const Model &model, const std::vector<int64_t> &values) {
  std::string text;
  for (size_t i = 0; i < values.size(); ++i) {
    attune_symbol_info info;
    if (!readSymbol(model, i, info))
      text += cat(text.empty() ? "" : ",", info.name, "=", values[i]);
  }
  return text;
}

static bool hasInput(const Model &model, const std::string &name) {
  for (size_t i = 0; i < attune_model_input_count(model.get()); ++i) {
    attune_value_info info;
    if (attune_model_input(model.get(), i, &info) == ATTUNE_OK &&
        name == info.name)
      return true;
  }
  return false;
}

static std::string inputNames(const Model &model) {
  std::string names;
  for (size_t i = 0; i < attune_model_input_count(model.get()); ++i) {
    attune_value_info info;
    if (attune_model_input(model.get(), i, &info) == ATTUNE_OK)
      names += cat(names.empty() ? "\"" : ", \"", info.name, "\"");
  }
  return names;
}

/// A file may have more than the model takes, as the labels that it was trained
/// with; what is named, and a file with nothing for it, are mistakes.
static Error dropOthers(const Model &model, const std::string &argument,
                        bool mayHaveMore, NamedTensors &found) {
  std::string others;
  std::erase_if(found, [&](const auto &entry) {
    if (hasInput(model, entry.first))
      return false;
    others += cat(others.empty() ? "\"" : ", \"", entry.first, "\"");
    return true;
  });
  if (others.empty())
    return {};
  if (!mayHaveMore || found.empty())
    return usage(cat("--input ", argument, ": the model has no input ", others,
                     "; it has ", inputNames(model)));
  printWarning(cat("--input ", argument, ": passes over ", others,
                   "; the model has the inputs ", inputNames(model)));
  return {};
}

/// Takes what one --input gives: all tensors of a file, or one under a name.
static Error readArgument(const Model &model, const std::string &argument,
                          NamedTensors &out) {
  size_t equals = argument.find('=');
  std::string name = equals == argument.npos ? "" : argument.substr(0, equals);
  std::string path =
      equals == argument.npos ? argument : argument.substr(equals + 1);
  NamedTensors found;
  if (Error error = readTensors(path, found))
    return error;
  if (!name.empty() && found.size() == 1) {
    Tensor only = std::move(found.begin()->second);
    found.clear();
    found[name] = std::move(only);
  } else if (!name.empty()) {
    auto tensor = found.find(name);
    if (tensor == found.end())
      return usage(cat(path, ": it has no tensor \"", name, "\""));
    Tensor only = std::move(tensor->second);
    found.clear();
    found[name] = std::move(only);
  } else if (found.count("")) {
    return usage(cat("--input ", path,
                     ": an .npy has no name; use --input "
                     "NAME=",
                     path));
  }
  if (Error error = dropOthers(model, argument, name.empty(), found))
    return error;
  for (auto &[key, tensor] : found) {
    if (!out.emplace(key, std::move(tensor)).second)
      return usage(cat("input \"", key, "\" is given twice"));
  }
  return {};
}

Error readInputs(const Model &model, const std::vector<std::string> &arguments,
                 NamedTensors &out) {
  for (const std::string &argument : arguments)
    if (Error error = readArgument(model, argument, out))
      return error;
  return {};
}

/// Random floats by the recipe of the package format; ones for the rest, which
/// is a token, a type, a position and a mask that every model takes.
static void fillTensor(Tensor &tensor, uint64_t seed) {
  size_t element = attune_dtype_bytes(tensor.dtype);
  size_t count = tensor.data.size() / element;
  bool isFloat = tensor.dtype == ATTUNE_F32 || tensor.dtype == ATTUNE_F64;
  for (size_t i = 0; i < count; ++i) {
    std::byte *at = tensor.data.data() + i * element;
    if (!isFloat) {
      // Little endian one; for half floats a small number (denormal).
      at[0] = std::byte(1);
      continue;
    }
    float value = 0;
    format::materialise({seed, count, 1, 0}, i, 1, &value);
    if (tensor.dtype == ATTUNE_F32) {
      std::memcpy(at, &value, sizeof value);
    } else {
      double wide = value;
      std::memcpy(at, &wide, sizeof wide);
    }
  }
}

Error makeInputs(const Model &model, const std::vector<int64_t> &values,
                 Fill fill, NamedTensors &inputs) {
  for (size_t i = 0; i < attune_model_input_count(model.get()); ++i) {
    attune_value_info info;
    if (Error error = check(attune_model_input(model.get(), i, &info)))
      return error;
    if (inputs.count(info.name))
      continue;
    int64_t dims[ATTUNE_MAX_RANK] = {};
    if (Error error = check(attune_model_input_dims(
            model.get(), i, values.data(), values.size(), dims)))
      return error;
    Tensor tensor;
    tensor.dtype = info.dtype;
    tensor.dims.assign(dims, dims + info.rank);
    uint64_t bytes = 0;
    if (Error error = tensorBytes(info.dtype, tensor.dims, bytes))
      return error;
    if (Error error = checkMemory(
            cat("input \"", info.name, "\" ", dimsText(tensor.dims)), bytes))
      return error;
    tensor.data.resize(bytes);
    if (fill == Fill::Random)
      fillTensor(tensor, i + 1);
    inputs[info.name] = std::move(tensor);
  }
  return {};
}

Error checkShape(const Model &model, const std::string &shape,
                 const NamedTensors &inputs) {
  std::vector<int64_t> values;
  if (shape.empty())
    return {};
  if (Error error = parseShape(model, shape, values))
    return error;
  for (size_t i = 0; i < attune_model_input_count(model.get()); ++i) {
    attune_value_info info;
    int64_t dims[ATTUNE_MAX_RANK] = {};
    if (Error error = check(attune_model_input(model.get(), i, &info)))
      return error;
    if (Error error = check(attune_model_input_dims(
            model.get(), i, values.data(), values.size(), dims)))
      return error;
    auto found = inputs.find(info.name);
    std::span<const int64_t> expected(dims, info.rank);
    if (found != inputs.end() &&
        !std::equal(expected.begin(), expected.end(),
                    found->second.dims.begin(), found->second.dims.end()))
      return usage(cat("input \"", info.name, "\": --shape makes it ",
                       dimsText(expected), ", the file has ",
                       dimsText(found->second.dims)));
  }
  return {};
}

Error setInputs(const Model &model, const Session &session,
                NamedTensors &inputs) {
  for (size_t i = 0; i < attune_model_input_count(model.get()); ++i) {
    attune_value_info info;
    if (Error error = check(attune_model_input(model.get(), i, &info)))
      return error;
    auto found = inputs.find(info.name);
    if (found == inputs.end())
      return usage(cat("input \"", info.name, "\" is not given; use --input ",
                       info.name, "=FILE.npy"));
    Tensor &tensor = found->second;
    if ((info.dtype == ATTUNE_I64 || info.dtype == ATTUNE_I32) &&
        isNarrower(tensor.dtype, info.dtype))
      tensor = widened(tensor, info.dtype);
    attune_tensor view = tensor.view();
    if (Error error = check(attune_session_set_input(session.get(), i, &view)))
      return found->second.origin.empty() ? error
                                          : error.in(found->second.origin);
  }
  return {};
}

} // namespace attune::tools
