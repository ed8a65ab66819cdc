//===- Emitter.h - the vocabulary of kernel code ----------------*- C++ -*-===//
//
// An op builder that speaks of 64-bit integers, pointers, vectors and
// structured loops. Every lowering writes its code with it, so alignment, masks
// and the choice between fma and multiply-add live here once. A target derives
// from it what only it has.
//
// Integers are i64 throughout; a pointer is !llvm.ptr; a vector is
// vector<lanesxT>; a mask is vector<lanesxi1>. A null mask means: all lanes.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace attune::target::common {

class Emitter : public mlir::ImplicitLocOpBuilder {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  /// `lanes`: of a vector; `hasFma`: the target has a fused multiply-add.
  Emitter(mlir::Location loc, mlir::OpBuilder &builder, int64_t lanes,
          bool hasFma)
      : ImplicitLocOpBuilder(loc, builder), lanes(lanes), hasFma(hasFma) {}
  virtual ~Emitter() = default;

  const int64_t lanes;
  const bool hasFma;
  /// Whether gathering is faster by the instruction than one by one.
  bool hasGather = true;

  // Integers.
  Value integer(int64_t value);
  Value add(Value a, Value b);
  Value add(Value a, int64_t b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value mul(Value a, int64_t b);
  Value div(Value a, Value b);         ///< rounds down; operands not negative
  Value rem(Value a, Value b);         ///< operands not negative
  Value ceilDiv(Value a, int64_t b);   ///< operands not negative
  Value roundDown(Value a, int64_t b); ///< to a multiple of b
  Value roundUp(Value a, int64_t b);
  Value min(Value a, Value b);
  Value max(Value a, Value b);
  Value less(Value a, Value b); ///< signed, i1
  Value equal(Value a, Value b);
  /// The value of an integer known here, if it is.
  static std::optional<int64_t> constant(Value value);

  // Types.
  mlir::VectorType vector(mlir::Type element);
  /// Of what operands point to.
  virtual mlir::Type pointerType();
  /// Bytes to a multiple of which everything of `type` in memory is aligned.
  virtual int64_t alignmentOf(mlir::Type type);

  // Floats and vectors.
  Value real(double value);  ///< f32
  Value splat(Value scalar); ///< all lanes
  Value splat(double value);
  Value zeros() { return splat(0.0); }
  Value fma(Value a, Value b,
            Value c); ///< a * b + c, fused where the machine can
  Value addf(Value a, Value b);
  Value mulf(Value a, Value b);
  /// The greater of the two. NaN only if `a` is: `maxps` returns its second
  /// operand, and `a` is that.
  Value maxf(Value a, Value b);
  Value laneNumbers(mlir::Type element); ///< 0, 1, ...
  /// Lanes below `count` (any integer; also below 0 and above `lanes`).
  virtual Value lanesBelow(Value count);

  // Memory. Offsets and strides are in elements.
  Value at(Value pointer, Value offset, mlir::Type element);
  Value at(Value pointer, int64_t offset, mlir::Type element);
  Value load(Value pointer, mlir::Type type);
  virtual void store(Value value, Value pointer);
  /// Elements, one per lane, at stride `stride`; lanes outside `mask` hold
  /// `fill` (a scalar; zero if null) and are not read.
  Value loadVector(Value pointer, mlir::Type element, Value stride, Value mask,
                   Value fill);
  void storeVector(Value vector, Value pointer, Value stride, Value mask);
  /// Unit stride.
  Value loadVector(Value pointer, mlir::Type element);
  /// Elements at `offsets` (i64 lanes) from `pointer`; those outside `mask` are
  /// zero and not read.
  Value gatherVector(Value pointer, mlir::Type element, Value offsets,
                     Value mask);
  /// One element; a boolean is a byte in memory and i1 here.
  Value loadScalar(Value pointer, mlir::Type element);
  void storeScalar(Value value, Value pointer);

  // Control. The bodies return what the loop carries.
  using LoopBody =
      llvm::function_ref<Values(Value index, mlir::ValueRange carried)>;
  Values forLoop(Value from, Value to, int64_t step, mlir::ValueRange inits,
                 LoopBody body);
  void forLoop(Value from, Value to, int64_t step,
               llvm::function_ref<void(Value)> body);
  void ifThen(Value condition, llvm::function_ref<void()> body);
  Values ifElse(Value condition, mlir::TypeRange types,
                llvm::function_ref<Values()> then,
                llvm::function_ref<Values()> otherwise);

private:
  Value pointers(Value pointer, mlir::Type element, Value stride);
};

} // namespace attune::target::common
