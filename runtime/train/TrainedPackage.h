//===- TrainedPackage.h - a package that begins where training ended ------===//
#pragma once
#include "runtime/train/Checkpoint.h"
#include "runtime/train/Dataset.h"

namespace attune::train {

/// Copies the package at `source` to `path`, with the parameters of the state
/// as first values: their averages, where the model keeps some. The manifest
/// gets the vocabulary, if there is one, so that text can be generated.
Error writeTrainedPackage(const std::string &source, const std::string &path,
                          attune_model *model, attune_state *state,
                          const Progress &progress,
                          const Vocabulary *vocabulary);

} // namespace attune::train
