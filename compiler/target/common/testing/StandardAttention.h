//===- StandardAttention.h - attention as it is measured ------------------===//
//
// Head sizes, types and masks of common models, with the blocks that
// compiler/kernels chooses for GPUs: timed on devices (tests/gpu), held to
// budgets, compiled for every target.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/testing/AttentionCase.h"

namespace attune::target::common::testing {

struct StandardAttention {
  std::string name; ///< "attention_64_f16_causal"
  /// Of one head and one position, for the text has room for any length; a
  /// launch gives further heads as batch.
  AttentionCase kernel;
};

std::vector<StandardAttention> standardAttention();

/// The same with a bias and a mask of keys, for what these take beside it:
/// "attention_64_f16_causal_biased".
std::vector<StandardAttention> biasedAttention();

} // namespace attune::target::common::testing
