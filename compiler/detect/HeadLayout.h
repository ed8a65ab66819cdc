// Which dims of the two products are batch, head, query, key and feature, and
// views that bring tensors to [B, H, S, D]. Private to detect/.
#pragma once

#include "compiler/detect/Matchers.h"

namespace attune::detect {

/// Axes of an operand: one for each batch dim of the scores, in the order of
/// the scores' dims, then the sequence and the feature axis.
struct OperandAxes {
  llvm::SmallVector<int64_t> batch;
  int64_t sequence = 0, feature = 0;
};

/// The dims of the scores, [batch..., S, T], and how they map to [B, H, S, T]:
/// one static batch dim is the heads, the others together are B.
class HeadLayout {
public:
  /// `scores` are the dims of the product of queries and keys.
  explicit HeadLayout(llvm::ArrayRef<nn::DimAttr> scores);

  nn::DimAttr batch() const { return merged; }
  nn::DimAttr heads() const { return headCount; }

  /// [B, H, S, D] of an operand.
  mlir::Value toHeads(mlir::OpBuilder &builder, mlir::Value operand,
                      const OperandAxes &axes) const;
  /// A value that broadcasts to the scores, as one that broadcasts to
  /// [B, H, S, T].
  mlir::Value toScores(mlir::OpBuilder &builder, mlir::Value value) const;
  /// [B, H, S, DV] with dims [scores' batch dims in `order`..., S, DV], or
  /// [..., DV, S].
  mlir::Value fromHeads(mlir::OpBuilder &builder, mlir::Value value,
                        llvm::ArrayRef<int64_t> order, bool featureFirst) const;

private:
  mlir::Value mergeBatch(mlir::OpBuilder &builder, mlir::Value value) const;

  nn::Dims scores;
  /// Batch dims other than the heads; position of the heads or -1.
  llvm::SmallVector<int64_t> outer;
  int64_t head = -1;
  nn::DimAttr merged, headCount;
};

/// K or V [B, H, T, D] before its heads were repeated: [B, HK, T, D] if head h
/// reads head h / (H / HK). `value` itself, with HK = H, where it is not
/// repeated.
mlir::Value withoutRepeatedHeads(mlir::OpBuilder &builder, mlir::Value value);

/// x and c where value is views of x * c, rebuilt on x.
Scaled withoutScale(mlir::OpBuilder &builder, mlir::Value value);

} // namespace attune::detect
