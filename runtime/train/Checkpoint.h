//===- Checkpoint.h - where a training stands, as a file ------------------===//
//
// A .safetensors of the parameters, moments and averages, with a JSON object
// about the run in its metadata under "attune": one file, so that one rename
// replaces one checkpoint by the next, whatever happens in between.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "attune/attune.h"
#include "runtime/core/Error.h"
#include <map>
#include <set>
#include <string>
#include <vector>

namespace attune::train {

using core::cat;
using core::Error;

/// What must be known beside the tensors to go on as if nothing had happened.
struct Progress {
  int64_t step = 0;    ///< The last one that is done.
  int64_t samples = 0; ///< Seen so far.
  uint64_t seed = 0;
  std::string model; ///< Hash of the model's source.
  /// Characters of the text it was trained on; empty where it was none.
  std::vector<std::string> vocabulary;
  /// What else must be equal to go on exactly, by the option's name.
  std::map<std::string, std::string> conditions;
  /// Tensors that had infinities when it began, as a mask has; not of the file.
  std::set<std::string> infinite;
};

/// The tensors of a state, in the order of its table, less the gradients, which
/// live for a step only.
Error tensorsOf(attune_model *model, attune_state *state,
                std::vector<attune_state_info> &out);

/// Which tensors have values that are no finite numbers.
Error findInfinite(attune_model *model, attune_state *state,
                   std::set<std::string> &names);

/// An error where a value is no finite number, and has not been infinite from
/// the start. Whoever writes checks first: a file of such values would replace
/// a good one.
Error checkFinite(const std::string &name, const attune_tensor &tensor,
                  const Progress &progress);

/// The parameter that an average follows: "w" of "w.ema".
std::string parameterOf(const std::string &average);

/// Each parameter becomes its average, where the model keeps one: what runs
/// when training is over.
Error takeAverages(attune_model *model, attune_state *state);

/// Atomic and durable.
Error writeCheckpoint(const std::string &path, attune_model *model,
                      attune_state *state, const Progress &progress);

/// Fills the state. Tensors that are missing, unknown or of another shape are
/// one error that lists them, and so are values that are no finite numbers.
/// With `parametersOnly` moments may be missing, and averages, which then begin
/// as their parameters; what the model has not is passed over, f16 and bf16 are
/// widened, and files of other programs are welcome.
Error readCheckpoint(const std::string &path, attune_model *model,
                     attune_state *state, bool parametersOnly,
                     Progress &progress);

} // namespace attune::train
