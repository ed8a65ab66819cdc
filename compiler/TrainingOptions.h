// What a user may ask of training. Apart from Options.h, so that the command
// line can fill it without LLVM.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace attune {

/// How a model is trained; the loss of one that comes without.
struct TrainingOptions {
  /// "cross_entropy" or "mse"; empty: it is not.
  std::string loss;
  /// The output that the loss reads; empty: the only one.
  std::string output;
  /// Of cross_entropy.
  double smoothing = 0;
  int64_t ignoredLabel = -100;
  /// Globs of the weights that are trained; none: all.
  std::vector<std::string> trainable;
  /// Entries of `nn.training`: "optimizer=sgd", "clip=1.0".
  std::vector<std::string> settings;
  /// What is computed again instead of kept: "none", "gelu", "gelu+norm", and
  /// as much more as leaves this share of the activations.
  std::string recompute = "none";
  double activationMemory = 1;
};

} // namespace attune
