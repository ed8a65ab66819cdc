//===- Emitter.h - the vocabulary of CUDA code ------------------*- C++ -*-===//
//
// The common emitter as one thread of a block sees it, and what only a GPU has:
// threads and barriers, shared memory, asynchronous copies, matrix fragments,
// exchange within a warp.
//
// Operands lie in global memory, !llvm.ptr<1>; shared memory is !llvm.ptr<3>.
// The common loads and stores take either.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/Emitter.h"
#include "compiler/target/cuda/Machine.h"

namespace attune::target::cuda {

class Emitter : public common::Emitter {
public:
  /// `lanes`: elements that a thread handles side by side.
  Emitter(mlir::Location loc, mlir::OpBuilder &builder, const Machine &machine,
          int64_t lanes)
      : common::Emitter(loc, builder, lanes, /*hasFma=*/true),
        machine(machine) {}

  const Machine &machine;

  mlir::Type pointerType() override; ///< to global memory
  mlir::Type sharedPointerType();
  int64_t alignmentOf(mlir::Type type) override;
  /// Set where it has been made sure that vectors in global memory lie at
  /// multiples of their size, or of 16 bytes.
  bool alignedVectors = false;
  /// A short vector that is aligned is one instruction of ours, in global
  /// memory: LLVM would find the stores of the two paths alike but for their
  /// alignment, and merge them into the worse.
  void store(Value value, Value pointer) override;

  /// Lane by lane, for there are no vectors in hardware. |count| < 2^31.
  Value lanesBelow(Value count) override;

  // Threads. All are i64.
  Value threadIndex(); ///< in its block
  Value laneIndex();   ///< in its warp
  Value warpIndex();   ///< in its block
  Value blockIndex();
  void barrier(); ///< of the block

  /// A byte of the block's shared memory, which starts at a multiple of 1024.
  Value shared(int64_t byte);

  // Asynchronous copies, global to shared.
  /// Copies `bytes` (4, 8 or 16, and both sides aligned to it), of which the
  /// first `valid` (an i32; null: all) are read and the others are zero.
  void copyAsync(Value to, Value from, int64_t bytes, Value valid = {});
  void commitCopies();                 ///< closes a group
  void waitForCopies(int64_t pending); ///< until so many groups are left

  // Matrices of a warp. A register is an i32; where its elements lie is said in
  // Fragments.h.
  /// ldmatrix: 8x8 matrices of 16-bit elements, one register each. Lane i
  /// passes row i % 8 of matrix i / 8, 16 bytes.
  Values loadMatrices(Value row, int64_t count, bool transposed);
  /// 16x8 += 16xk * kx8 in f32; k and the element type follow from `element`
  /// (f16 and bf16: 16, tf32 as f32: 8).
  Values mma(mlir::Type element, mlir::ValueRange a, mlir::ValueRange b,
             mlir::ValueRange c);
  /// Two f32 as one register of `element` (f16, bf16); `low` comes first.
  Value pack(Value low, Value high, mlir::Type element);
  Value bits(Value value); ///< a 32-bit value as an i32
  /// An f32, or its bits, with 10 bits of fraction: to nearest, ties away from
  /// zero. As bits, of which mma takes the upper 19.
  Value roundToTf32(Value value);

  // Within a warp.
  Value shuffleXor(Value value, int64_t mask); ///< f32 or i32
  /// Combines over groups of `width` neighbouring lanes; all get the result.
  Value combineLanes(Value value, int64_t width,
                     llvm::function_ref<Value(Value, Value)> combine);

  Value anyLane(Value condition); ///< of an i1: whether it holds in some lane

  /// 2^x by an instruction: 2 ulp, subnormals as zero.
  Value exp2Approx(Value x);

private:
  Value wide(Value i32);
};

} // namespace attune::target::cuda
