// Value of the gradients of attention: the formulas of the op, score by score.
#include "dialects/nn/reference/AttentionProblem.h"

namespace attune::nn {

using namespace mlir;

namespace {
struct Gradients {
  Array query, key, value;
  std::optional<Array> bias; // [B, H, S, T]
};
} // namespace

static double dot(const double *a, const double *b, int64_t count) {
  double sum = 0;
  for (int64_t d = 0; d < count; ++d)
    sum += a[d] * b[d];
  return sum;
}

// sum += factor * x, by element.
static void add(double *sum, double factor, const double *x, int64_t count) {
  for (int64_t d = 0; d < count; ++d)
    sum[d] += factor * x[d];
}

// All that row (b, h, i) of the scores adds to the gradients. `saved`: the row,
// or null.
static void addRow(const AttentionProblem &p, const double *saved,
                   const double *output, double logsumexp,
                   const double *gradient, int64_t b, int64_t h, int64_t i,
                   Gradients &sums) {
  double mean = dot(gradient, output, p.valueSize);
  for (int64_t j = 0; j < p.keys; ++j) {
    if (!saved && !p.isVisible(b, i, j))
      continue;
    double score = saved ? saved[j] : p.score(b, h, i, j);
    double weight = std::exp(score - logsumexp);
    double kept = p.kept(b, h, i, j);
    int64_t row = p.row(b, h, i), keyRow = p.keyRow(b, h, j);
    add(sums.value.floats().data() + keyRow * p.valueSize, weight * kept,
        gradient, p.valueSize);
    double slope =
        weight * (dot(gradient, p.value(b, h, j), p.valueSize) * kept - mean);
    if (sums.bias)
      sums.bias->floats()[row * p.keys + j] = slope;
    if (p.softcap) {
      double capped = p.cappedScore(b, h, i, j) / p.softcap;
      slope *= 1 - capped * capped;
    }
    add(sums.query.floats().data() + row * p.headSize, p.scale * slope,
        p.key(b, h, j), p.headSize);
    add(sums.key.floats().data() + keyRow * p.headSize, p.scale * slope,
        p.query(b, h, i), p.headSize);
  }
}

// The sum over what was broadcast from `shape`.
static Array summedTo(const Array &full, ArrayRef<int64_t> shape) {
  Array result(full.getElementType(), shape);
  Extents strides = rowMajorStrides(shape);
  size_t missing = full.getRank() - shape.size();
  forEachIndex(full.getShape(), [&](ArrayRef<int64_t> index, int64_t from) {
    int64_t to = 0;
    for (size_t axis = 0; axis < shape.size(); ++axis)
      to += shape[axis] == 1 ? 0 : index[missing + axis] * strides[axis];
    result.floats()[to] += full.floats()[from];
  });
  return result;
}

static Arrays evaluateAttentionBackward(AttentionBackwardOp op, Evaluator &,
                                        ArrayRef<Array> operands) {
  size_t first = op.getScores() ? 7 : 6;
  AttentionProblem p(op, operands, operands.drop_front(first));
  const Array *scores = op.getScores() ? &operands[6] : nullptr;
  const Array &output = operands[3], &logsumexp = operands[4],
              &gradient = operands[5];
  Gradients sums{Array(p.q.getElementType(), p.q.getShape()),
                 Array(p.k.getElementType(), p.k.getShape()),
                 Array(p.v.getElementType(), p.v.getShape()),
                 {}};
  if (op.getBiasGradient())
    sums.bias = Array(p.bias->getElementType(), p.bias->getShape());
  for (int64_t b = 0; b < p.batches; ++b)
    for (int64_t h = 0; h < p.heads; ++h)
      for (int64_t i = 0; i < p.queries; ++i) {
        int64_t row = p.row(b, h, i);
        addRow(p, scores ? scores->floats().data() + row * p.keys : nullptr,
               output.floats().data() + row * p.valueSize,
               logsumexp.floats()[row],
               gradient.floats().data() + row * p.valueSize, b, h, i, sums);
      }
  SmallVector<Array> results{sums.query, sums.key, sums.value};
  if (sums.bias)
    results.push_back(summedTo(*sums.bias, operands[first].getShape()));
  return results;
}

void attachAttentionBackwardEvaluator(MLIRContext &context) {
  AttentionBackwardOp::attachInterface<
      EvaluateModel<AttentionBackwardOp, evaluateAttentionBackward>>(context);
}

} // namespace attune::nn
