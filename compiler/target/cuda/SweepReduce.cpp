//===- SweepReduce.cpp - from the sums of threads to one ------------------===//
//
// Each turn of a loop has its own sum, each element of a vector and each thread
// too. They are combined in that order, always two and two along the same tree:
// turns, elements, threads of a warp by shuffles, warps through shared memory.
// So the result depends on the extents, and on whether rows lie at multiples of
// a vector: where they do not, elements come one by one and are summed so.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/Reductions.h"
#include "compiler/target/cuda/SweepEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;
using attune::target::common::elementOf;
using attune::target::common::neutralElement;

Value SweepEmitter::neutral(tile::ReduceOp reduce, int64_t vector) {
  TypedAttr element = neutralElement(reduce);
  if (vector == 1)
    return arith::ConstantOp::create(emit, element);
  return arith::ConstantOp::create(
      emit, DenseElementsAttr::get(emit.vector(elementOf(reduce)),
                                   Attribute(element)));
}

/// The extremes of f32 are one instruction each, with or without NaN.
Value SweepEmitter::combine(tile::ReduceOp reduce, Value a, Value b) {
  if (elementOf(reduce).isF32())
    switch (reduce.getKind()) {
    case tile::ReduceKind::max:
      return LLVM::MaximumOp::create(emit, a, b);
    case tile::ReduceKind::min:
      return LLVM::MinimumOp::create(emit, a, b);
    case tile::ReduceKind::maxnum:
      return LLVM::MaxNumOp::create(emit, a, b);
    case tile::ReduceKind::sum:
    case tile::ReduceKind::prod:
      break;
    }
  return common::combine(emit, reduce, a, b);
}

SweepEmitter::Values SweepEmitter::startSums(const Sweep &sweep, int64_t turns,
                                             int64_t vector) {
  Values sums;
  for (int64_t turn = 0; turn < turns; ++turn)
    for (const Reduction &reduction : sweep.reduces)
      sums.push_back(neutral(reduction.last, vector));
  return sums;
}

SweepEmitter::Values SweepEmitter::joinTurns(const Sweep &sweep, Values sums) {
  size_t width = sweep.reduces.size();
  for (size_t turns = sums.size() / width; turns > 1; turns /= 2)
    for (size_t i = 0; i < turns / 2 * width; ++i)
      sums[i] = combine(sweep.reduces[i % width].last, sums[i],
                        sums[i + turns / 2 * width]);
  sums.truncate(width);
  return sums;
}

Value SweepEmitter::joinVector(tile::ReduceOp reduce, Value vector) {
  auto type = dyn_cast<VectorType>(vector.getType());
  if (!type)
    return vector;
  Values parts;
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    parts.push_back(
        vector::ExtractOp::create(emit, vector, ArrayRef<int64_t>{i}));
  for (size_t half = parts.size() / 2; half; half /= 2)
    for (size_t i = 0; i < half; ++i)
      parts[i] = combine(reduce, parts[i], parts[i + half]);
  return parts.front();
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

/// The value that the thread with a number differing in `mask` holds.
Value SweepEmitter::exchange(Value value, int64_t mask) {
  Type type = value.getType();
  unsigned width = type.getIntOrFloatBitWidth();
  if (type.isF32() || type.isInteger(32))
    return emit.shuffleXor(value, mask);
  Type bits = emit.getIntegerType(width), i32 = emit.getI32Type();
  if (type != bits)
    value = arith::BitcastOp::create(emit, bits, value);
  if (width < 32) {
    Value wide = arith::ExtUIOp::create(emit, i32, value);
    value = arith::TruncIOp::create(emit, bits, emit.shuffleXor(wide, mask));
  } else {
    Value shift = emit.integer(32);
    Value low = arith::TruncIOp::create(emit, i32, value);
    Value high = arith::TruncIOp::create(
        emit, i32, arith::ShRUIOp::create(emit, value, shift));
    low = arith::ExtUIOp::create(emit, bits, emit.shuffleXor(low, mask));
    high = arith::ExtUIOp::create(emit, bits, emit.shuffleXor(high, mask));
    value = arith::OrIOp::create(emit, low,
                                 arith::ShLIOp::create(emit, high, shift));
  }
  return type == bits ? value
                      : arith::BitcastOp::create(emit, type, value).getResult();
}

SweepEmitter::Values SweepEmitter::joinThreads(const Sweep &sweep,
                                               Values sums) {
  size_t each = sums.size() / sweep.reduces.size();
  for (auto [i, sum] : llvm::enumerate(sums))
    for (int64_t mask = shape.across; mask < std::min(shape.threads, kWarp);
         mask *= 2)
      sum = combine(sweep.reduces[i / each].last, sum, exchange(sum, mask));
  bool meet = shape.threads > std::max(kWarp, shape.across);
  return meet ? joinWarps(sweep, std::move(sums)) : sums;
}

/// One row of partial sums for each warp, or for each run of `across` threads
/// if that is more; every thread combines its column.
SweepEmitter::Values SweepEmitter::joinWarps(const Sweep &sweep, Values sums) {
  int64_t span = std::max(kWarp, shape.across), rows = shape.threads / span;
  Value thread = frame.itemThread();
  Value row = emit.div(thread, emit.integer(span)),
        column = emit.rem(thread, emit.integer(shape.across));
  size_t each = sums.size() / sweep.reduces.size();
  SmallVector<Value> sections;
  auto typeIn = [&](Value sum) -> Type {
    return sum.getType().isInteger(1) ? Type(emit.getI8Type()) : sum.getType();
  };
  for (Value sum : sums) {
    int64_t bytes = emit.alignmentOf(typeIn(sum));
    sections.push_back(
        emit.shared(frame.shared.add(rows * shape.across * bytes)));
  }
  auto place = [&](size_t i, Value index) {
    return emit.at(sections[i], index, typeIn(sums[i]));
  };
  auto write = [&] {
    Value index = emit.add(emit.mul(row, shape.across), column);
    for (auto [i, sum] : llvm::enumerate(sums))
      emit.storeScalar(sum, place(i, index));
  };
  // After the shuffles, the first of a warp hold what all of it do.
  if (shape.across < kWarp)
    emit.ifThen(emit.less(emit.rem(thread, emit.integer(kWarp)),
                          emit.integer(shape.across)),
                write);
  else
    write();
  emit.barrier();
  for (auto [i, sum] : llvm::enumerate(sums)) {
    Type type = sum.getType();
    Value joined;
    for (int64_t r = 0; r < rows; ++r) {
      Value index = emit.add(column, r * shape.across);
      Value part = emit.loadScalar(place(i, index), type);
      joined =
          joined ? combine(sweep.reduces[i / each].last, joined, part) : part;
    }
    sum = joined;
  }
  return sums;
}

void SweepEmitter::seedSums(const Sweep &sweep, ArrayRef<Coord> lane,
                            ArrayRef<Value> sums) {
  for (auto [reduction, sum] : llvm::zip(sweep.reduces, sums)) {
    tile::ReduceOp last = reduction.last;
    evaluator.seed(last.getResult(), lane, sum);
  }
}
