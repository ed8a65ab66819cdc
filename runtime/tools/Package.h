//===- Package.h - the C API behind RAII ----------------------------------===//
//
// What the commands share: a loaded model, a session, symbol values, inputs.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/tools/Facts.h"
#include "runtime/tools/Handles.h"
#include "runtime/tools/Options.h"
#include "runtime/train/Checkpoint.h"

namespace attune::tools {

Error loadModel(const CommonOptions &options, bool inspectOnly, bool mapWeights,
                Model &out);
/// With the parameters of a checkpoint, or of any .safetensors; "" for those
/// that the package begins with. `about`: what the checkpoint says of its
/// training.
Error openSession(const Model &model, const CommonOptions &options,
                  const std::string &checkpoint, Session &out,
                  train::Progress *about = nullptr);

/// What the package says of itself; an object in all packages of ours.
Json manifestOf(const Model &model);

/// Characters of the text that the package was trained on, by token; nothing
/// where it was none.
std::optional<std::vector<std::string>> vocabularyOf(const Model &model);

/// Whether the indices among the inputs are inside, from either end. A model
/// would read another row in place of one that is not there.
Error checkIndices(const Model &model, const NamedTensors &inputs);

/// "batch=1,seq=128" by name, each once.
Error parseSizes(const std::string &shape,
                 std::map<std::string, int64_t> &sizes);

/// Values of all symbols from "batch=1,seq=128", in the model's order. Every
/// symbol must be named once; symbols of one possible value may be left out.
Error parseShape(const Model &model, const std::string &shape,
                 std::vector<int64_t> &values);

/// "batch=1,seq=128" of the values.
std::string shapeText(const Model &model, const std::vector<int64_t> &values);

/// Reads "name=file" (or a file with names) into the tensors by input name.
Error readInputs(const Model &model, const std::vector<std::string> &arguments,
                 NamedTensors &out);

/// Makes the inputs that are not there yet, at the values of the symbols.
Error makeInputs(const Model &model, const std::vector<int64_t> &values,
                 Fill fill, NamedTensors &inputs);

/// Whether the inputs have the sizes that `shape` gives, if it gives any.
Error checkShape(const Model &model, const std::string &shape,
                 const NamedTensors &inputs);

/// Hands all inputs to the session; they must outlive the runs. Narrower
/// integers are widened.
Error setInputs(const Model &model, const Session &session,
                NamedTensors &inputs);

} // namespace attune::tools
