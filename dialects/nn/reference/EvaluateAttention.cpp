// Value of attention: the definition, row by row.
#include "dialects/nn/reference/EvaluateModels.h"
#include <cmath>

namespace attune::nn {

using namespace mlir;

namespace {
// Sizes and operands of one attention.
struct Problem {
  mutable AttentionOp op; // generated accessors are not const
  const Array &q, &k, &v;
  std::optional<Array> bias;      // broadcast to [B, H, S, T]
  const Array *keyMask = nullptr; // [B, T]
  int64_t batches, heads, queries, headSize, keyHeads, keys, valueSize;
};
} // namespace

static bool isVisible(const Problem &p, int64_t b, int64_t i, int64_t j) {
  int64_t offset =
      p.op.getCausal() == CausalKind::BottomRight ? p.keys - p.queries : 0;
  if (p.op.getCausal() != CausalKind::None && j > i + offset)
    return false;
  if (auto window = p.op.getWindow();
      window && std::abs(i + offset - j) >= int64_t(*window))
    return false;
  return !p.keyMask || p.keyMask->ints()[b * p.keys + j];
}

static double score(const Problem &p, int64_t b, int64_t h, int64_t i,
                    int64_t j) {
  int64_t kh = h / (p.heads / p.keyHeads);
  const double *q =
      p.q.floats().data() + ((b * p.heads + h) * p.queries + i) * p.headSize;
  const double *k =
      p.k.floats().data() + ((b * p.keyHeads + kh) * p.keys + j) * p.headSize;
  double dot = 0;
  for (int64_t d = 0; d < p.headSize; ++d)
    dot += q[d] * k[d];
  dot *= p.op.getScale().convertToDouble();
  if (p.op.getSoftcap()) {
    double cap = p.op.getSoftcap()->convertToDouble();
    dot = cap * std::tanh(dot / cap);
  }
  if (p.bias)
    dot += p.bias->floats()[((b * p.heads + h) * p.queries + i) * p.keys + j];
  return dot;
}

// Writes out[b, h, i, :] and gives the row's logsumexp.
static double attendRow(const Problem &p, int64_t b, int64_t h, int64_t i,
                        double *out, std::vector<double> &row) {
  double max = -INFINITY, sum = 0;
  for (int64_t j = 0; j < p.keys; ++j) {
    row[j] = isVisible(p, b, i, j) ? score(p, b, h, i, j) : -INFINITY;
    max = std::fmax(max, row[j]);
  }
  if (max == -INFINITY)
    return -INFINITY; // sees nothing: stays 0
  for (double &value : row)
    sum += value = std::exp(value - max);
  int64_t kh = h / (p.heads / p.keyHeads);
  for (int64_t j = 0; j < p.keys; ++j) {
    const double *v = p.v.floats().data() +
                      ((b * p.keyHeads + kh) * p.keys + j) * p.valueSize;
    for (int64_t d = 0; d < p.valueSize; ++d)
      out[d] += row[j] / sum * v[d];
  }
  return max + std::log(sum);
}

static Arrays evaluateAttention(AttentionOp op, Evaluator &,
                                ArrayRef<Array> operands) {
  auto q = operands[0].getShape(), k = operands[1].getShape(),
       v = operands[2].getShape();
  Problem p{op,   operands[0], operands[1], operands[2], {},   nullptr, q[0],
            q[1], q[2],        q[3],        k[1],        k[2], v[3]};
  size_t next = 3;
  if (op.getBias())
    p.bias =
        operands[next++].broadcasted({p.batches, p.heads, p.queries, p.keys});
  if (op.getKeyMask())
    p.keyMask = &operands[next++];
  auto elementOf = [](Value value) {
    return cast<RankedTensorType>(value.getType()).getElementType();
  };
  Array result(elementOf(op.getResult()),
               {p.batches, p.heads, p.queries, p.valueSize});
  Value lse = op.getLogsumexp() ? op.getLogsumexp() : op.getResult();
  Array logsumexp(elementOf(lse), {p.batches, p.heads, p.queries});
  std::vector<double> row(p.keys);
  int64_t position = 0;
  for (int64_t b = 0; b < p.batches; ++b)
    for (int64_t h = 0; h < p.heads; ++h)
      for (int64_t i = 0; i < p.queries; ++i, ++position)
        logsumexp.floats()[position] = attendRow(
            p, b, h, i, result.floats().data() + position * p.valueSize, row);
  SmallVector<Array> results{result};
  if (op.getLogsumexp())
    results.push_back(logsumexp);
  return results;
}

void attachAttentionEvaluators(MLIRContext &context) {
  AttentionOp::attachInterface<EvaluateModel<AttentionOp, evaluateAttention>>(
      context);
}

} // namespace attune::nn
