//===- MathInstructions.h - math ops that the hardware has ------*- C++ -*-===//
#pragma once
#include "mlir/IR/PatternMatch.h"

namespace attune::target::cuda {

/// Patterns that make one instruction of a math op, before it is expanded into
/// arithmetic (MathLowering.h).
void populateMathInstructions(mlir::RewritePatternSet &patterns);

} // namespace attune::target::cuda
