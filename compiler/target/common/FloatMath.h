//===- FloatMath.h - arithmetic on f32 and f64 of any shape -----*- C++ -*-===//
//
// What the expansions of MathLowering are written in: constants, fused
// multiply-add, selects and bit casts for one float type, scalar or vector.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"

namespace attune::target::common {

class FloatMath {
public:
  using Value = mlir::Value;
  using Predicate = mlir::arith::CmpFPredicate;

  FloatMath(mlir::ImplicitLocOpBuilder &b, mlir::Type type, bool hasFma)
      : b(b), type(type), hasFma(hasFma) {}

  /// The same shape with another element type.
  mlir::Type as(mlir::Type element) const {
    if (auto vector = mlir::dyn_cast<mlir::VectorType>(type))
      return vector.clone(element);
    return element;
  }
  bool isDouble() const { return mlir::getElementTypeOrSelf(type).isF64(); }
  mlir::Type bitsType() const {
    return as(isDouble() ? b.getI64Type() : b.getI32Type());
  }

  Value real(double value) {
    return constant(type,
                    b.getFloatAttr(mlir::getElementTypeOrSelf(type), value));
  }
  Value bits(int64_t value) {
    mlir::Type of = bitsType();
    return constant(of,
                    b.getIntegerAttr(mlir::getElementTypeOrSelf(of), value));
  }
  Value add(Value x, Value y) { return mlir::arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return mlir::arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return mlir::arith::MulFOp::create(b, x, y); }
  Value div(Value x, Value y) { return mlir::arith::DivFOp::create(b, x, y); }
  /// A quotient that may be off by 2 ulp; both are finite, `y` not tiny.
  Value quotient(Value x, Value y) {
    return mlir::arith::DivFOp::create(b, x, y,
                                       mlir::arith::FastMathFlags::afn);
  }
  Value neg(Value x) { return mlir::arith::NegFOp::create(b, x); }
  Value abs(Value x) { return mlir::math::AbsFOp::create(b, x); }
  Value trunc(Value x) { return mlir::math::TruncOp::create(b, x); }
  Value round(Value x) { return mlir::math::RoundEvenOp::create(b, x); }
  Value copySign(Value x, Value sign) {
    return mlir::math::CopySignOp::create(b, x, sign);
  }
  Value fma(Value x, Value y, Value z) {
    if (hasFma)
      return mlir::LLVM::FMAOp::create(b, type, x, y, z);
    return add(mul(x, y), z);
  }
  /// sum of c[i] * x^i, by Horner.
  Value polynomial(Value x, llvm::ArrayRef<double> c) {
    Value sum = real(c.back());
    for (double next : llvm::reverse(c.drop_back()))
      sum = fma(sum, x, real(next));
    return sum;
  }
  Value compare(Predicate predicate, Value x, Value y) {
    return mlir::arith::CmpFOp::create(b, predicate, x, y);
  }
  Value select(Value condition, Value x, Value y) {
    return mlir::arith::SelectOp::create(b, condition, x, y);
  }
  /// Clamped to [low, high]; NaN stays.
  Value clamp(Value x, double low, double high) {
    Value l = real(low), h = real(high);
    x = select(compare(Predicate::OLT, x, l), l, x);
    return select(compare(Predicate::OGT, x, h), h, x);
  }

  Value toBits(Value x) {
    return mlir::arith::BitcastOp::create(b, bitsType(), x);
  }
  Value fromBits(Value x) { return mlir::arith::BitcastOp::create(b, type, x); }
  Value addBits(Value x, Value y) {
    return mlir::arith::AddIOp::create(b, x, y);
  }
  Value subBits(Value x, Value y) {
    return mlir::arith::SubIOp::create(b, x, y);
  }
  Value andBits(Value x, Value y) {
    return mlir::arith::AndIOp::create(b, x, y);
  }
  Value orBits(Value x, Value y) { return mlir::arith::OrIOp::create(b, x, y); }
  Value shiftLeft(Value x, int64_t by) {
    return mlir::arith::ShLIOp::create(b, x, bits(by));
  }
  Value shiftRight(Value x, int64_t by) {
    return mlir::arith::ShRSIOp::create(b, x, bits(by));
  }
  Value toInteger(Value x) {
    return mlir::arith::FPToSIOp::create(b, bitsType(), x);
  }
  Value fromInteger(Value x) {
    return mlir::arith::SIToFPOp::create(b, type, x);
  }

  /// 2^n for an integer n (as bits) within the normal exponents.
  Value powerOfTwo(Value n) {
    return fromBits(isDouble() ? shiftLeft(addBits(n, bits(1023)), 52)
                               : shiftLeft(addBits(n, bits(127)), 23));
  }

  mlir::ImplicitLocOpBuilder &b;
  const mlir::Type type;
  const bool hasFma;

private:
  Value constant(mlir::Type of, mlir::TypedAttr value) {
    if (auto vector = mlir::dyn_cast<mlir::VectorType>(of))
      return mlir::arith::ConstantOp::create(
          b, mlir::DenseElementsAttr::get(vector, value));
    return mlir::arith::ConstantOp::create(b, value);
  }
};

} // namespace attune::target::common
