//===- MathLowering.h - elementary functions without libm -------*- C++ -*-===//
//
// The object that a package ships imports nothing, so every function of the
// math dialect that has no instruction is expanded here, on f32 scalars and
// vectors alike. Errors against the exact value, found by
// test/MathLoweringTest.cpp:
//
//   exp exp2 expm1 log log2 log10 rsqrt pow   2 units in the last place
//   sin cos                                   2, for |x| <= 2^20
//   log1p tanh                                3
//   erf                                       10
//
// math.exp2 with the fast-math flag `afn` is for arguments that are not
// positive (the terms of a softmax): 3 ulp in half the instructions, exactly 1
// at 0 and exactly 0 below -127.
//
// NaN in gives NaN out; infinities, zeros and overflow follow C. Subnormal
// results are exact to within one unit in the last place.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/Emitter.h"
#include "mlir/IR/PatternMatch.h"

namespace attune::target::common {

/// Patterns for every math op with an expansion. What is left of the dialect
/// has an instruction; `hasInstruction` says which.
void populateMathLowering(mlir::RewritePatternSet &patterns, bool hasFma);
/// Of integers; part of the above.
void populateIntegerPower(mlir::RewritePatternSet &patterns);
bool hasInstruction(mlir::Operation *mathOp);

/// 2^x for x <= 0, to a relative 4e-6, exactly 1 at 0 and exactly 0 below -127:
/// what a softmax needs, in 10 instructions. x is a vector of f32.
mlir::Value emitSoftmaxExp2(Emitter &emit, mlir::Value x);

} // namespace attune::target::common
