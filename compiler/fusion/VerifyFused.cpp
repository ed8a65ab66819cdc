// VerifyFused: the contract of this stage.
//
// Holds afterwards: in a function there are groups, views, weights, constants
// and the return; a body holds compute ops and literals only, with exactly one
// contract, attention or attention_backward in a group of that kind, and
// reductions in row groups alone, all over the same trailing dims.
#include "compiler/fusion/Clusters.h"
#include "compiler/fusion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attune::fusion {

#define GEN_PASS_DEF_VERIFYFUSED
#include "compiler/fusion/Passes.h.inc"

using namespace mlir;
using nn::GroupKind;

template <typename Op>
static int64_t count(nn::GroupOp group) {
  return llvm::range_size(group.getBody().front().getOps<Op>());
}

static LogicalResult verifyBody(nn::GroupOp group) {
  for (Operation &op : group.getBody().front().without_terminator())
    if (!isCompute(&op) &&
        (op.getNumResults() != 1 || !isSplatConstant(op.getResult(0))))
      return op.emitOpError("does not belong into a group");
  int64_t contracts = count<nn::ContractOp>(group),
          attentions = count<nn::AttentionOp>(group),
          backwards = count<nn::AttentionBackwardOp>(group),
          scatters = count<nn::ScatterOp>(group);
  GroupKind kind = group.getKind();
  if (contracts != (kind == GroupKind::Contraction) ||
      attentions != (kind == GroupKind::Attention) ||
      backwards != (kind == GroupKind::AttentionBackward) ||
      scatters != (kind == GroupKind::Scatter))
    return group.emitOpError()
           << "of kind " << stringifyEnum(kind) << " holds " << contracts
           << " contract, " << attentions << " attention, " << backwards
           << " attention_backward and " << scatters << " scatter ops";
  int64_t rows = count<nn::NormOp>(group) + count<nn::SoftmaxOp>(group) +
                 count<nn::ReduceOp>(group);
  if ((rows > 0) != (kind == GroupKind::Row))
    return group.emitOpError() << "of kind " << stringifyEnum(kind) << " holds "
                               << rows << " reductions";
  for (auto reduce : group.getBody().front().getOps<nn::ReduceOp>()) {
    int64_t rank = nn::getDims(reduce.getInput()).size();
    if (reduce.getAxes().empty() || reduce.getAxes().back() != rank - 1 ||
        reduce.getAxes().front() != rank - int64_t(reduce.getAxes().size()))
      return reduce.emitOpError("does not run over trailing dims");
  }
  return success();
}

namespace {
struct VerifyFused : impl::VerifyFusedBase<VerifyFused> {
  void runOnOperation() override {
    bool broken = false;
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (Operation &op :
           llvm::make_early_inc_range(function.getBody().front())) {
        if (isCompute(&op)) {
          op.emitOpError("computes outside of a group");
          broken = true;
        } else if (auto group = dyn_cast<nn::GroupOp>(op)) {
          broken |= failed(verifyBody(group));
        }
      }
    if (broken)
      signalPassFailure();
  }
};
} // namespace

} // namespace attune::fusion
