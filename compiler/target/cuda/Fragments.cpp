//===- Fragments.cpp ------------------------------------------------------===//
#include "compiler/target/cuda/Fragments.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace attune::target::cuda;

Fragments::Fragments(Emitter &emit, Type element, bool tf32)
    : emit(emit), type(element), tf32(tf32) {
  lane = emit.laneIndex();
  group = emit.div(lane, emit.integer(4));
  inGroup = emit.rem(lane, emit.integer(4));
}

Value Fragments::sumRow(int64_t half) const {
  return emit.add(group, 8 * half);
}

Value Fragments::sumColumn() const { return emit.mul(inGroup, 2); }

//===----------------------------------------------------------------------===//
// From shared memory
//===----------------------------------------------------------------------===//

/// Four matrices by ldmatrix, for which lane i names row i % 8 of matrix i / 8.
Fragments::Values Fragments::loadMatrices(const SharedTile &tile,
                                          DepthAlong along, Value outer,
                                          Value k, bool isLhs) const {
  Value each = emit.integer(tile.chunkElements());
  Value inEight = emit.rem(lane, emit.integer(8));
  Value low = emit.rem(emit.div(lane, emit.integer(8)), emit.integer(2));
  Value high = emit.div(lane, emit.integer(16));
  // A: rows + 0, rows + 8 of the lower half of k, then of the upper. B: both
  // halves for columns + 0, then for columns + 8.
  Value eight = isLhs ? low : high, half = isLhs ? high : low;
  if (along == DepthAlong::Columns)
    return emit.loadMatrices(
        tile.chunkAt(emit.add(outer, emit.add(inEight, emit.mul(eight, 8))),
                     emit.add(emit.div(k, each), half)),
        4, /*transposed=*/false);
  return emit.loadMatrices(
      tile.chunkAt(emit.add(k, emit.add(inEight, emit.mul(half, 8))),
                   emit.add(emit.div(outer, each), eight)),
      4, /*transposed=*/true);
}

Fragments::Values Fragments::loadLhs(const SharedTile &tile, DepthAlong along,
                                     Value row, Value k) const {
  if (type.isF32() && along == DepthAlong::Rows)
    return rounded(loadElements(tile, along, row, k, /*isLhs=*/true, false));
  return rounded(loadMatrices(tile, along, row, k, /*isLhs=*/true));
}

Fragments::Values Fragments::loadRhs(const SharedTile &tile, DepthAlong along,
                                     Value column, Value k, bool paired) const {
  if (type.isF32() && (along == DepthAlong::Rows || paired))
    return rounded(
        loadElements(tile, along, column, k, /*isLhs=*/false, paired));
  return rounded(loadMatrices(tile, along, column, k, /*isLhs=*/false));
}

/// f32, element by element: ldmatrix transposes 16-bit elements only.
Fragments::Values Fragments::loadElements(const SharedTile &tile,
                                          DepthAlong along, Value outer,
                                          Value k, bool isLhs,
                                          bool paired) const {
  Values registers;
  for (int64_t number = 0; number < 4; ++number) {
    // A: rows alternate first; B: halves of k first, then the next fragment.
    int64_t half = isLhs ? number / 2 : number % 2;
    int64_t eight = isLhs ? number % 2 : number / 2;
    Value depth = paired ? emit.add(emit.mul(inGroup, 2), half)
                         : emit.add(inGroup, 4 * half);
    depth = emit.add(k, depth);
    Value other = emit.add(outer, emit.add(group, 8 * eight));
    Value address = along == DepthAlong::Rows ? tile.elementAt(depth, other)
                                              : tile.elementAt(other, depth);
    registers.push_back(emit.load(address, emit.getI32Type()));
  }
  return registers;
}

/// What a fragment holds of f32. Here and not in `multiply`: a product then
/// waits for nothing, and what many products read is rounded once.
Fragments::Values Fragments::rounded(Values registers) const {
  if (tf32)
    for (Value &value : registers)
      value = emit.roundToTf32(value);
  return registers;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

Fragments::Values Fragments::fromSums(ValueRange sums) const {
  if (type.isF32()) {
    // Row g, row g + 8 of column 2t; then of column 2t + 1.
    Values registers;
    for (unsigned number : {0, 2, 1, 3})
      registers.push_back(emit.bits(sums[number]));
    return rounded(registers);
  }
  Values registers;
  for (unsigned number = 0; number < 8; number += 2)
    registers.push_back(emit.pack(sums[number], sums[number + 1], type));
  return registers;
}

/// The leading bits of an f32 that tf32 holds, and what they leave.
std::pair<Value, Value> Fragments::split(Value bits) const {
  Value mask = arith::ConstantOp::create(
      emit, emit.getI32IntegerAttr(int32_t(0xffffe000)));
  Value high = arith::AndIOp::create(emit, bits, mask);
  auto real = [&](Value value) {
    return LLVM::BitcastOp::create(emit, emit.getF32Type(), value).getResult();
  };
  Value low = arith::SubFOp::create(emit, real(bits), real(high));
  return {high, emit.bits(low)};
}

Fragments::Values Fragments::multiply(ValueRange a, ValueRange b,
                                      ValueRange c) const {
  if (!type.isF32() || tf32)
    return emit.mma(type, a, b, c);
  Values highA, lowA, highB, lowB;
  auto fill = [&](ValueRange from, Values &high, Values &low) {
    for (Value value : from) {
      auto [h, l] = split(value);
      high.push_back(h);
      low.push_back(l);
    }
  };
  fill(a, highA, lowA);
  fill(b, highB, lowB);
  // The small ones first. A tensor core rounds sums to zero, which over a long
  // k adds up to more than the products' own error: c is added outside.
  Values sums = emit.mma(type, lowA, highB, Values(4, emit.real(0)));
  sums = emit.mma(type, highA, lowB, sums);
  sums = emit.mma(type, highA, highB, sums);
  for (auto [sum, before] : llvm::zip(sums, c))
    sum = emit.addf(before, sum);
  return sums;
}
