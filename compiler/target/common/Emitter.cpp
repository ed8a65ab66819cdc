//===- Emitter.cpp --------------------------------------------------------===//
#include "compiler/target/common/Emitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attune::target::common;

//===----------------------------------------------------------------------===//
// Integers: folded here, so that addresses of static shapes stay immediates.
//===----------------------------------------------------------------------===//

Value Emitter::integer(int64_t value) {
  return arith::ConstantOp::create(*this, getI64IntegerAttr(value));
}

std::optional<int64_t> Emitter::constant(Value value) {
  APInt bits;
  if (!matchPattern(value, m_ConstantInt(&bits)))
    return std::nullopt;
  return bits.getSExtValue();
}

Value Emitter::add(Value a, Value b) {
  std::optional<int64_t> x = constant(a), y = constant(b);
  if (x && y)
    return integer(*x + *y);
  if (x && *x == 0)
    return b;
  if (y && *y == 0)
    return a;
  return arith::AddIOp::create(*this, a, b);
}

Value Emitter::add(Value a, int64_t b) { return b ? add(a, integer(b)) : a; }

Value Emitter::sub(Value a, Value b) {
  std::optional<int64_t> x = constant(a), y = constant(b);
  if (x && y)
    return integer(*x - *y);
  if (y && *y == 0)
    return a;
  return arith::SubIOp::create(*this, a, b);
}

Value Emitter::mul(Value a, Value b) {
  std::optional<int64_t> x = constant(a), y = constant(b);
  if (x && y)
    return integer(*x * *y);
  if ((x && *x == 0) || (y && *y == 1))
    return a;
  if ((y && *y == 0) || (x && *x == 1))
    return b;
  return arith::MulIOp::create(*this, a, b);
}

Value Emitter::mul(Value a, int64_t b) { return mul(a, integer(b)); }

Value Emitter::div(Value a, Value b) {
  std::optional<int64_t> x = constant(a), y = constant(b);
  if (x && y)
    return integer(*x / *y);
  if (y && *y == 1)
    return a;
  return arith::DivUIOp::create(*this, a, b);
}

Value Emitter::rem(Value a, Value b) {
  std::optional<int64_t> x = constant(a), y = constant(b);
  if (x && y)
    return integer(*x % *y);
  if (y && *y == 1)
    return integer(0);
  return arith::RemUIOp::create(*this, a, b);
}

Value Emitter::ceilDiv(Value a, int64_t b) {
  return div(add(a, b - 1), integer(b));
}

Value Emitter::roundDown(Value a, int64_t b) {
  return mul(div(a, integer(b)), b);
}

Value Emitter::roundUp(Value a, int64_t b) { return mul(ceilDiv(a, b), b); }

Value Emitter::min(Value a, Value b) {
  std::optional<int64_t> x = constant(a), y = constant(b);
  if (x && y)
    return integer(std::min(*x, *y));
  return a == b ? a : arith::MinSIOp::create(*this, a, b).getResult();
}

Value Emitter::max(Value a, Value b) {
  std::optional<int64_t> x = constant(a), y = constant(b);
  if (x && y)
    return integer(std::max(*x, *y));
  return a == b ? a : arith::MaxSIOp::create(*this, a, b).getResult();
}

Value Emitter::less(Value a, Value b) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, a, b);
}

Value Emitter::equal(Value a, Value b) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, a, b);
}

//===----------------------------------------------------------------------===//
// Floats and vectors
//===----------------------------------------------------------------------===//

VectorType Emitter::vector(Type element) {
  return VectorType::get({lanes}, element);
}

Type Emitter::pointerType() { return LLVM::LLVMPointerType::get(getContext()); }

Value Emitter::real(double value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(float(value)));
}

Value Emitter::splat(Value scalar) {
  return vector::BroadcastOp::create(*this, vector(scalar.getType()), scalar);
}

Value Emitter::splat(double value) {
  return arith::ConstantOp::create(
      *this, DenseElementsAttr::get(vector(getF32Type()), float(value)));
}

Value Emitter::fma(Value a, Value b, Value c) {
  // llvm.fma without the instruction is a call of libm.
  if (hasFma)
    return LLVM::FMAOp::create(*this, a.getType(), a, b, c);
  return addf(mulf(a, b), c);
}

Value Emitter::addf(Value a, Value b) {
  return arith::AddFOp::create(*this, a, b);
}

Value Emitter::mulf(Value a, Value b) {
  return arith::MulFOp::create(*this, a, b);
}

Value Emitter::maxf(Value a, Value b) {
  Value greater = arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, b, a);
  return arith::SelectOp::create(*this, greater, b, a);
}

Value Emitter::laneNumbers(Type element) {
  SmallVector<Attribute> numbers;
  for (int64_t lane = 0; lane < lanes; ++lane)
    numbers.push_back(isa<FloatType>(element)
                          ? Attribute(getFloatAttr(element, double(lane)))
                          : Attribute(getIntegerAttr(element, lane)));
  return arith::ConstantOp::create(
      *this, DenseElementsAttr::get(vector(element), numbers));
}

Value Emitter::lanesBelow(Value count) {
  // Clamped, so that 32 bits hold it: half the registers to compare.
  Value clamped = max(min(count, integer(lanes)), integer(0));
  Value narrow = arith::TruncIOp::create(*this, getI32Type(), clamped);
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt,
                               laneNumbers(getI32Type()), splat(narrow));
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Bytes of an element in memory; booleans take one.
static int64_t byteSize(Type element) {
  return std::max<int64_t>(1, element.getIntOrFloatBitWidth() / 8);
}

int64_t Emitter::alignmentOf(Type type) {
  return byteSize(getElementTypeOrSelf(type));
}

Value Emitter::at(Value pointer, Value offset, Type element) {
  if (std::optional<int64_t> known = constant(offset))
    return at(pointer, *known, element);
  if (element.isInteger(1))
    element = getI8Type();
  return LLVM::GEPOp::create(*this, pointer.getType(), element, pointer,
                             ValueRange(offset));
}

Value Emitter::at(Value pointer, int64_t offset, Type element) {
  if (!offset)
    return pointer;
  // In bytes, so that a constant beyond 32 bits of elements stays exact.
  Value bytes = integer(offset * byteSize(element));
  return LLVM::GEPOp::create(*this, pointer.getType(), getI8Type(), pointer,
                             ValueRange(bytes));
}

Value Emitter::load(Value pointer, Type type) {
  return LLVM::LoadOp::create(*this, type, pointer, alignmentOf(type));
}

void Emitter::store(Value value, Value pointer) {
  LLVM::StoreOp::create(*this, value, pointer, alignmentOf(value.getType()));
}

Value Emitter::loadVector(Value pointer, Type element) {
  return load(pointer, vector(element));
}

Value Emitter::pointers(Value pointer, Type element, Value stride) {
  Value offsets =
      arith::MulIOp::create(*this, laneNumbers(getI64Type()), splat(stride));
  Type type = VectorType::get({lanes}, pointer.getType());
  return LLVM::GEPOp::create(*this, type, element, pointer,
                             ValueRange(offsets));
}

Value Emitter::loadVector(Value pointer, Type element, Value stride, Value mask,
                          Value fill) {
  // A boolean is a byte in memory.
  if (element.isInteger(1)) {
    if (fill)
      fill = arith::ExtUIOp::create(*this, getI8Type(), fill);
    Value bytes = loadVector(pointer, getI8Type(), stride, mask, fill);
    Value zero = arith::ConstantOp::create(*this, getZeroAttr(bytes.getType()));
    return arith::CmpIOp::create(*this, arith::CmpIPredicate::ne, bytes, zero);
  }
  Type type = vector(element);
  std::optional<int64_t> known = constant(stride);
  bool unit = known && *known == 1;
  if (unit && !mask)
    return load(pointer, type);
  Value passthrough =
      fill ? splat(fill)
           : arith::ConstantOp::create(*this, getZeroAttr(type)).getResult();
  if (known && *known == 0 && !mask)
    return splat(load(pointer, element));
  if (!mask)
    mask = arith::ConstantOp::create(
        *this, DenseElementsAttr::get(vector(getI1Type()), true));
  if (unit)
    return LLVM::MaskedLoadOp::create(*this, type, pointer, mask, passthrough,
                                      byteSize(element));
  return LLVM::masked_gather::create(
      *this, type, pointers(pointer, element, stride), mask,
      ValueRange(passthrough), byteSize(element));
}

void Emitter::storeVector(Value value, Value pointer, Value stride,
                          Value mask) {
  Type element = cast<VectorType>(value.getType()).getElementType();
  if (element.isInteger(1)) {
    element = getI8Type();
    value = arith::ExtUIOp::create(*this, vector(element), value);
  }
  std::optional<int64_t> known = constant(stride);
  bool unit = known && *known == 1;
  if (unit && !mask)
    return store(value, pointer);
  if (!mask)
    mask = arith::ConstantOp::create(
        *this, DenseElementsAttr::get(vector(getI1Type()), true));
  if (unit) {
    LLVM::MaskedStoreOp::create(*this, value, pointer, mask, byteSize(element));
    return;
  }
  LLVM::masked_scatter::create(*this, value, pointers(pointer, element, stride),
                               mask, byteSize(element));
}

Value Emitter::gatherVector(Value pointer, Type element, Value offsets,
                            Value mask) {
  if (element.isInteger(1)) {
    Value bytes = gatherVector(pointer, getI8Type(), offsets, mask);
    Value zero = arith::ConstantOp::create(*this, getZeroAttr(bytes.getType()));
    return arith::CmpIOp::create(*this, arith::CmpIPredicate::ne, bytes, zero);
  }
  Type type = vector(element);
  // One by one: an address is then a base and an offset in the load itself,
  // where LLVM would add up vectors of addresses first.
  if (!mask && !hasGather) {
    Value result = arith::ConstantOp::create(*this, getZeroAttr(type));
    for (int64_t lane = 0; lane < lanes; ++lane) {
      Value offset = vector::ExtractOp::create(*this, offsets, lane);
      Value value = load(at(pointer, offset, element), element);
      result = vector::InsertOp::create(*this, value, result, lane);
    }
    return result;
  }
  Value pointers =
      LLVM::GEPOp::create(*this, VectorType::get({lanes}, pointer.getType()),
                          element, pointer, ValueRange(offsets));
  if (!mask)
    mask = arith::ConstantOp::create(
        *this, DenseElementsAttr::get(vector(getI1Type()), true));
  Value zero = arith::ConstantOp::create(*this, getZeroAttr(type));
  return LLVM::masked_gather::create(*this, type, pointers, mask,
                                     ValueRange(zero), byteSize(element));
}

Value Emitter::loadScalar(Value pointer, Type element) {
  if (!element.isInteger(1))
    return load(pointer, element);
  Value byte = load(pointer, getI8Type());
  Value zero = arith::ConstantOp::create(*this, getI8IntegerAttr(0));
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::ne, byte, zero);
}

void Emitter::storeScalar(Value value, Value pointer) {
  if (value.getType().isInteger(1))
    value = arith::ExtUIOp::create(*this, getI8Type(), value);
  store(value, pointer);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

Emitter::Values Emitter::forLoop(Value from, Value to, int64_t step,
                                 ValueRange inits, LoopBody body) {
  auto loop = scf::ForOp::create(*this, from, to, integer(step), inits);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  Values next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!inits.empty()) {
    setInsertionPointToEnd(loop.getBody());
    scf::YieldOp::create(*this, next);
  }
  return Values(loop.getResults());
}

void Emitter::forLoop(Value from, Value to, int64_t step,
                      function_ref<void(Value)> body) {
  forLoop(from, to, step, ValueRange(), [&](Value index, ValueRange) {
    body(index);
    return Values();
  });
}

void Emitter::ifThen(Value condition, function_ref<void()> body) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  body();
}

Emitter::Values Emitter::ifElse(Value condition, TypeRange types,
                                function_ref<Values()> then,
                                function_ref<Values()> otherwise) {
  auto branch =
      scf::IfOp::create(*this, types, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  auto fill = [&](Block *block, function_ref<Values()> body) {
    setInsertionPointToStart(block);
    Values results = body();
    if (types.empty())
      return;
    setInsertionPointToEnd(block);
    scf::YieldOp::create(*this, results);
  };
  fill(branch.thenBlock(), then);
  fill(branch.elseBlock(), otherwise);
  return Values(branch.getResults());
}
