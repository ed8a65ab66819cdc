// What stands between the products of attention: scale, softcap, bias, masks,
// the band. Forward and backward write the same text, so both see the same
// scores.
#pragma once

#include "compiler/kernels/KernelBuilder.h"
#include "compiler/kernels/ScalarBuilder.h"

namespace attune::kernels {

/// Axes of the iteration space; head = kv head * groups + group.
enum AttentionAxis : unsigned {
  kBatch,
  kKvHead,
  kGroup,
  kQuery,
  kKey,
  kAttentionAxes
};

class AttentionScores {
public:
  /// `op`: attention or its backward op. `element`: what is computed in.
  template <typename Op>
  AttentionScores(KernelBuilder &kernel, Op op, mlir::Type element)
      : kernel(kernel), element(element), query(op.getQuery()),
        key(op.getKey()), biasValue(op.getBias()), maskValue(op.getKeyMask()),
        random(op.getRandom()), id(op.getRandomId().value_or(0)),
        scale(op.getScale().convertToDouble()), causal(op.getCausal()),
        window(op.getWindow()) {
    if (op.getSoftcap())
      cap = op.getSoftcap()->convertToDouble();
    if (op.getDropout())
      rate = op.getDropout()->convertToDouble();
  }

  /// [batch, head, position, feature] or fewer dims, every dim kept.
  mlir::Value addTensor(mlir::Value operand);
  /// Bias and key mask, unless the scores are `saved`, and what random numbers
  /// are drawn from: the last inputs.
  void addOperands(bool saved = false);
  /// lower() and upper(); after the operands and results.
  void addBand();
  /// Of the band; null: unlimited.
  mlir::Value lower, upper;
  nn::DimAttr lowerDim, upperDim;

  /// Scores in units of log 2 from their dot, at one position for each axis.
  mlir::Value build(mlir::Value dot, llvm::ArrayRef<mlir::Value> positions);
  /// The same from a block of saved scores, which are in units of e.
  mlir::Value rebuild(mlir::Value saved, mlir::Value rows, mlir::Value keys);
  /// What is saved of a block that `build` gave.
  mlir::Value toSave(mlir::Value block);
  /// The gradient of the scaled dot from that of the score: with the derivative
  /// of the softcap. After `build`.
  mlir::Value differentiate(mlir::Value gradient);

  /// After addGrid, where the numbers of all scores begin.
  void addRandom();
  /// `block` of scores with what dropout drops set to zero and the others
  /// scaled; itself if nothing is dropped.
  mlir::Value drop(mlir::Value block, mlir::Value batch, mlir::Value head,
                   mlir::Value rows, mlir::Value keys);

  mlir::Value load(mlir::Value memref, llvm::ArrayRef<mlir::Value> positions) {
    return tile::LoadOp::create(kernel.builder, kernel.loc(), memref,
                                positions);
  }
  ScalarBuilder scalars(llvm::ArrayRef<mlir::Value> spans) {
    return ScalarBuilder(kernel.builder, kernel.loc(), spans);
  }
  /// Elementwise kinds on floats are total, so they cannot fail.
  mlir::Value apply(ScalarBuilder &on, nn::ElementwiseKind kind,
                    mlir::ValueRange inputs) {
    return *on.build(kind, inputs, element);
  }
  mlir::Value cast(llvm::ArrayRef<mlir::Value> spans, mlir::Value block,
                   mlir::Type to) {
    return *scalars(spans).build(nn::ElementwiseKind::Cast, block, to);
  }
  void store(llvm::ArrayRef<mlir::Value> spans, mlir::Value block,
             mlir::Value memref, llvm::ArrayRef<mlir::Value> positions);
  /// The span of all `size` features.
  mlir::Value whole(int64_t size);
  /// kv head * groups + group.
  mlir::Value headOf(mlir::Value kvHead, mlir::Value group);
  int64_t groups() const;

private:
  mlir::Value addBand(mlir::Value scores);
  mlir::Value addScale(mlir::Value dot);
  mlir::Value addBias(mlir::Value scores,
                      llvm::ArrayRef<mlir::Value> positions);
  mlir::Value addKeyMask(mlir::Value scores,
                         llvm::ArrayRef<mlir::Value> positions);

  KernelBuilder &kernel;
  mlir::Type element;
  mlir::Value query, key, biasValue, maskValue; // of the op
  mlir::ValueRange random;                      // seed, step, first, or none
  uint64_t id;
  double scale, cap = 0, rate = 0;
  nn::CausalKind causal;
  std::optional<uint64_t> window;
  std::optional<Operand> bias, keyMask;
  llvm::SmallVector<mlir::Value> spans; // of the scores that were built last
  mlir::Value capped;                   // their tanh
  llvm::SmallVector<mlir::Value> words; // of `random`: memrefs
  mlir::Value seed, step, first;        // the numbers of this call's scores
  mlir::Value kept; // factors of dropout, once they are made
};

} // namespace attune::kernels
