// Attaches the evaluation models, one function per file. Private to reference/.
#pragma once

#include "dialects/nn/reference/Evaluator.h"

namespace attune::nn {

using Arrays = mlir::FailureOr<llvm::SmallVector<Array>>;

void attachElementwiseEvaluators(mlir::MLIRContext &context);
void attachReduceEvaluators(mlir::MLIRContext &context);
void attachContractEvaluators(mlir::MLIRContext &context);
void attachAttentionEvaluators(mlir::MLIRContext &context);
void attachAttentionBackwardEvaluator(mlir::MLIRContext &context);
void attachDataEvaluators(mlir::MLIRContext &context);
void attachTrainingEvaluators(mlir::MLIRContext &context);

/// External model of `Op` that calls `function(op, evaluator, operands)`.
template <typename Op, auto function>
struct EvaluateModel
    : EvaluateOpInterface::ExternalModel<EvaluateModel<Op, function>, Op> {
  Arrays evaluate(mlir::Operation *op, Evaluator &evaluator,
                  llvm::ArrayRef<Array> operands) const {
    return function(mlir::cast<Op>(op), evaluator, operands);
  }
};

/// The common case of one result.
inline Arrays one(Array array) {
  return llvm::SmallVector<Array>{std::move(array)};
}

} // namespace attune::nn
