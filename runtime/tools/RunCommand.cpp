//===- RunCommand.cpp - attune run ----------------------------------------===//
//
// Enters: a package and tensor files. Leaves: one .npy per output in a folder,
// or all of them in one file.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Memory.h"
#include "runtime/tools/Facts.h"
#include "runtime/tools/OutputFiles.h"
#include "runtime/tools/Package.h"
#include "runtime/tools/TensorFiles.h"
#include "runtime/tools/Terminal.h"
#include <cerrno>
#include <cstdio>
#include <set>
#include <sys/stat.h>

namespace attune::tools {

/// A file name for an output: what file systems and shells take amiss becomes
/// '_', and a number tells apart what that makes equal.
static std::string fileName(const std::string &name,
                            std::set<std::string> &taken) {
  std::string safe;
  for (char c : name.substr(0, 200)) {
    bool keep = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    safe += keep ? c : '_';
  }
  if (safe.empty() || safe.front() == '.' || safe.front() == '-')
    safe.insert(0, "_");
  std::string unique = safe;
  for (int i = 2; !taken.insert(unique).second; ++i)
    unique = cat(safe, "_", i);
  return unique;
}

/// Makes a folder and those above it.
static Error makeFolder(const std::string &path) {
  for (size_t at = path.find('/', 1); at != path.npos;
       at = path.find('/', at + 1))
    ::mkdir(path.substr(0, at).c_str(), 0777);
  struct stat info;
  if (::mkdir(path.c_str(), 0777) == 0 ||
      (errno == EEXIST && ::stat(path.c_str(), &info) == 0 &&
       S_ISDIR(info.st_mode)))
    return {};
  return {ATTUNE_IO_ERROR,
          cat(path, ": cannot make the folder: ", core::systemError())};
}

static Error collectOutputs(const Model &model, const Session &session,
                            std::vector<std::string> &names,
                            NamedTensors &tensors) {
  for (size_t i = 0; i < attune_model_output_count(model.get()); ++i) {
    attune_value_info info;
    attune_tensor view;
    if (Error error = check(attune_model_output(model.get(), i, &info)))
      return error;
    if (Error error = check(attune_session_get_output(session.get(), i, &view)))
      return error;
    names.push_back(info.name);
    tensors[info.name] = copyOf(view);
  }
  return {};
}

static void report(const std::vector<std::string> &names,
                   const NamedTensors &tensors,
                   const std::vector<std::string> &files, bool asJson) {
  Json list = Json::array();
  for (size_t i = 0; i < names.size(); ++i) {
    const Tensor &tensor = tensors.at(names[i]);
    if (asJson)
      list.push_back({{"name", names[i]},
                      {"dtype", attune_dtype_name(tensor.dtype)},
                      {"dims", tensor.dims},
                      {"file", i < files.size() ? files[i] : ""}});
    else
      std::printf("%s: %s %s%s%s\n", printable(names[i]).c_str(),
                  attune_dtype_name(tensor.dtype),
                  dimsText(tensor.dims).c_str(), i < files.size() ? " -> " : "",
                  i < files.size() ? files[i].c_str() : "");
  }
  if (asJson)
    printJson({{"outputs", list}});
}

/// The file of each output in the folder; none where there is no folder.
static std::vector<std::string>
filesInFolder(const std::string &folder,
              const std::vector<std::string> &names) {
  std::vector<std::string> files;
  std::set<std::string> taken;
  for (const std::string &name : names)
    if (!folder.empty())
      files.push_back(cat(folder, "/", fileName(name, taken), ".npy"));
  return files;
}

/// Before the run rather than after.
static Error checkOutputs(const RunOptions &options, const Model &model) {
  std::vector<std::string> names;
  for (size_t i = 0; i < attune_model_output_count(model.get()); ++i) {
    attune_value_info info;
    if (Error error = check(attune_model_output(model.get(), i, &info)))
      return error;
    names.push_back(info.name);
  }
  std::vector<NamedFile> outputs = {{"--output", options.outputFile}};
  for (const std::string &file : filesInFolder(options.outputDir, names))
    outputs.push_back({"--output-dir", file});
  std::vector<NamedInput> inputs = {{{"--state", options.state}},
                                    {{"the package", options.package}}};
  for (const std::string &input : options.inputs)
    inputs.push_back({{"--input", input.substr(input.find('=') + 1)}});
  return checkOverwrites(outputs, inputs);
}

static Error writeOutputs(const RunOptions &options,
                          const std::vector<std::string> &names,
                          const NamedTensors &tensors,
                          std::vector<std::string> &files) {
  if (!options.outputFile.empty()) {
    files.assign(names.size(), options.outputFile);
    if (Error error = writeTensors(options.outputFile, tensors))
      return error;
  }
  if (options.outputDir.empty())
    return {};
  if (Error error = makeFolder(options.outputDir))
    return error;
  files = filesInFolder(options.outputDir, names);
  for (size_t i = 0; i < names.size(); ++i)
    if (Error error = writeTensors(files[i], {{"", tensors.at(names[i])}}))
      return error;
  return {};
}

static Error run(const RunOptions &options) {
  Model model;
  Session session;
  if (Error error = loadModel(options, false, options.mapWeights, model))
    return error;
  if (Error error = checkOutputs(options, model))
    return error;
  NamedTensors inputs;
  if (Error error = readInputs(model, options.inputs, inputs))
    return error;
  if (Error error = checkIndices(model, inputs))
    return error;
  if (options.fill != Fill::None) {
    std::vector<int64_t> values;
    if (Error error = parseShape(model, options.shape, values))
      return error;
    if (Error error = makeInputs(model, values, options.fill, inputs))
      return error;
  }
  if (Error error = openSession(model, options, options.state, session))
    return error;
  if (Error error = checkShape(model, options.shape, inputs))
    return error;
  if (Error error = setInputs(model, session, inputs))
    return error;
  if (Error error = check(attune_session_run(session.get())))
    return error;
  std::vector<std::string> names, files;
  NamedTensors outputs;
  if (Error error = collectOutputs(model, session, names, outputs))
    return error;
  if (Error error = writeOutputs(options, names, outputs, files))
    return error;
  report(names, outputs, files, options.json);
  return {};
}

int runCommand(const RunOptions &options) {
  Error error = run(options);
  return error ? fail(error) : int(kDone);
}

} // namespace attune::tools
