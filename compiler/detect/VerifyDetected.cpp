// VerifyDetected: the contract of this stage.
//
// Holds afterwards: each softmax that a product sums over has a ledger entry
// that says why it is no nn.attention. Nothing is left unfused in silence.
#include "compiler/detect/Passes.h"
#include "compiler/fusion/Ledger.h"
#include "dialects/nn/NodeName.h"
#include "llvm/ADT/StringSet.h"

namespace attune::detect {

#define GEN_PASS_DEF_VERIFYDETECTED
#include "compiler/detect/Passes.h.inc"

using namespace mlir;

namespace {
struct VerifyDetected : impl::VerifyDetectedBase<VerifyDetected> {
  void runOnOperation() override {
    llvm::StringSet<> missed;
    for (const fusion::LedgerEntry &entry : fusion::readLedger(getOperation()))
      if (entry.subject == "attention" && !entry.fired)
        missed.insert(entry.name);
    bool broken = false;
    getOperation()->walk([&](nn::ContractOp op) {
      for (Value operand : {op.getLhs(), op.getRhs()}) {
        if (!operand.getDefiningOp<nn::SoftmaxOp>() ||
            missed.contains(nn::nodeName(op)))
          continue;
        op.emitOpError(
            "sums over a softmax, and no ledger entry says why it is "
            "no attention");
        broken = true;
      }
    });
    if (broken)
      signalPassFailure();
  }
};
} // namespace

} // namespace attune::detect
