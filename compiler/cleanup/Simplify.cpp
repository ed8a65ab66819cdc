// Simplify: one shape for each meaning.
//
// Enters: nn as a frontend wrote it. Leaves: nn without identities, without
// transposes and reshapes that other ops can express, without broadcasts under
// elementwise ops, without gathers that are views and conditions that always
// hold. Detection then matches what is left. The sets run together because each
// uncovers work for the others.
#include "compiler/cleanup/Passes.h"
#include "compiler/cleanup/Patterns.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace attune::cleanup {

#define GEN_PASS_DEF_SIMPLIFY
#include "compiler/cleanup/Passes.h.inc"

using namespace mlir;

namespace {
struct Simplify : impl::SimplifyBase<Simplify> {
  using SimplifyBase::SimplifyBase;

  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    addElementwisePatterns(set);
    addConstantPatterns(set, maxElements);
    addViewPatterns(set);
    addBroadcastPatterns(set);
    addContractPatterns(set);
    addIndexPatterns(set);
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    // Equal subgraphs merge between rounds, so that matchers may compare
    // values.
    for (int round = 0; round < 8; ++round) {
      bool changed = false;
      GreedyRewriteConfig config;
      config.setUseTopDownTraversal();
      (void)applyPatternsGreedily(getOperation(), patterns, config, &changed);
      IRRewriter rewriter(&getContext());
      DominanceInfo dominance(getOperation());
      bool merged = false;
      eliminateCommonSubExpressions(rewriter, dominance, getOperation(),
                                    &merged);
      if (!changed && !merged)
        return;
    }
  }

  FrozenRewritePatternSet patterns;
};
} // namespace

} // namespace attune::cleanup
