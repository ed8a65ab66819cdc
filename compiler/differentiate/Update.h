// One step of an optimizer as nn ops: new weights from gradients.
#pragma once

#include "compiler/differentiate/Formula.h"
#include "compiler/differentiate/Training.h"

namespace attune::differentiate {

/// Makes the weights of the optimizer's own, `@w.m` and the like, of `weights`.
mlir::LogicalResult addOptimizerState(mlir::SymbolTable &symbols,
                                      const Training &training,
                                      llvm::ArrayRef<nn::WeightOp> weights);

/// Builds at `site` and adds to `results` `grad_norm` and the new value of each
/// weight and of its state, from `gradients` in the order of `weights`. `lr`
/// and `step` are scalars, f32 and i64; the first step is 1.
void addUpdates(Results &results, Site &site, const mlir::SymbolTable &symbols,
                const Training &training, llvm::ArrayRef<nn::WeightOp> weights,
                llvm::ArrayRef<mlir::Value> gradients, mlir::Value lr,
                mlir::Value step);

} // namespace attune::differentiate
