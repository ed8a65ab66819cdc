//===- Emitter.cpp --------------------------------------------------------===//
#include "compiler/target/cuda/Emitter.h"
#include "compiler/target/cuda/SharedMemory.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attune::target::cuda;

static constexpr unsigned kGlobalSpace = 1, kSharedSpace = 3;

Type Emitter::pointerType() {
  return LLVM::LLVMPointerType::get(getContext(), kGlobalSpace);
}

Type Emitter::sharedPointerType() {
  return LLVM::LLVMPointerType::get(getContext(), kSharedSpace);
}

void Emitter::store(Value value, Value pointer) {
  auto vector = dyn_cast<VectorType>(value.getType());
  int64_t bits =
      vector ? vector.getNumElements() * vector.getElementTypeBitWidth() : 0;
  if (!alignedVectors || (bits != 32 && bits != 64))
    return common::Emitter::store(value, pointer);
  Value whole = LLVM::BitcastOp::create(*this, getIntegerType(bits), value);
  StringRef text =
      bits == 32 ? "st.global.b32 [$0], $1;" : "st.global.b64 [$0], $1;";
  LLVM::InlineAsmOp::create(
      *this, TypeRange(), ValueRange{pointer, whole}, text,
      bits == 32 ? "l,r" : "l,l", /*has_side_effects=*/true,
      /*is_align_stack=*/false, LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr::get(getContext(), LLVM::AsmDialect::AD_ATT),
      ArrayAttr());
}

Value Emitter::lanesBelow(Value count) {
  Value narrow = arith::TruncIOp::create(*this, getI32Type(), count);
  Values below;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    Value number =
        arith::ConstantOp::create(*this, getI32IntegerAttr(int32_t(lane)));
    below.push_back(arith::CmpIOp::create(*this, arith::CmpIPredicate::slt,
                                          number, narrow));
  }
  return vector::FromElementsOp::create(*this, vector(getI1Type()), below);
}

int64_t Emitter::alignmentOf(Type type) {
  int64_t element = common::Emitter::alignmentOf(type);
  auto vector = dyn_cast<VectorType>(type);
  if (!alignedVectors || !vector)
    return element;
  return std::min<int64_t>(16, vector.getNumElements() * element);
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

Value Emitter::wide(Value i32) {
  return arith::ExtUIOp::create(*this, getI64Type(), i32);
}

Value Emitter::threadIndex() {
  return wide(NVVM::ThreadIdXOp::create(*this, getI32Type()));
}

Value Emitter::laneIndex() { return rem(threadIndex(), integer(kWarp)); }

Value Emitter::warpIndex() { return div(threadIndex(), integer(kWarp)); }

Value Emitter::blockIndex() {
  return wide(NVVM::BlockIdXOp::create(*this, getI32Type()));
}

void Emitter::barrier() { NVVM::Barrier0Op::create(*this); }

Value Emitter::shared(int64_t byte) {
  Value base =
      LLVM::AddressOfOp::create(*this, sharedPointerType(), kSharedSymbol);
  return at(base, byte, getI8Type());
}

//===----------------------------------------------------------------------===//
// Asynchronous copies
//===----------------------------------------------------------------------===//

void Emitter::copyAsync(Value to, Value from, int64_t bytes, Value valid) {
  // Copies of 16 bytes go past L1, which would not be read again.
  auto cache = bytes == 16 ? NVVM::LoadCacheModifierKind::CG
                           : NVVM::LoadCacheModifierKind::CA;
  NVVM::CpAsyncOp::create(*this, to, from, uint32_t(bytes), cache, valid);
}

void Emitter::commitCopies() { NVVM::CpAsyncCommitGroupOp::create(*this); }

void Emitter::waitForCopies(int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(*this, uint32_t(pending));
}

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

static Emitter::Values unpack(Emitter &emit, Value aggregate, int64_t count) {
  if (count == 1)
    return {aggregate};
  Emitter::Values values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(LLVM::ExtractValueOp::create(emit, aggregate, i));
  return values;
}

Emitter::Values Emitter::loadMatrices(Value row, int64_t count,
                                      bool transposed) {
  SmallVector<Type> registers(count, getI32Type());
  Type result =
      count == 1
          ? Type(getI32Type())
          : Type(LLVM::LLVMStructType::getLiteral(getContext(), registers));
  auto shape = NVVM::LdStMatrixShapeAttr::get(getContext(), 8, 8);
  Value loaded = NVVM::LdMatrixOp::create(*this, result, row, uint32_t(count),
                                          transposed ? NVVM::MMALayout::col
                                                     : NVVM::MMALayout::row,
                                          shape, NVVM::LdStMatrixEltType::B16);
  return unpack(*this, loaded, count);
}

Emitter::Values Emitter::mma(Type element, ValueRange a, ValueRange b,
                             ValueRange c) {
  auto kind = element.isF16()    ? NVVM::MMATypes::f16
              : element.isBF16() ? NVVM::MMATypes::bf16
                                 : NVVM::MMATypes::tf32;
  int64_t k = element.isF32() ? 8 : 16;
  SmallVector<Type> sums(4, getF32Type());
  Type result = LLVM::LLVMStructType::getLiteral(getContext(), sums);
  auto cast = [&](ValueRange registers) {
    // The op wants f16 as pairs and everything else as registers.
    Values values;
    for (Value value : registers)
      values.push_back(element.isF16()
                           ? LLVM::BitcastOp::create(
                                 *this, VectorType::get({2}, element), value)
                                 .getResult()
                           : value);
    return values;
  };
  Value product = NVVM::MmaOp::create(
      *this, result, cast(a), cast(b), c, ArrayRef<int64_t>{16, 8, k},
      std::nullopt, std::nullopt, std::array<NVVM::MMATypes, 2>{kind, kind},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  return unpack(*this, product, 4);
}

Value Emitter::pack(Value low, Value high, Type element) {
  // Both at once is one instruction, cvt.rn.f16x2.f32.
  Type pair = VectorType::get({2}, getF32Type());
  Value both = LLVM::UndefOp::create(*this, pair);
  auto insert = [&](Value value, int32_t place) {
    Value index =
        LLVM::ConstantOp::create(*this, getI32Type(), getI32IntegerAttr(place));
    both = LLVM::InsertElementOp::create(*this, both, value, index);
  };
  insert(low, 0);
  insert(high, 1);
  Value narrow =
      LLVM::FPTruncOp::create(*this, VectorType::get({2}, element), both);
  return LLVM::BitcastOp::create(*this, getI32Type(), narrow);
}

Value Emitter::bits(Value value) {
  if (value.getType().isInteger(32))
    return value;
  return LLVM::BitcastOp::create(*this, getI32Type(), value);
}

Value Emitter::roundToTf32(Value value) {
  if (!value.getType().isF32())
    value = LLVM::BitcastOp::create(*this, getF32Type(), value);
  return NVVM::ConvertFloatToTF32Op::create(*this, getI32Type(), value,
                                            NVVM::FPRoundingMode::RNA);
}

//===----------------------------------------------------------------------===//
// Within a warp
//===----------------------------------------------------------------------===//

Value Emitter::shuffleXor(Value value, int64_t mask) {
  auto i32 = [&](int64_t number) {
    return LLVM::ConstantOp::create(*this, getI32Type(),
                                    getI32IntegerAttr(int32_t(number)));
  };
  return NVVM::ShflOp::create(*this, value.getType(), i32(-1), value, i32(mask),
                              i32(kWarp - 1), NVVM::ShflKind::bfly, UnitAttr());
}

Value Emitter::combineLanes(Value value, int64_t width,
                            function_ref<Value(Value, Value)> combine) {
  for (int64_t mask = 1; mask < width; mask *= 2)
    value = combine(value, shuffleXor(value, mask));
  return value;
}

Value Emitter::anyLane(Value condition) {
  Value all =
      LLVM::ConstantOp::create(*this, getI32Type(), getI32IntegerAttr(-1));
  return NVVM::VoteSyncOp::create(*this, getI1Type(), all, condition,
                                  NVVM::VoteSyncKind::any);
}

//===----------------------------------------------------------------------===//
// Approximations
//===----------------------------------------------------------------------===//

Value Emitter::exp2Approx(Value x) {
  return LLVM::CallIntrinsicOp::create(
             *this, x.getType(), getStringAttr("llvm.nvvm.ex2.approx.ftz.f"),
             ValueRange(x))
      .getResult(0);
}
