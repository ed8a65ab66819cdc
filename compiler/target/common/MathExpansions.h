//===- MathExpansions.h - the expansions, by name ---------------*- C++ -*-===//
//
// For MathLowering, and for what targets put in its place: each takes and
// returns values of `m.type` (f32, scalar or vector).
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/FloatMath.h"

namespace attune::target::common {

mlir::Value expandExp(FloatMath &m, mlir::Value x);
mlir::Value expandExp2(FloatMath &m, mlir::Value x);
/// For x <= 0, to 2e-7, and exactly 0 below -127.
mlir::Value expandNegativeExp2(FloatMath &m, mlir::Value x);
mlir::Value expandExpM1(FloatMath &m, mlir::Value x);
mlir::Value expandLog(FloatMath &m, mlir::Value x);
mlir::Value expandLog2(FloatMath &m, mlir::Value x);
mlir::Value expandLog10(FloatMath &m, mlir::Value x);
mlir::Value expandLog1P(FloatMath &m, mlir::Value x);
mlir::Value expandPow(FloatMath &m, mlir::Value x, mlir::Value y);
mlir::Value expandRemainder(FloatMath &m, mlir::Value x, mlir::Value y);
/// erf x = x' numerator / denominator, where x' is x clamped.
struct ErfFraction {
  mlir::Value clamped, numerator, denominator;
};
ErfFraction erfFraction(FloatMath &m, mlir::Value x);
mlir::Value expandErf(FloatMath &m, mlir::Value x);
mlir::Value expandTanh(FloatMath &m, mlir::Value x);
/// tanh x up to a magnitude that is not `tanhIsFar`; NaN is far.
mlir::Value tanhNearZero(FloatMath &m, mlir::Value x);
mlir::Value tanhIsFar(FloatMath &m, mlir::Value magnitude);
mlir::Value expandSin(FloatMath &m, mlir::Value x);
mlir::Value expandCos(FloatMath &m, mlir::Value x);
mlir::Value expandRound(FloatMath &m, mlir::Value x);
mlir::Value expandRsqrt(FloatMath &m, mlir::Value x);
mlir::Value expandFma(FloatMath &m, mlir::Value x, mlir::Value y,
                      mlir::Value z);

} // namespace attune::target::common
