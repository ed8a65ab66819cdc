//===- Pack.cpp -----------------------------------------------------------===//
#include "compiler/target/cpu/Pack.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attune::target::cpu;

/// Lanes of two vectors side by side, chosen by `source`: lanes of the second
/// are numbered from kLanes on.
static Value shuffle(Emitter &emit, Value a, Value b,
                     function_ref<int64_t(int64_t)> source) {
  SmallVector<int64_t> lanes;
  for (int64_t lane = 0; lane < kLanes; ++lane)
    lanes.push_back(source(lane));
  return vector::ShuffleOp::create(emit, a, b, lanes);
}

/// Interleaves runs of `size` lanes from the lower (or upper) halves of each
/// group of `group` lanes: unpcklps is (1, 4), unpcklpd (2, 4).
static Value interleave(Emitter &emit, Value a, Value b, int64_t size,
                        int64_t group, bool upper) {
  return shuffle(emit, a, b, [&](int64_t lane) {
    int64_t first = lane / group * group, run = lane % group / size;
    int64_t from = first + (upper ? group / 2 : 0) + run / 2 * size;
    return from + lane % size + (run % 2 ? kLanes : 0);
  });
}

/// Eight rows; result e + 4 * odd holds elements e + 4 * odd of all eight in
/// its lower half, elements e + 4 * odd + 8 in its upper half.
static SmallVector<Value> transposeEight(Emitter &emit, ArrayRef<Value> rows) {
  SmallVector<Value> quads; // of four rows: elements e, e + 4, e + 8, e + 12
  for (int64_t row = 0; row < 8; row += 4)
    for (bool second : {false, true}) {
      Value a = interleave(emit, rows[row], rows[row + 1], 1, 4, second);
      Value b = interleave(emit, rows[row + 2], rows[row + 3], 1, 4, second);
      quads.push_back(interleave(emit, a, b, 2, 4, false));
      quads.push_back(interleave(emit, a, b, 2, 4, true));
    }
  SmallVector<Value> result;
  for (bool odd : {false, true})
    for (int64_t e = 0; e < 4; ++e)
      result.push_back(interleave(emit, quads[e], quads[e + 4], 4, 8, odd));
  return result;
}

SmallVector<Value>
attune::target::cpu::emitTranspose16(Emitter &emit,
                                     function_ref<Value(int64_t)> row) {
  SmallVector<Value> halves[2];
  for (int64_t half = 0; half < 2; ++half) {
    SmallVector<Value> rows;
    for (int64_t i = 0; i < 8; ++i)
      rows.push_back(row(8 * half + i));
    halves[half] = transposeEight(emit, rows);
  }
  SmallVector<Value> result;
  for (bool upper : {false, true})
    for (int64_t e = 0; e < 8; ++e)
      result.push_back(
          interleave(emit, halves[0][e], halves[1][e], 8, 16, upper));
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
    auto column = [&](int64_t lane) {
      return emit.loadVector(emit.at(columns[lane], k, f32), f32,
                             emit.integer(1), mask, {});
    };
    Value out = emit.at(target, emit.mul(k, kPanelWidth), f32);
    for (auto [step, row] : llvm::enumerate(emitTranspose16(emit, column))) {
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

/// Groups side by side, so that whole lines are read where they lie.
static void packGroups(Emitter &emit, const Matrix &from, const RowGroups &to,
                       function_ref<Value(Value, int64_t)> load) {
  Type f32 = emit.getF32Type();
  emit.forLoop(emit.integer(0), from.depth, 1, [&](Value k) {
    Value source = emit.at(from.pointer, emit.mul(k, from.depthStride), f32);
    Value target = emit.at(to.pointer, emit.mul(k, RowGroups::kWidth), f32);
    SmallVector<Value> vectors;
    for (int64_t group = 0; group < kGroupsAtOnce; ++group)
      vectors.push_back(load(source, group * to.rows));
    for (auto [group, vector] : llvm::enumerate(vectors))
      emit.store(vector, emit.at(target, emit.mul(to.stride, group), f32));
  });
}

void attune::target::cpu::emitPackRows(Emitter &emit, const Matrix &from,
                                       const RowGroups &to) {
  Type f32 = emit.getF32Type();
  auto half = VectorType::get({RowGroups::kWidth}, f32);
  int64_t step = kGroupsAtOnce * to.rows;
  // The last group reads eight lanes, of which it may need fewer.
  int64_t reads = step - to.rows + RowGroups::kWidth;
  emit.forLoop(emit.integer(0), from.columns, step, [&](Value column) {
    Value left = emit.sub(from.columns, column);
    Matrix strip = from;
    RowGroups target = to;
    strip.pointer = emit.at(from.pointer, column, f32);
    target.pointer = emit.at(
        to.pointer,
        emit.mul(emit.div(column, emit.integer(to.rows)), to.stride), f32);
    auto whole = [&](Value source, int64_t first) {
      return emit.load(emit.at(source, first, f32), half);
    };
    auto masked = [&](Value source, int64_t first) -> Value {
      Value mask = emit.lanesBelow(emit.sub(left, emit.integer(first)));
      Value vector = emit.loadVector(emit.at(source, first, f32), f32,
                                     emit.integer(1), mask, {});
      return vector::ExtractStridedSliceOp::create(
          emit, vector, ArrayRef<int64_t>{0},
          ArrayRef<int64_t>{RowGroups::kWidth}, ArrayRef<int64_t>{1});
    };
    emit.ifElse(
        emit.less(left, emit.integer(reads)), TypeRange(),
        [&] {
          packGroups(emit, strip, target, masked);
          return Emitter::Values();
        },
        [&] {
          packGroups(emit, strip, target, whole);
          return Emitter::Values();
        });
  });
}
