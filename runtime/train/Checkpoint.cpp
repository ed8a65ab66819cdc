//===- Checkpoint.cpp - where a training stands, as a file ----------------===//
#include "runtime/train/Checkpoint.h"
#include "runtime/core/Memory.h"
#include "runtime/tools/TensorFiles.h"
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace attune::train {

using nlohmann::json;
using tools::NamedTensors;

static constexpr char kMetadata[] = "attune";

static Error failed(const std::string &path, const char *what) {
  return {ATTUNE_IO_ERROR,
          cat(path, ": cannot ", what, ": ", core::systemError())};
}

/// Gradients live for a step only.
static bool isKept(const attune_state_info &info) {
  return info.kind != ATTUNE_STATE_GRADIENT;
}

/// The tensors of a checkpoint, in the order of the file.
static Error tensorsOf(attune_model *model, attune_state *state,
                       std::vector<attune_state_info> &out) {
  for (size_t i = 0; i < attune_model_state_count(model); ++i) {
    attune_state_info info;
    if (attune_state_get(state, i, &info) != ATTUNE_OK)
      return {ATTUNE_INTERNAL, attune_error_message()};
    if (isKept(info))
      out.push_back(info);
  }
  return {};
}

static std::string headerOf(const std::vector<attune_state_info> &tensors,
                            const Progress &progress) {
  static const std::map<attune_dtype, const char *> dtypes = {
      {ATTUNE_F32, "F32"},   {ATTUNE_F64, "F64"}, {ATTUNE_F16, "F16"},
      {ATTUNE_BF16, "BF16"}, {ATTUNE_I64, "I64"}, {ATTUNE_I32, "I32"},
      {ATTUNE_I16, "I16"},   {ATTUNE_I8, "I8"},   {ATTUNE_BOOL, "BOOL"}};
  json about = {{"step", progress.step},
                {"samples", progress.samples},
                {"seed", progress.seed},
                {"model", progress.model}};
  nlohmann::ordered_json header;
  header["__metadata__"] = {{kMetadata, about.dump()}};
  uint64_t at = 0;
  for (const attune_state_info &info : tensors) {
    std::vector<int64_t> dims(info.tensor.dims,
                              info.tensor.dims + info.tensor.rank);
    header[info.name] = {{"dtype", dtypes.at(info.tensor.dtype)},
                         {"shape", dims},
                         {"data_offsets", {at, at + info.tensor.bytes}}};
    at += info.tensor.bytes;
  }
  std::string text =
      header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' '); // the data begins aligned
  return text;
}

static bool writeAll(int fd, const void *data, uint64_t bytes) {
  const auto *at = static_cast<const char *>(data);
  while (bytes) {
    ssize_t done = ::write(fd, at, bytes);
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return false;
    at += done;
    bytes -= uint64_t(done);
  }
  return true;
}

Error writeCheckpoint(const std::string &path, attune_model *model,
                      attune_state *state, const Progress &progress) {
  std::vector<attune_state_info> tensors;
  if (Error error = tensorsOf(model, state, tensors))
    return error;
  std::string header = headerOf(tensors, progress);
  std::string temporary = cat(path, ".", ::getpid(), ".tmp");
  core::FileHandle file(::open(temporary.c_str(),
                               O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (file.get() < 0)
    return failed(path, "create a file beside it");
  uint64_t length = header.size();
  bool ok = writeAll(file.get(), &length, sizeof length) &&
            writeAll(file.get(), header.data(), header.size());
  for (const attune_state_info &info : tensors)
    ok = ok && writeAll(file.get(), info.tensor.data, info.tensor.bytes);
  ok = ok && ::fsync(file.get()) == 0 &&
       std::rename(temporary.c_str(), path.c_str()) == 0;
  if (ok)
    return {};
  Error error = failed(path, "write the checkpoint");
  ::unlink(temporary.c_str());
  return error;
}

/// The JSON about the run; absent in files of other programs.
static Error readProgress(std::span<const std::byte> file, Progress &progress,
                          bool &found) {
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length); // parsed before
  const auto *text = reinterpret_cast<const char *>(file.data()) + 8;
  json header = json::parse(text, text + length, nullptr, false);
  auto metadata = header.find("__metadata__");
  found = false;
  if (metadata == header.end() || !metadata->is_object())
    return {};
  auto about = metadata->find(kMetadata);
  const std::string *words = about == metadata->end()
                                 ? nullptr
                                 : about->get_ptr<const std::string *>();
  if (!words)
    return {};
  json run = json::parse(*words, nullptr, false);
  auto number = [&](const char *key, int64_t &out) {
    auto value = run.is_object() ? run.find(key) : run.end();
    if (value == run.end() || !value->is_number_integer())
      return false;
    out = value->get<int64_t>();
    return out >= 0;
  };
  if (!run.is_object() || !number("step", progress.step) ||
      !number("samples", progress.samples) || !run.contains("seed") ||
      !run["seed"].is_number_integer())
    return {ATTUNE_INVALID_ARGUMENT,
            "its metadata has no step, samples and seed; it is no checkpoint "
            "of attune train"};
  progress.seed = run["seed"].get<uint64_t>();
  if (const auto *model = run.contains("model")
                              ? run["model"].get_ptr<const std::string *>()
                              : nullptr)
    progress.model = *model;
  found = true;
  return {};
}

static std::string dimsText(const int64_t *dims, size_t rank) {
  std::string text;
  for (size_t i = 0; i < rank; ++i)
    text += cat(i ? ", " : "", dims[i]);
  return cat("[", text, "]");
}

/// Copies what fits and lists what does not. Whoever wants parameters only does
/// not mind what else there is.
static std::string fill(const std::vector<attune_state_info> &wanted,
                        NamedTensors &found, bool parametersOnly) {
  constexpr int kMostComplaints = 20;
  std::string complaints;
  int count = 0;
  auto complain = [&](const std::string &text) {
    if (++count <= kMostComplaints)
      complaints += cat(complaints.empty() ? "" : "; ", text);
  };
  for (const attune_state_info &info : wanted) {
    auto it = found.find(info.name);
    bool mayMiss = parametersOnly && info.kind != ATTUNE_STATE_PARAMETER;
    if (it == found.end()) {
      if (!mayMiss)
        complain(cat("\"", info.name, "\" is missing"));
      continue;
    }
    const tools::Tensor &tensor = it->second;
    if (tensor.dtype != info.tensor.dtype ||
        tensor.dims !=
            std::vector<int64_t>(info.tensor.dims,
                                 info.tensor.dims + info.tensor.rank))
      complain(cat("\"", info.name, "\": expected ",
                   attune_dtype_name(info.tensor.dtype), " ",
                   dimsText(info.tensor.dims, info.tensor.rank), ", found ",
                   attune_dtype_name(tensor.dtype), " ",
                   dimsText(tensor.dims.data(), tensor.dims.size())));
    else
      std::memcpy(info.tensor.data, tensor.data.data(), tensor.data.size());
    found.erase(it);
  }
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
  core::FileHandle file;
  uint64_t bytes = 0;
  if (Error error = core::openForReading(path.c_str(), file, bytes))
    return error;
  core::Mapping mapping;
  if (bytes)
    if (Error error = core::Mapping::ofFile(file.get(), 0, bytes, mapping))
      return error.in(path);
  NamedTensors found;
  if (Error error = tools::parseSafetensors(mapping.bytes(), found))
    return error.in(path);
  bool isOurs = false;
  if (Error error = readProgress(mapping.bytes(), progress, isOurs))
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
