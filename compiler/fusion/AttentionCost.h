// The cost model behind --attention=auto. Private to fusion/.
#pragma once

#include "dialects/nn/NN.h"

namespace attune::fusion {

/// Of equals the first is taken.
enum class AttentionStrategy {
  Fused,  ///< one kernel each way; the backward one computes the scores anew
  Saved,  ///< one kernel each way; the backward one reads the scores
  Unfused ///< its parts; the backward ones read the forward's probabilities
};

struct AttentionChoice {
  AttentionStrategy strategy = AttentionStrategy::Fused;
  /// Only this strategy can compute the op; a command does not overrule it.
  bool forced = false;
  std::string reason;
};

/// Compares cycles of the strategies where the op's symbols are at the length
/// they most likely have (their ranges, else 128). An attention and its
/// gradients are compared as one. With `gpu` fused is taken wherever there is a
/// kernel: unfused scores go through memory.
AttentionChoice chooseByCost(nn::AttentionOp op, bool gpu);
AttentionChoice chooseByCost(nn::AttentionBackwardOp op, bool gpu);

/// Whether the gradients of `op` can read saved scores: a kernel that computes
/// them is in sight, and scores are all there is to save.
bool canSaveScores(nn::AttentionOp op);

/// The attention that `op` gives the gradients of, if it is in sight.
nn::AttentionOp forwardOf(nn::AttentionBackwardOp op);

} // namespace attune::fusion
