// What an op costs, as polynomials over the model's dims: the figures behind
// the choice of strategies, the ledger and the profile of a launch.
#pragma once

#include "dialects/nn/NN.h"

#include "compiler/fusion/CostInterface.h.inc"

namespace attune::fusion {

/// Attaches the cost models to the nn dialect.
void registerCostModels(mlir::DialectRegistry &registry);

/// Bytes of a tensor as kernels store it (i1 takes one byte).
nn::DimAttr tensorBytes(mlir::Value tensor);

struct Cost {
  nn::DimAttr flops, bytes;
};

/// Of one op; zero for views and structure. For a group: the flops of its body
/// and the bytes of its operands and results.
Cost costOf(mlir::Operation *op);

/// The sum over `ops`, each with its operands and results in memory.
Cost costOf(llvm::ArrayRef<mlir::Operation *> ops);

} // namespace attune::fusion
