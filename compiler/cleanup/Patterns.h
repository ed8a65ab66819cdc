// The pattern sets of this stage. Private to cleanup/; each set has its file.
#pragma once

#include "mlir/IR/PatternMatch.h"

namespace attune::cleanup {

/// x + 0, x * 1, casts, select on a constant, logic with constants.
void addElementwisePatterns(mlir::RewritePatternSet &patterns);

/// Ops whose operands are all constants, up to `maxElements` elements.
void addConstantPatterns(mlir::RewritePatternSet &patterns,
                         int64_t maxElements);

/// Slices of slices and of concats, transposes that only move dims of 1,
/// transposes under reshapes that merge dims.
void addViewPatterns(mlir::RewritePatternSet &patterns);

/// Broadcasts move below elementwise ops, where they vanish or stay views.
void addBroadcastPatterns(mlir::RewritePatternSet &patterns);

/// Transposes and reshapes of operands become dimension numbers of contract;
/// reshapes move below what does not mind them.
void addContractPatterns(mlir::RewritePatternSet &patterns);

/// Gathers at known positions become views; conditions that are known from
/// indices alone become constants.
void addIndexPatterns(mlir::RewritePatternSet &patterns);

} // namespace attune::cleanup
