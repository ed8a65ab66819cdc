// What can be proven of a dim under the ranges of the model's symbols.
#pragma once

#include "dialects/nn/NN.h"

namespace attune::kernels {

/// Ranges by symbol, from `nn.symbols` of the function around `op`. A symbol
/// that is not listed is at least 1.
llvm::StringMap<nn::RangeAttr> symbolRanges(mlir::Operation *op);

/// Whether `dim` >= 0 for all values of its symbols. False if it is not, or not
/// known.
bool isNonNegative(nn::DimAttr dim,
                   const llvm::StringMap<nn::RangeAttr> &ranges);

} // namespace attune::kernels
