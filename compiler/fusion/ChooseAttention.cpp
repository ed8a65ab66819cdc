// ChooseAttention: fused or unfused, for each attention and its gradients.
//
// Enters: nn.attention, nn.attention_backward. Leaves: the same where they stay
// one kernel; else their parts (products around scale, masks and softmax),
// which form groups as any others do. Where both are parts, the backward ones
// read the probabilities of the forward ones; a fused backward computes them
// anew. The decision and its estimate go to the ledger.
#include "compiler/cleanup/Views.h"
#include "compiler/fusion/AttentionCost.h"
#include "compiler/fusion/AttentionDecomposition.h"
#include "compiler/fusion/Ledger.h"
#include "compiler/fusion/Passes.h"
#include "dialects/nn/NodeName.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attune::fusion {

#define GEN_PASS_DEF_CHOOSEATTENTION
#include "compiler/fusion/Passes.h.inc"

using namespace mlir;
using nn::Dims;

namespace {
class Chooser {
public:
  Chooser(StringRef wanted, bool gpu) : wanted(wanted), gpu(gpu) {}

  /// Decides before anything is rewritten: the two ops of an attention are
  /// chosen together.
  void decide(Operation *op);
  bool rewrite(Operation *op);

private:
  AttentionChoice choiceFor(Operation *op) const;
  void decompose(nn::AttentionOp op);
  void decompose(nn::AttentionBackwardOp op);
  void record(Operation *op, Cost cost);

  StringRef wanted;
  bool gpu;
  llvm::DenseMap<Operation *, AttentionChoice> choices;
  llvm::DenseMap<Operation *, Operation *> forwards; ///< of backward ops
  llvm::DenseMap<Operation *, AttentionParts> saved; ///< by forward op
};
} // namespace

AttentionChoice Chooser::choiceFor(Operation *op) const {
  auto forward = dyn_cast<nn::AttentionOp>(op);
  AttentionChoice choice =
      forward ? chooseByCost(forward, gpu)
              : chooseByCost(cast<nn::AttentionBackwardOp>(op), gpu);
  if (wanted != "auto" && !choice.forced)
    return {wanted == "fused", /*forced=*/true, "by --attention"};
  return choice;
}

void Chooser::decide(Operation *op) {
  choices[op] = choiceFor(op);
  if (auto backward = dyn_cast<nn::AttentionBackwardOp>(op))
    forwards[op] = forwardOf(backward);
}

void Chooser::record(Operation *op, Cost cost) {
  const AttentionChoice &choice = choices[op];
  StringRef strategy = choice.fused ? "fused" : "unfused";
  if (isa<nn::AttentionOp>(op))
    return recordStrategy(op, nn::nodeName(op), strategy, choice.reason, cost);
  LedgerEntry entry;
  entry.subject = "attention";
  entry.name = nn::nodeName(op);
  entry.fired = true;
  entry.reason =
      ("gradients of an attention; " + strategy + ": " + choice.reason).str();
  entry.strategy = strategy.str();
  entry.after = cost;
  fusion::record(op, entry);
}

void Chooser::decompose(nn::AttentionOp op) {
  AttentionDecomposition parts(op);
  auto [result, logsumexp] = parts.attention(op);
  saved[op] = parts.saved();
  record(op, costOf(parts.parts()));
  op.getResult().replaceAllUsesWith(result);
  if (logsumexp)
    op.getLogsumexp().replaceAllUsesWith(logsumexp);
}

void Chooser::decompose(nn::AttentionBackwardOp op) {
  AttentionDecomposition parts(op);
  auto forward = saved.find(forwards.lookup(op));
  SmallVector<Value> results =
      parts.gradients(op, forward == saved.end() ? nullptr : &forward->second);
  record(op, costOf(parts.parts()));
  for (auto [old, result] : llvm::zip(op.getResults(), results))
    if (result)
      old.replaceAllUsesWith(result);
}

// A fused op gives the gradient of each score's bias; what the bias was
// repeated along is summed afterwards. Whether `op` was replaced.
static bool giveWholeBiasGradient(nn::AttentionBackwardOp op) {
  Value gradient = op.getBiasGradient();
  if (!gradient || gradient.use_empty())
    return false;
  Dims own = nn::getDims(op.getBias()), q = nn::getDims(op.getQuery());
  Dims whole{q[0], q[1], q[2], nn::getDim(op.getKey(), 2)};
  if (own == whole)
    return false;
  OpBuilder builder(op);
  Value bias = cleanup::broadcastTo(builder, op.getLoc(), op.getBias(), whole);
  SmallVector<Value> operands(op->getOperands());
  operands[op.getBiasMutable()[0].getOperandNumber()] = bias;
  SmallVector<Type> types(op->getResultTypes());
  types.back() = bias.getType();
  auto result = nn::AttentionBackwardOp::create(builder, op.getLoc(), types,
                                                operands, op.getProperties());
  SmallVector<Value> results(result.getResults());
  results.back() =
      sumOverBroadcast(builder, op.getLoc(), result.getBiasGradient(), own);
  op->replaceAllUsesWith(results);
  return true;
}

/// Whether nothing reads `op` any more, because it was replaced.
bool Chooser::rewrite(Operation *op) {
  auto forward = dyn_cast<nn::AttentionOp>(op);
  if (choices[op].fused) {
    record(op, costOf(op));
    return !forward && giveWholeBiasGradient(cast<nn::AttentionBackwardOp>(op));
  }
  if (forward)
    decompose(forward);
  else
    decompose(cast<nn::AttentionBackwardOp>(op));
  return true;
}

namespace {
struct ChooseAttention : impl::ChooseAttentionBase<ChooseAttention> {
  using ChooseAttentionBase::ChooseAttentionBase;
  void runOnOperation() override {
    if (attention != "auto" && attention != "fused" && attention != "unfused") {
      getOperation().emitError()
          << "--attention takes auto, fused or unfused, found '"
          << attention.getValue() << "'";
      return signalPassFailure();
    }
    SmallVector<Operation *> attentions;
    getOperation()->walk([&](Operation *op) {
      if (isa<nn::AttentionOp, nn::AttentionBackwardOp>(op) &&
          !op->getParentOfType<nn::GroupOp>())
        attentions.push_back(op);
    });
    Chooser chooser(attention, gpu);
    for (Operation *op : attentions)
      chooser.decide(op);
    SmallVector<Operation *> dead;
    for (Operation *op : attentions)
      if (chooser.rewrite(op))
        dead.push_back(op);
    // Readers before what they read.
    for (Operation *op : llvm::reverse(dead))
      op->erase();
  }
};
} // namespace

} // namespace attune::fusion
