// Attention and its gradients as their parts: products around scale, masks and
// softmax. Private to fusion/.
#pragma once

#include "dialects/nn/NN.h"
#include "mlir/IR/Builders.h"

namespace attune::fusion {

/// What the forward parts computed that the backward parts read again.
struct AttentionParts {
  mlir::Value scores;        ///< [B, H, S, T], -inf where hidden
  mlir::Value probabilities; ///< [B, H, S, T], before dropout
  mlir::Value capped;        ///< tanh of the softcap, or null
  mlir::Value kept;          ///< the factors of dropout, or null
};

/// Writes the parts of one op, in front of it. S: queries, T: keys.
class AttentionDecomposition {
public:
  template <typename Op>
  explicit AttentionDecomposition(Op op)
      : builder(op), loc(op.getLoc()), query(op.getQuery()), key(op.getKey()),
        value(op.getValue()), bias(op.getBias()), keyMask(op.getKeyMask()),
        random(op.getRandom()), scale(op.getScale().convertToDouble()),
        causal(op.getCausal()), window(op.getWindow()), id(op.getRandomId()),
        q(nn::getDims(query)), k(nn::getDims(key)),
        element(mlir::getElementTypeOrSelf(query.getType())) {
    if (op.getSoftcap())
      cap = op.getSoftcap()->convertToDouble();
    if (op.getDropout())
      rate = op.getDropout()->convertToDouble();
    if (auto attention = mlir::dyn_cast<nn::AttentionOp>(op.getOperation()))
      tf32 = attention.getTf32();
  }

  /// The op's result; the second if it is read.
  std::pair<mlir::Value, mlir::Value> attention(nn::AttentionOp op);
  /// The gradients, one for each result; null where nobody reads one. `saved`:
  /// of the forward op if that was written by its parts.
  llvm::SmallVector<mlir::Value> gradients(nn::AttentionBackwardOp op,
                                           const AttentionParts *saved);

  const AttentionParts &saved() const { return kept; }
  llvm::ArrayRef<mlir::Operation *> parts() const { return ops; }

private:
  using Value = mlir::Value;

  Value note(mlir::Operation *part) {
    ops.push_back(part);
    return part->getResult(0);
  }
  Value apply(nn::ElementwiseKind kind, mlir::ValueRange operands);
  Value number(double value);
  Value sum(Value input, nn::ReduceKind kind, bool keepdims);
  Value product(Value lhs, Value rhs, int64_t rhsContracting);
  Value keyProduct(Value lhs, Value rhs);
  Value positions(llvm::ArrayRef<nn::DimAttr> dims);
  Value hide(Value scores, Value visible);
  Value hideByPosition(Value scores);
  Value scores();
  Value withoutDropped(Value probabilities);
  Value logsumexp(Value scores);
  Value perRow(Value statistic);

  mlir::OpBuilder builder;
  mlir::Location loc;
  Value query, key, value, bias, keyMask;
  mlir::ValueRange random;
  double scale, cap = 0, rate = 0;
  nn::CausalKind causal;
  std::optional<uint64_t> window, id;
  nn::Dims q, k;
  mlir::Type element;
  bool tf32 = false; ///< the products
  AttentionParts kept;
  llvm::SmallVector<mlir::Operation *> ops;
};

/// The sum of `full` over the dims that a tensor of `dims` is broadcast along.
mlir::Value sumOverBroadcast(mlir::OpBuilder &builder, mlir::Location loc,
                             mlir::Value full,
                             llvm::ArrayRef<nn::DimAttr> dims);

} // namespace attune::fusion
