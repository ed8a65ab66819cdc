// The symbols in the shapes of a function: which there are, and what is said of
// them.
#pragma once

#include "dialects/nn/NN.h"

namespace attune::nn {

/// The attribute of a function that holds the ranges of its symbols.
inline constexpr llvm::StringLiteral symbolsAttr = "nn.symbols";

using SymbolRanges = llvm::StringMap<RangeAttr>;

/// Adds the symbols in the dims of op's attributes and of its results' types.
void collectSymbols(mlir::Operation *op,
                    llvm::SetVector<llvm::StringRef> &symbols);

/// What is said of the symbols of the function that `op` is or stands in.
SymbolRanges symbolRanges(mlir::Operation *op);

} // namespace attune::nn
