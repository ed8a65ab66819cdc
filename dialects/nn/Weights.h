// Weights that are made of weights: which may be read for that, and how one is
// written down.
#pragma once

#include "dialects/nn/NN.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace attune::nn {

/// The attribute of a function's result that makes it the new value of a
/// weight.
inline constexpr llvm::StringLiteral updatesAttr = "nn.updates";

/// The attribute of a weight that no layer has for a parameter: it is trained
/// only where it is named. And the one of a module that lists by name what its
/// author may take for a parameter all the same.
inline constexpr llvm::StringLiteral constantAttr = "nn.constant";
inline constexpr llvm::StringLiteral leftOutAttr = "nn.left_out";

/// The weight that result `result` of a function updates; null if none.
mlir::FlatSymbolRefAttr updatedBy(mlir::FunctionOpInterface function,
                                  unsigned result);

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
