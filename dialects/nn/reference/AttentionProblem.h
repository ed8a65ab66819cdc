// Sizes and operands of one attention, of its forward or its backward op, and
// what both read of them: scores, what is visible, what dropout keeps. Private
// to reference/.
#pragma once

#include "dialects/nn/Philox.h"
#include "dialects/nn/reference/EvaluateModels.h"
#include <cmath>

namespace attune::nn {

struct AttentionProblem {
  Array q, k, v;
  std::optional<Array> bias;    // broadcast to [B, H, S, T]
  std::optional<Array> keyMask; // [B, T]
  int64_t batches, heads, queries, headSize, keyHeads, keys, valueSize;
  double scale, softcap, dropout;
  CausalKind causal;
  std::optional<uint64_t> window;
  uint64_t seed = 0, step = 0, first = 0, id = 0;

  /// `rest`: the operands after those that come before the bias.
  template <typename Op>
  AttentionProblem(Op op, llvm::ArrayRef<Array> operands,
                   llvm::ArrayRef<Array> rest)
      : q(operands[0]), k(operands[1]), v(operands[2]),
        batches(q.getShape()[0]), heads(q.getShape()[1]),
        queries(q.getShape()[2]), headSize(q.getShape()[3]),
        keyHeads(k.getShape()[1]), keys(k.getShape()[2]),
        valueSize(v.getShape()[3]), scale(op.getScale().convertToDouble()),
        softcap(op.getSoftcap() ? op.getSoftcap()->convertToDouble() : 0),
        dropout(op.getDropout() ? op.getDropout()->convertToDouble() : 0),
        causal(op.getCausal()), window(op.getWindow()) {
    if (op.getBias()) {
      bias = rest.front().broadcasted({batches, heads, queries, keys});
      rest = rest.drop_front();
    }
    if (op.getKeyMask()) {
      keyMask = rest.front();
      rest = rest.drop_front();
    }
    if (!op.getDropout())
      return;
    seed = rest[0].ints()[0];
    step = rest[1].ints()[0];
    first = rest[2].ints()[0];
    id = *op.getRandomId();
  }

  int64_t keyHead(int64_t h) const { return h / (heads / keyHeads); }
  /// Row (b, h, i) of the queries, the result and the statistics.
  int64_t row(int64_t b, int64_t h, int64_t i) const {
    return (b * heads + h) * queries + i;
  }
  const double *query(int64_t b, int64_t h, int64_t i) const {
    return q.floats().data() + row(b, h, i) * headSize;
  }
  const double *key(int64_t b, int64_t h, int64_t j) const {
    return k.floats().data() + keyRow(b, h, j) * headSize;
  }
  const double *value(int64_t b, int64_t h, int64_t j) const {
    return v.floats().data() + keyRow(b, h, j) * valueSize;
  }
  /// The row of keys and values that head h reads.
  int64_t keyRow(int64_t b, int64_t h, int64_t j) const {
    return (b * keyHeads + keyHead(h)) * keys + j;
  }

  bool isVisible(int64_t b, int64_t i, int64_t j) const {
    int64_t offset = causal == CausalKind::BottomRight ? keys - queries : 0;
    if (causal != CausalKind::None && j > i + offset)
      return false;
    if (window && std::abs(i + offset - j) >= int64_t(*window))
      return false;
    return !keyMask || keyMask->ints()[b * keys + j];
  }
  /// Before the bias.
  double cappedScore(int64_t b, int64_t h, int64_t i, int64_t j) const {
    double dot = 0;
    for (int64_t d = 0; d < headSize; ++d)
      dot += query(b, h, i)[d] * key(b, h, j)[d];
    dot *= scale;
    return softcap ? softcap * std::tanh(dot / softcap) : dot;
  }
  double score(int64_t b, int64_t h, int64_t i, int64_t j) const {
    double sum = cappedScore(b, h, i, j);
    return bias ? sum + bias->floats()[row(b, h, i) * keys + j] : sum;
  }
  /// What dropout multiplies a probability by.
  double kept(int64_t b, int64_t h, int64_t i, int64_t j) const {
    if (dropout == 0)
      return 1;
    uint64_t sample = uint64_t(heads) * queries * keys;
    uint64_t within = (uint64_t(h) * queries + i) * keys + j;
    double drawn = uniform(seed, step, id, (first + b) * sample + within);
    return drawn < dropout ? 0 : 1 / (1 - dropout);
  }
};

} // namespace attune::nn
