// Value of attention: the definition, row by row.
#include "dialects/nn/reference/AttentionProblem.h"

namespace attune::nn {

using namespace mlir;

// Writes out[b, h, i, :] and the row's scores, and gives its logsumexp.
static double attendRow(const AttentionProblem &p, int64_t b, int64_t h,
                        int64_t i, double *out, std::vector<double> &row,
                        double *scores) {
  double max = -INFINITY, sum = 0;
  for (int64_t j = 0; j < p.keys; ++j) {
    row[j] = p.isVisible(b, i, j) ? p.score(b, h, i, j) : -INFINITY;
    max = std::fmax(max, row[j]);
  }
  if (scores)
    llvm::copy(row, scores);
  if (max == -INFINITY)
    return INFINITY; // sees nothing: stays 0
  for (double &value : row)
    sum += value = std::exp(value - max);
  for (int64_t j = 0; j < p.keys; ++j) {
    double weight = row[j] / sum * p.kept(b, h, i, j);
    for (int64_t d = 0; d < p.valueSize; ++d)
      out[d] += weight * p.value(b, h, j)[d];
  }
  return max + std::log(sum);
}

static Arrays evaluateAttention(AttentionOp op, Evaluator &,
                                ArrayRef<Array> operands) {
  AttentionProblem p(op, operands, operands.drop_front(3));
  auto elementOf = [](Value value) {
    return cast<RankedTensorType>(value.getType()).getElementType();
  };
  Array result(elementOf(op.getResult()),
               {p.batches, p.heads, p.queries, p.valueSize});
  Value lse = op.getLogsumexp() ? op.getLogsumexp() : op.getResult();
  Array logsumexp(elementOf(lse), {p.batches, p.heads, p.queries});
  std::optional<Array> scores;
  if (Value saved = op.getScores())
    scores.emplace(elementOf(saved),
                   Extents{p.batches, p.heads, p.queries, p.keys});
  std::vector<double> row(p.keys);
  int64_t position = 0;
  for (int64_t b = 0; b < p.batches; ++b)
    for (int64_t h = 0; h < p.heads; ++h)
      for (int64_t i = 0; i < p.queries; ++i, ++position)
        logsumexp.floats()[position] = attendRow(
            p, b, h, i, result.floats().data() + position * p.valueSize, row,
            scores ? scores->floats().data() + position * p.keys : nullptr);
  SmallVector<Array> results{result};
  if (op.getLogsumexp())
    results.push_back(logsumexp);
  if (scores)
    results.push_back(*scores);
  return results;
}

void attachAttentionEvaluators(MLIRContext &context) {
  AttentionOp::attachInterface<EvaluateModel<AttentionOp, evaluateAttention>>(
      context);
  attachAttentionBackwardEvaluator(context);
}

} // namespace attune::nn
