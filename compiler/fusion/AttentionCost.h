// The cost model behind --attention=auto. Private to fusion/.
#pragma once

#include "dialects/nn/NN.h"

namespace attune::fusion {

struct AttentionChoice {
  bool fused = true;
  /// Only this strategy can compute the op; a command does not overrule it.
  bool forced = false;
  std::string reason;
};

/// Compares cycles of both strategies where the op's symbols are at the length
/// they most likely have (their ranges, else 128). An attention and its
/// gradients are compared as one. With `gpu` fused is taken wherever there is a
/// kernel: unfused scores go through memory.
AttentionChoice chooseByCost(nn::AttentionOp op, bool gpu);
AttentionChoice chooseByCost(nn::AttentionBackwardOp op, bool gpu);

/// The attention that `op` gives the gradients of, if it is in sight.
nn::AttentionOp forwardOf(nn::AttentionBackwardOp op);

} // namespace attune::fusion
