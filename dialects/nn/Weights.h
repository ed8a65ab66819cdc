// Weights that are made of weights: which may be read for that, and how one is
// written down.
#pragma once

#include "dialects/nn/NN.h"

namespace attune::nn {

/// The weight that `value` loads if passes may fold its value, else null.
WeightOp frozenWeight(const mlir::SymbolTable &symbols, mlir::Value value);

/// A weight without a value of its own, whose `init` region computes what
/// `build` returns. It is put where `builder` stands; who gives it a name that
/// is taken inserts it into a symbol table.
WeightOp
deriveWeight(mlir::OpBuilder &builder, mlir::Location loc,
             const llvm::Twine &name, mlir::RankedTensorType type,
             llvm::function_ref<mlir::Value(mlir::OpBuilder &inside)> build);

/// Loads all of `weight`.
mlir::Value loadWeight(mlir::OpBuilder &builder, mlir::Location loc,
                       WeightOp weight);

} // namespace attune::nn
