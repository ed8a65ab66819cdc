// Walks from the softmax up to the product of queries and keys.
#include "compiler/detect/ScorePattern.h"
#include "compiler/fusion/Ledger.h"
#include "dialects/nn/NodeName.h"

namespace attune::detect {

using namespace mlir;
using cleanup::splatValue;
using nn::ElementwiseKind;
using nn::ElementwiseOp;

// Between a product and its softmax stand a few ops; whatever has more is no
// attention, and looking through all of it would take its time.
static constexpr size_t kMostOps = 256;

// The operands through which scores may come; none if `op` is no step of
// theirs.
static SmallVector<Value, 2> scoresOf(ElementwiseOp op) {
  switch (op.getKind()) {
  case ElementwiseKind::Mul:
  case ElementwiseKind::Add:
  case ElementwiseKind::Sub:
  case ElementwiseKind::Max:
    return {op.getInputs()[0], op.getInputs()[1]};
  case ElementwiseKind::Div:
  case ElementwiseKind::Neg:
  case ElementwiseKind::Tanh:
  case ElementwiseKind::Cast:
    return {op.getInputs()[0]};
  case ElementwiseKind::Select:
    return {op.getInputs()[1], op.getInputs()[2]};
  default:
    return {};
  }
}

// Whether a product of two matrices is reached through the ops that the walk
// below understands. Decides which operand of an addition carries the scores.
static bool leadsToProduct(Value value) {
  llvm::SetVector<Operation *> seen;
  auto look = [&](Value from) {
    if (Operation *op = from.getDefiningOp())
      seen.insert(op);
  };
  look(value);
  for (size_t next = 0; next < std::min(seen.size(), kMostOps); ++next) {
    if (auto contract = dyn_cast<nn::ContractOp>(seen[next]))
      if (contract.getLhsContracting().size() == 1)
        return true;
    if (auto elementwise = dyn_cast<ElementwiseOp>(seen[next]))
      llvm::for_each(scoresOf(elementwise), look);
  }
  return false;
}

namespace {
class Walk {
public:
  Walk(ScorePattern &pattern, std::string &reason)
      : pattern(pattern), reason(reason) {}

  // The scores so far are `factor` * value + what was collected.
  LogicalResult visit(Value value, double factor);

private:
  LogicalResult visitSum(ElementwiseOp op, double factor);
  LogicalResult visitProduct(ElementwiseOp op, double factor);
  LogicalResult visitSelect(ElementwiseOp op, double factor);
  LogicalResult visitTanh(ElementwiseOp op, double factor);
  LogicalResult visitElementwise(ElementwiseOp op, double factor);
  LogicalResult fail(const Twine &why) { return reason = why.str(), failure(); }

  ScorePattern &pattern;
  std::string &reason;
  bool inSoftcap = false;
};
} // namespace

LogicalResult Walk::visitSum(ElementwiseOp op, double factor) {
  bool minus = op.getKind() == ElementwiseKind::Sub;
  bool left = leadsToProduct(op.getInputs()[0]),
       right = leadsToProduct(op.getInputs()[1]);
  if (!left && !right)
    return fail("no product of queries and keys above " + nn::nodeName(op));
  // A relative bias may be a product too; the one with more dims is the scores.
  if (left && right)
    left = op.getInputs()[0].getType() == op.getType() &&
           !op.getInputs()[1].getDefiningOp<nn::ContractOp>();
  if (inSoftcap)
    return fail("a term is added inside the softcap at " + nn::nodeName(op));
  if (!pattern.rowScales.empty())
    return fail("a term is added before a scale that is no constant at " +
                nn::nodeName(op));
  Value scores = op.getInputs()[left ? 0 : 1],
        term = op.getInputs()[left ? 1 : 0];
  pattern.addends.push_back({term, minus && left ? -factor : factor});
  return visit(scores, minus && !left ? -factor : factor);
}

LogicalResult Walk::visitProduct(ElementwiseOp op, double factor) {
  bool left = leadsToProduct(op.getInputs()[0]);
  Value scores = op.getInputs()[left ? 0 : 1],
        other = op.getInputs()[left ? 1 : 0];
  if (!leadsToProduct(scores))
    return fail("no product of queries and keys above " + nn::nodeName(op));
  auto dims = nn::getDims(other);
  if (!dims.empty() && dims.back().getConstant() != 1)
    return fail(
        "scores are multiplied by values that differ along the keys at " +
        nn::nodeName(op));
  pattern.rowScales.push_back(other);
  return visit(scores, factor);
}

LogicalResult Walk::visitSelect(ElementwiseOp op, double factor) {
  for (unsigned side : {1, 2}) {
    auto fill = splatValue(op.getInputs()[3 - side]);
    if (!fill || !leadsToProduct(op.getInputs()[side]))
      continue;
    if (!(*fill * factor <= hidingValue))
      return fail("scores are replaced by a value that does not hide them at " +
                  nn::nodeName(op));
    if (inSoftcap)
      return fail("scores are hidden inside the softcap at " +
                  nn::nodeName(op));
    pattern.replacements.push_back(
        {op.getInputs()[0], side == 2, *fill * factor});
    return visit(op.getInputs()[side], factor);
  }
  return fail("a select that is no mask of scores at " + nn::nodeName(op));
}

// factor * tanh(u): scores = softcap * tanh(scale * product / softcap).
LogicalResult Walk::visitTanh(ElementwiseOp op, double factor) {
  if (inSoftcap || factor <= 0)
    return fail("tanh is no softcap at " + nn::nodeName(op));
  inSoftcap = true;
  pattern.softcap = factor;
  return visit(op.getInputs()[0], factor);
}

LogicalResult Walk::visitElementwise(ElementwiseOp op, double factor) {
  if (auto scaled = asScaled(op.getResult()))
    return visit(scaled->value, factor * scaled->factor);
  switch (op.getKind()) {
  case ElementwiseKind::Add:
  case ElementwiseKind::Sub:
    return visitSum(op, factor);
  case ElementwiseKind::Mul:
    return visitProduct(op, factor);
  case ElementwiseKind::Select:
    return visitSelect(op, factor);
  case ElementwiseKind::Tanh:
    return visitTanh(op, factor);
  case ElementwiseKind::Cast:
    if (skipFloatCasts(op.getResult()) != op.getResult())
      return visit(op.getInputs()[0], factor);
    break;
  case ElementwiseKind::Max:
    // max(scores, lowest finite value) guards against -inf only.
    for (unsigned side : {0, 1})
      if (auto floor = splatValue(op.getInputs()[side]);
          floor && *floor <= -1e30)
        return visit(op.getInputs()[1 - side], factor);
    break;
  default:
    break;
  }
  return fail("scores go through " + stringifyEnum(op.getKind()) + " at " +
              nn::nodeName(op));
}

LogicalResult Walk::visit(Value value, double factor) {
  Operation *op = value.getDefiningOp();
  if (!op || (!isa<nn::ContractOp>(op) && !leadsToProduct(value)))
    return fail("no product of queries and keys above " +
                (op ? nn::nodeName(op) : std::string("an input")));
  if (!value.hasOneUse())
    return fail("the scores of " + nn::nodeName(op) + " are used elsewhere");
  if (pattern.parts.size() > kMostOps)
    return fail("more than " + Twine(kMostOps) +
                " ops between a product and its softmax");
  pattern.parts.push_back(op);
  if (auto contract = dyn_cast<nn::ContractOp>(op)) {
    pattern.product = contract;
    pattern.scale *= factor;
    return success();
  }
  return visitElementwise(cast<ElementwiseOp>(op), factor);
}

std::optional<ScorePattern> matchScores(nn::SoftmaxOp softmax,
                                        std::string &reason) {
  ScorePattern pattern;
  pattern.parts.push_back(softmax);
  if (failed(Walk(pattern, reason).visit(softmax.getInput(), 1)))
    return std::nullopt;
  return pattern;
}

} // namespace attune::detect
