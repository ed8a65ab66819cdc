// What can be proven of a dim under the ranges of the model's symbols.
#pragma once

#include "dialects/nn/Symbols.h"

namespace attune::kernels {

/// Whether `dim` >= 0 for all values of its symbols, of which those without a
/// range are at least 1. False if it is not, or not known.
bool isNonNegative(nn::DimAttr dim, const nn::SymbolRanges &ranges);

/// The value of `dim` where every symbol is at its greatest, which is the
/// greatest of any extent that grows with its symbols; INT64_MAX where a symbol
/// has no bound. For estimates, not for proofs.
int64_t greatest(nn::DimAttr dim, const nn::SymbolRanges &ranges);

} // namespace attune::kernels
