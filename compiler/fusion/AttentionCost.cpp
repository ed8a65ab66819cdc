// Cycles of fused and unfused attention on a CPU.
//
// In cycles of one core for each score that is computed, with D + DV = 2 d and
// f = 32 flops per cycle (two 8-wide FMAs; a wider machine scales both sides
// alike):
//
//   fused    4 d / (f * 0.82) of the visible scores + exp
//   unfused  4 d / (f * 0.94) of all scores         + exp + traffic
//
// 0.82 and 0.94 are the shares of peak that attention and products reach. The
// traffic of unfused is three passes over the score matrix: 2.2 cycles a score
// where it fits the cache, 7 where it does not (measured: fused is 1.1 times
// faster at 197 keys, 1.6 times at 1024).
#include "compiler/fusion/AttentionCost.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/FormatVariadic.h"

namespace attune::fusion {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

// The largest head size that the fused kernel keeps in registers and cache.
static constexpr int64_t maxHeadSize = 256;

// A likely value for each symbol: 128 inside its range.
static llvm::StringMap<int64_t> likelySymbols(nn::AttentionOp op,
                                              ArrayRef<DimAttr> dims) {
  llvm::SetVector<StringRef> names;
  for (DimAttr dim : dims)
    dim.collectSymbols(names);
  auto function = op->getParentOfType<func::FuncOp>();
  auto ranges = function ? function->getAttrOfType<DictionaryAttr>("nn.symbols")
                         : DictionaryAttr();
  llvm::StringMap<int64_t> values;
  for (StringRef name : names) {
    int64_t value = 128;
    if (auto range =
            ranges ? ranges.getAs<nn::RangeAttr>(name) : nn::RangeAttr()) {
      value = std::max(value, range.getMin());
      if (range.getMax() >= 0)
        value = std::min(value, range.getMax());
    }
    values[name] = value;
  }
  return values;
}

AttentionChoice chooseByCost(nn::AttentionOp op, bool gpu) {
  Dims q = nn::getDims(op.getQuery()), v = nn::getDims(op.getValue());
  int64_t d = *q[3].getConstant(), dv = *v[3].getConstant();
  if (op.getLogsumexp())
    return {true, true, "gives the logarithm of its denominator"};
  if (d > maxHeadSize || dv > maxHeadSize)
    return {false, true,
            "head size " + std::to_string(std::max(d, dv)) + " is over " +
                std::to_string(maxHeadSize)};
  if (gpu)
    return {true, false, "on a GPU, where scores would go through memory"};
  auto symbols = likelySymbols(op, {q[0], q[2], v[2]});
  auto queries = q[2].evaluate(symbols), keys = v[2].evaluate(symbols);
  if (!queries || !keys)
    return {true, false,
            "lengths are not known, and fused is linear in memory"};
  double flops = 2.0 * double(d + dv), exp = 1.0;
  double scoreBytes = 4.0 * double(*queries) * double(*keys) *
                      double(q[1].getConstant().value_or(1));
  double traffic = scoreBytes > 4e6 ? 7.0 : 2.2;
  double visible = op.getCausal() == nn::CausalKind::None ? 1.0 : 0.5;
  double fused = visible * (flops / (32 * 0.82) + exp);
  double unfused = flops / (32 * 0.94) + exp + traffic;
  AttentionChoice choice;
  choice.fused = fused <= unfused;
  choice.reason =
      llvm::formatv("{0:F1} against {1:F1} cycles a score at {2} x {3}",
                    choice.fused ? fused : unfused,
                    choice.fused ? unfused : fused, *queries, *keys);
  return choice;
}

} // namespace attune::fusion
