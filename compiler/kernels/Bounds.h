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

/// The value of `dim` where every symbol is at its greatest, which is the
/// greatest of any extent that grows with its symbols; INT64_MAX where a symbol
/// has no bound. For estimates, not for proofs.
int64_t greatest(nn::DimAttr dim, const llvm::StringMap<nn::RangeAttr> &ranges);

} // namespace attune::kernels
