//===- AttentionCase.h - attention kernels for tests of targets -*- C++ -*-===//
//
// One kernel of family attention as text, with every option it can have, its
// operands, drawn at random, and its results in double precision. Every target
// is tested with the same text.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/testing/KernelArguments.h"
#include "compiler/target/common/testing/TypedBuffer.h"
#include <cmath>
#include <random>
#include <string>

namespace attune::target::common::testing {

enum class AttentionMask { None, Causal, BottomRight, Window };

struct AttentionCase {
  int64_t batch, kvHeads, groups, queries, keys, depth, columns;
  AttentionMask mask = AttentionMask::None;
  bool bias = false, padding = false, lengths = false;
  double softcap = 0;
  int64_t blockRows = 48, blockKeys = 256;
  std::string element = "f32"; ///< of Q, K, V and the result
  int64_t window = 5;
  bool halvedQueries = false; ///< the dot takes Q / 2, computed in the kernel
  int64_t valuesFrom = 0;     ///< elements of V's buffer that stand before V
  bool tf32 = false;          ///< of both dots

  /// "f32", "f16", "bf16", or "tf32", whose elements are f32.
  void setPrecision(const std::string &precision) {
    tf32 = precision == "tf32";
    element = tf32 ? "f32" : precision;
  }
  int64_t heads() const { return kvHeads * groups; }
  double scale() const { return 1.0 / std::sqrt(double(depth)); }
  std::string description() const;
};

/// The kernel, named @f. Q, K, V and the result lie as [batch, row, head,
/// size], heads side by side, as projections leave them.
std::string attentionText(const AttentionCase &c);

/// The operands of a case, and what came out.
class AttentionData {
public:
  AttentionData(const AttentionCase &c, std::mt19937 &random);
  std::vector<Argument> arguments();

  /// Largest difference from double precision, of the result and of the
  /// log-sum-exp; infinite where something is NaN or was not written. With tf32
  /// from that of operands which are rounded first: what it leaves to the
  /// result is the rounding of the weights, and nothing to the log-sum-exp.
  struct Errors {
    double result = 0, lse = 0;
  };
  Errors errors() const;
  const TypedBuffer &result() const { return out; }

private:
  double score(int64_t b, int64_t h, int64_t i, int64_t j) const;
  /// As the dot takes it.
  double operand(const TypedBuffer &buffer, int64_t at) const {
    return c.tf32 ? roundedToTf32(buffer.get(at)) : buffer.get(at);
  }

  const AttentionCase &c;
  TypedBuffer q, k, v, out;
  std::vector<float> bias, lse;
  std::vector<char> padding;
  std::vector<int64_t> lengths;
  int64_t lower, upper;
};

} // namespace attune::target::common::testing
