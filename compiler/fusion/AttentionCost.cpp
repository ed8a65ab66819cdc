// Cycles of the strategies of attention on a CPU.
//
// In cycles of one core for each score that is computed, with f = 32 flops per
// cycle (two 8-wide FMAs; a wider machine scales both sides alike), D and DV
// the head sizes:
//
//   forward   fused    2 (D + DV) / (f * 0.82) of the visible scores + exp
//             unfused  2 (D + DV) / (f * 0.94) of all scores + exp + traffic
//   backward  fused    (6 D + 4 DV) / (f * 0.86) of the visible scores + exp
//             saved    4 (D + DV) / (f * 0.86) of all scores + exp + traffic
//             unfused  4 (D + DV) / (f * 0.94) of all scores + more traffic
//
// The shares of peak are those that kernels reach. The traffic of unfused is
// three passes over the score matrix: 2.2 cycles a score where it fits the
// cache, 7 where it does not (measured: fused is 1.1 times faster at 197 keys,
// 1.6 times at 1024). The backward parts read the probabilities that the
// forward parts left and make a second matrix: 0.5 and 12.
//
// In training both also have work for each of the rows, to pack and copy them:
// 12.5 (D + DV) cycles fused, 9.5 saved, 10.5 unfused. So short ones are better
// unfused unless they are causal: at size 64 fused is 0.9 times as fast for 96
// x 50 x 50, 1.15 times for 48 x 197 x 197, and causal 1.2 and 1.9 times (Zen
// 4, tests/bench/attention). Saved is 1.17 times as fast as fused for 48 x 197
// x 197, 1.05 times for 12 x 512 x 512, and no faster for 2 x 2048 x 2048 (Zen
// 3).
#include "compiler/fusion/AttentionCost.h"
#include "dialects/nn/Symbols.h"
#include "llvm/Support/FormatVariadic.h"

namespace attune::fusion {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

// The largest head size that the fused kernel keeps in registers and cache.
static constexpr int64_t maxHeadSize = 256;

// Saved scores take memory that grows with the square of the length: they are
// to be worth it.
static constexpr double kSavedMargin = 1.03;

// A likely value for each symbol: 128 inside its range.
static llvm::StringMap<int64_t> likelySymbols(Operation *op,
                                              ArrayRef<DimAttr> dims) {
  llvm::SetVector<StringRef> names;
  for (DimAttr dim : dims)
    dim.collectSymbols(names);
  nn::SymbolRanges ranges = nn::symbolRanges(op);
  llvm::StringMap<int64_t> values;
  for (StringRef name : names) {
    int64_t value = 128;
    if (nn::RangeAttr range = ranges.lookup(name)) {
      value = std::max(value, range.getMin());
      if (range.getMax() >= 0)
        value = std::min(value, range.getMax());
    }
    values[name] = value;
  }
  return values;
}

namespace {
/// What both ops are chosen by.
struct Problem {
  template <typename Op>
  Problem(Op op, bool hasForward, bool hasBackward, bool canSave)
      : op(op), q(nn::getDims(op.getQuery())), v(nn::getDims(op.getValue())),
        isCausal(op.getCausal() != nn::CausalKind::None),
        hasForward(hasForward), hasBackward(hasBackward), canSave(canSave) {}
  Operation *op;
  Dims q, v;
  bool isCausal, hasForward, hasBackward, canSave;
};
} // namespace

static AttentionChoice choose(const Problem &p) {
  int64_t d = *p.q[3].getConstant(), dv = *p.v[3].getConstant();
  if (d > maxHeadSize || dv > maxHeadSize)
    return {AttentionStrategy::Unfused, true,
            "head size " + std::to_string(std::max(d, dv)) + " is over " +
                std::to_string(maxHeadSize)};
  auto symbols = likelySymbols(p.op, {p.q[0], p.q[2], p.v[2]});
  auto queries = p.q[2].evaluate(symbols), keys = p.v[2].evaluate(symbols);
  if (!queries || !keys)
    return {AttentionStrategy::Fused, false,
            "lengths are not known, and fused is linear in memory"};
  double scoreBytes = 4.0 * double(*queries) * double(*keys) *
                      double(p.q[1].getConstant().value_or(1));
  double traffic = scoreBytes > 4e6 ? 7.0 : 2.2, exp = 1.0;
  double size = double(d), valueSize = double(dv), fused = 0, unfused = 0,
         saving = 0; // what saved has beyond fused
  double visible = p.isCausal ? 0.5 : 1.0;
  if (p.hasForward) {
    fused += visible * (2 * (size + valueSize) / (32 * 0.82) + exp);
    unfused += 2 * (size + valueSize) / (32 * 0.94) + exp + traffic;
  }
  if (p.hasBackward) {
    fused += visible * ((6 * size + 4 * valueSize) / (32 * 0.86) + exp);
    double perRow =
        (size + valueSize) * (1 / double(*queries) + 1 / double(*keys)) / 2;
    fused += 12.5 * perRow;
    unfused += 10.5 * perRow;
    double batches = double(p.q[0].evaluate(symbols).value_or(1));
    unfused += 4 * (size + valueSize) / (32 * 0.94) +
               (scoreBytes * batches > 4e6 ? 12.0 : 0.5);
    saving = (scoreBytes * batches > 8e6 ? 4.5 : 1.5) - 2 * size / (32 * 0.86) -
             3 * perRow;
  }
  std::pair<double, AttentionStrategy> found[] = {
      {fused, AttentionStrategy::Fused},
      {unfused, AttentionStrategy::Unfused},
      {p.canSave ? kSavedMargin * (fused + saving) : HUGE_VAL,
       AttentionStrategy::Saved}};
  llvm::sort(found);
  return {found[0].second, /*forced=*/false,
          llvm::formatv("{0:F1} against {1:F1} cycles a score at {2} x {3}",
                        found[0].first, found[1].first, *queries, *keys)};
}

static nn::AttentionBackwardOp backwardOf(nn::AttentionOp op) {
  for (Operation *user : op.getResult().getUsers())
    if (auto backward = dyn_cast<nn::AttentionBackwardOp>(user);
        backward && forwardOf(backward) == op)
      return backward;
  return {};
}

AttentionChoice chooseByCost(nn::AttentionOp op, bool gpu) {
  using enum AttentionStrategy;
  if (gpu && op.getDropout())
    return {Unfused, true, "there is no kernel with dropout for a GPU"};
  AttentionChoice choice =
      choose(Problem(op, true, bool(backwardOf(op)), canSaveScores(op)));
  if (gpu && !choice.forced)
    return {Fused, false, "on a GPU, where scores would go through memory"};
  return choice;
}

AttentionChoice chooseByCost(nn::AttentionBackwardOp op, bool gpu) {
  if (gpu)
    return {AttentionStrategy::Unfused, true,
            "there is no kernel of it for a GPU"};
  nn::AttentionOp forward = forwardOf(op);
  return choose(
      Problem(op, bool(forward), true, forward && canSaveScores(forward)));
}

bool canSaveScores(nn::AttentionOp op) {
  return backwardOf(op) && op.getCausal() == nn::CausalKind::None &&
         !op.getWindow() && !op.getSoftcap();
}

// The op's own definition says so; what a file says otherwise is believed too.
nn::AttentionOp forwardOf(nn::AttentionBackwardOp op) {
  auto forward = op.getOutput().getDefiningOp<nn::AttentionOp>();
  bool same = forward && forward.getResult() == op.getOutput() &&
              forward.getLogsumexp() == op.getLogsumexp() &&
              forward.getQuery() == op.getQuery() &&
              forward.getKey() == op.getKey() &&
              forward.getValue() == op.getValue() &&
              forward.getBias() == op.getBias() &&
              forward.getKeyMask() == op.getKeyMask() &&
              llvm::equal(forward.getRandom(), op.getRandom()) &&
              forward.getScaleAttr() == op.getScaleAttr() &&
              forward.getCausal() == op.getCausal() &&
              forward.getWindowAttr() == op.getWindowAttr() &&
              forward.getSoftcapAttr() == op.getSoftcapAttr() &&
              forward.getDropoutAttr() == op.getDropoutAttr() &&
              forward.getRandomIdAttr() == op.getRandomIdAttr();
  return same ? forward : nn::AttentionOp();
}

} // namespace attune::fusion
