// ChooseAttention: fused or unfused, for each attention and its gradients.
//
// Enters: nn.attention, nn.attention_backward. Leaves: the same where they stay
// one kernel, with saved scores between the two or without; else their parts
// (products around scale, masks and softmax), which form groups as any others
// do. Where both are parts, the backward ones read the probabilities of the
// forward ones. The decision and its estimate go to the ledger.
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
  Chooser(StringRef wanted, bool gpu, bool frugal)
      : wanted(wanted), gpu(gpu), frugal(frugal) {}

  /// Decides before anything is rewritten: the two ops of an attention are
  /// chosen together.
  void decide(Operation *op);
  /// Whether nothing reads `op` any more, because it was replaced.
  bool rewrite(nn::AttentionOp op);
  bool rewrite(nn::AttentionBackwardOp op);

private:
  AttentionChoice choiceFor(Operation *op) const;
  void decompose(nn::AttentionOp op);
  void decompose(nn::AttentionBackwardOp op);
  void saveScores(nn::AttentionOp op);
  void readScores(nn::AttentionBackwardOp op);
  void record(Operation *op, Cost cost);

  StringRef wanted;
  bool gpu, frugal;
  llvm::DenseMap<Operation *, AttentionChoice> choices;
  llvm::DenseMap<Operation *, Operation *> forwards; ///< of backward ops
  llvm::DenseMap<Operation *, AttentionParts> saved; ///< by forward op
  llvm::DenseMap<Operation *, Value> scores;         ///< the same
};
} // namespace

AttentionChoice Chooser::choiceFor(Operation *op) const {
  auto forward = dyn_cast<nn::AttentionOp>(op);
  AttentionChoice choice =
      forward ? chooseByCost(forward, gpu)
              : chooseByCost(cast<nn::AttentionBackwardOp>(op), gpu);
  auto saver = forward ? forward : forwardOf(cast<nn::AttentionBackwardOp>(op));
  if (wanted == "auto" && !choice.forced && frugal && saver)
    return {AttentionStrategy::Fused, false,
            "activations are to be few, and fused keeps no scores"};
  if (wanted == "auto" || choice.forced)
    return choice;
  bool saves = wanted == "saved" && saver && canSaveScores(saver);
  return {wanted == "unfused" ? AttentionStrategy::Unfused
          : saves             ? AttentionStrategy::Saved
                              : AttentionStrategy::Fused,
          /*forced=*/true, "by --attention"};
}

void Chooser::decide(Operation *op) {
  choices[op] = choiceFor(op);
  if (auto backward = dyn_cast<nn::AttentionBackwardOp>(op))
    forwards[op] = forwardOf(backward);
}

void Chooser::record(Operation *op, Cost cost) {
  const AttentionChoice &choice = choices[op];
  bool isFused = choice.strategy != AttentionStrategy::Unfused;
  StringRef strategy = isFused ? "fused" : "unfused";
  std::string reason = choice.reason;
  if (choice.strategy == AttentionStrategy::Saved)
    reason = "scores are saved for the gradients: " + reason;
  if (isa<nn::AttentionOp>(op))
    return recordStrategy(op, nn::nodeName(op), strategy, reason, cost);
  LedgerEntry entry;
  entry.subject = "attention";
  entry.name = nn::nodeName(op);
  entry.fired = true;
  entry.reason =
      ("gradients of an attention; " + strategy + ": " + reason).str();
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
  if (op.getScores())
    op.getScores().replaceAllUsesWith(parts.saved().scores);
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

// The same op with one result more.
void Chooser::saveScores(nn::AttentionOp op) {
  OpBuilder builder(op);
  Dims q = nn::getDims(op.getQuery());
  q.back() = nn::getDim(op.getKey(), 2);
  Type element = getElementTypeOrSelf(op.getLogsumexp().getType());
  SmallVector<Type> types(op->getResultTypes());
  types.push_back(nn::tensorType(q, element));
  auto saver = nn::AttentionOp::create(builder, op.getLoc(), types,
                                       op->getOperands(), op.getProperties());
  op->replaceAllUsesWith(saver->getResults().drop_back());
  scores[op] = saver.getScores();
  record(op, costOf(saver));
}

// The scores hold what the mask and the bias say; the bias stays where its
// gradient is asked for.
void Chooser::readScores(nn::AttentionBackwardOp op) {
  op.getScoresMutable().assign(scores.lookup(forwards.lookup(op)));
  op.getKeyMaskMutable().clear();
  if (!op.getBiasGradient())
    op.getBiasMutable().clear();
}

bool Chooser::rewrite(nn::AttentionOp op) {
  switch (choices[op].strategy) {
  case AttentionStrategy::Unfused:
    decompose(op);
    return true;
  case AttentionStrategy::Saved:
    saveScores(op);
    return true;
  case AttentionStrategy::Fused:
    record(op, costOf(op));
    return false;
  }
  llvm_unreachable("a strategy of attention");
}

bool Chooser::rewrite(nn::AttentionBackwardOp op) {
  AttentionStrategy strategy = choices[op].strategy;
  if (strategy == AttentionStrategy::Unfused) {
    decompose(op);
    return true;
  }
  if (strategy == AttentionStrategy::Saved)
    readScores(op);
  record(op, costOf(op));
  return giveWholeBiasGradient(op);
}

namespace {
struct ChooseAttention : impl::ChooseAttentionBase<ChooseAttention> {
  using ChooseAttentionBase::ChooseAttentionBase;
  void runOnOperation() override {
    if (!llvm::is_contained({"auto", "fused", "saved", "unfused"},
                            StringRef(attention))) {
      getOperation().emitError()
          << "--attention takes auto, fused, saved or unfused, found '"
          << attention.getValue() << "'";
      return signalPassFailure();
    }
    SmallVector<Operation *> attentions;
    getOperation()->walk([&](Operation *op) {
      if (isa<nn::AttentionOp, nn::AttentionBackwardOp>(op) &&
          !op->getParentOfType<nn::GroupOp>())
        attentions.push_back(op);
    });
    Chooser chooser(attention, gpu, frugal);
    for (Operation *op : attentions)
      chooser.decide(op);
    SmallVector<Operation *> dead;
    for (Operation *op : attentions) {
      auto forward = dyn_cast<nn::AttentionOp>(op);
      if (forward ? chooser.rewrite(forward)
                  : chooser.rewrite(cast<nn::AttentionBackwardOp>(op)))
        dead.push_back(op);
    }
    // Readers before what they read.
    for (Operation *op : llvm::reverse(dead))
      op->erase();
  }
};
} // namespace

} // namespace attune::fusion
