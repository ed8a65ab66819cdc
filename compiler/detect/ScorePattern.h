// What stands between the product of queries and keys and the softmax.
//
// Enters: the softmax's input. Leaves: the product, one scale, a softcap, and
// the terms that are added, whatever their order and spelling:
//
//   scores = softcap(scale * product * rowScale) + sum of factor * bias
//
// with hidden scores as large negative biases. Private to detect/.
#pragma once

#include "compiler/detect/Matchers.h"

namespace attune::detect {

/// A term `factor * value` that is added to the scores.
struct Addend {
  mlir::Value value;
  double factor = 1;
};

/// `where(condition, scores, fill)`; hidden where the condition is false, or
/// true if `negated`.
struct Replacement {
  mlir::Value condition;
  bool negated = false;
  double fill = 0;
};

struct ScorePattern {
  nn::ContractOp product;
  double scale = 1;
  std::optional<double> softcap;
  /// Factors that are no constants; each is equal along the keys.
  llvm::SmallVector<mlir::Value> rowScales;
  llvm::SmallVector<Addend> addends;
  llvm::SmallVector<Replacement> replacements;
  /// The ops walked through, softmax first.
  llvm::SmallVector<mlir::Operation *> parts;
};

/// Replaced scores count as hidden if the value is at most this: then exp of
/// its distance to any visible score is 0.
inline constexpr double hidingValue = -1e4;

/// Reads the pattern above `softmax`; on failure `reason` is the first
/// condition that does not hold, with the node's name.
std::optional<ScorePattern> matchScores(nn::SoftmaxOp softmax,
                                        std::string &reason);

} // namespace attune::detect
