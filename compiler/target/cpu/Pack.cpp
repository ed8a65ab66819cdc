//===- Pack.cpp -----------------------------------------------------------===//
#include "compiler/target/cpu/Pack.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attune::target::cpu;

SmallVector<Value> attune::target::cpu::emitTranspose16(Emitter &emit,
                                                        ArrayRef<Value> rows) {
  // Swaps the off-diagonal blocks of 8, then of 4, 2 and 1.
  SmallVector<Value> result(rows);
  for (int64_t size = kLanes / 2; size; size /= 2) {
    SmallVector<int64_t> upper, lower;
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      upper.push_back(lane & size ? kLanes + lane - size : lane);
      lower.push_back(lane & size ? kLanes + lane : lane + size);
    }
    for (int64_t row = 0; row < kLanes; ++row) {
      if (row & size)
        continue;
      Value a = result[row], b = result[row + size];
      result[row] = vector::ShuffleOp::create(emit, a, b, upper);
      result[row + size] = vector::ShuffleOp::create(emit, a, b, lower);
    }
  }
  return result;
}

/// One panel whose columns lie side by side, or at any stride.
static void packAlongColumns(Emitter &emit, const Matrix &from, Value source,
                             Value target, Value lanes) {
  Type f32 = emit.getF32Type();
  auto copy = [&](Value mask) {
    emit.forLoop(emit.integer(0), from.depth, 1, [&](Value k) {
      Value pointer = emit.at(source, emit.mul(k, from.depthStride), f32);
      Value column =
          emit.loadVector(pointer, f32, from.columnStride, mask, Value());
      emit.store(column, emit.at(target, emit.mul(k, kPanelWidth), f32));
    });
  };
  emit.ifElse(
      emit.less(lanes, emit.integer(kLanes)), TypeRange(),
      [&] {
        copy(emit.lanesBelow(lanes));
        return Emitter::Values();
      },
      [&] {
        copy(Value());
        return Emitter::Values();
      });
}

/// One panel whose columns are runs in memory: 16 of them at a time,
/// transposed.
static void packTransposed(Emitter &emit, const Matrix &from, Value source,
                           Value target, Value lanes) {
  Type f32 = emit.getF32Type();
  Value last = emit.sub(lanes, emit.integer(1));
  SmallVector<Value> columns;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    // Lanes beyond the columns repeat the last one, then become zero.
    Value index = emit.min(emit.integer(lane), last);
    columns.push_back(emit.at(source, emit.mul(index, from.columnStride), f32));
  }
  Value valid = emit.lanesBelow(lanes), zero = emit.zeros();
  auto block = [&](Value k, Value mask) {
    SmallVector<Value> rows;
    for (Value column : columns)
      rows.push_back(emit.loadVector(emit.at(column, k, f32), f32,
                                     emit.integer(1), mask, {}));
    Value out = emit.at(target, emit.mul(k, kPanelWidth), f32);
    for (auto [step, row] : llvm::enumerate(emitTranspose16(emit, rows))) {
      Value kept = arith::SelectOp::create(emit, valid, row, zero);
      emit.store(kept, emit.at(out, int64_t(step) * kPanelWidth, f32));
    }
  };
  Value whole = emit.roundDown(from.depth, kLanes);
  emit.forLoop(emit.integer(0), whole, kLanes,
               [&](Value k) { block(k, Value()); });
  emit.ifThen(emit.less(whole, from.depth), [&] {
    block(whole, emit.lanesBelow(emit.sub(from.depth, whole)));
  });
}

void attune::target::cpu::emitPack(Emitter &emit, const Matrix &from,
                                   const Panels &to) {
  Type f32 = emit.getF32Type();
  bool transposed = Emitter::constant(from.depthStride) == 1 &&
                    Emitter::constant(from.columnStride) != 1;
  emit.forLoop(emit.integer(0), to.panels, 1, [&](Value panel) {
    Value column = emit.mul(panel, kPanelWidth);
    Value lanes = emit.sub(from.columns, column);
    Value target = emit.at(to.pointer, emit.mul(panel, to.panelStride), f32);
    emit.ifElse(
        emit.less(emit.integer(0), lanes), TypeRange(),
        [&] {
          Value source =
              emit.at(from.pointer, emit.mul(column, from.columnStride), f32);
          if (transposed)
            packTransposed(emit, from, source, target, lanes);
          else
            packAlongColumns(emit, from, source, target, lanes);
          return Emitter::Values();
        },
        [&] {
          emit.forLoop(emit.integer(0), from.depth, 1, [&](Value k) {
            emit.store(emit.zeros(),
                       emit.at(target, emit.mul(k, kPanelWidth), f32));
          });
          return Emitter::Values();
        });
  });
}
