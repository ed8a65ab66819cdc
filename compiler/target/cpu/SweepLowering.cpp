//===- SweepLowering.cpp - a row or map kernel into loops -----------------===//
//
// A work item is one row. For each sweep of its plan:
//
//   for 64 positions at a time      (four vectors, each with its own
//   accumulators)
//     reductions: accumulate; kept blocks: to scratch; stores: to memory
//   for 16 positions at a time
//   the last positions under a mask
//   accumulators -> the reduction's value
//
// The shape of these loops depends on the length of the row alone, so the
// result does not depend on how rows are cut among threads.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/SweepLowering.h"
#include "compiler/target/cpu/BlockEvaluator.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

namespace {

/// Vectors per turn of the main loop: enough accumulators to hide the latency
/// of an addition.
constexpr int64_t kUnroll = 4;

class SweepEmitter {
public:
  SweepEmitter(KernelFrame &frame, SweepPlan &plan)
      : frame(frame), emit(frame.emit), plan(plan), evaluator(frame) {}

  LogicalResult run();

private:
  using Values = Emitter::Values;
  LogicalResult emitItem();
  void emitSweep(Sweep &sweep);
  void emitScalars(Sweep &sweep);
  void emitEdge(Sweep &sweep, Value index, Value mask, Values &sums);
  void emitAt(Sweep &sweep, const Coord &coord, MutableArrayRef<Value> sums);
  Value keptPointer(Value block, Value index);

  Type elementOf(tile::ReduceOp reduce) {
    return cast<RankedTensorType>(reduce.getBlock().getType()).getElementType();
  }
  TypedAttr neutral(tile::ReduceOp reduce);
  Value combine(tile::ReduceOp reduce, Value sum, Value value);
  Value combineLanes(tile::ReduceOp reduce, Value vector);

  KernelFrame &frame;
  Emitter &emit;
  SweepPlan &plan;
  BlockEvaluator evaluator;
  LogicalResult result = success();
};

} // namespace

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

TypedAttr SweepEmitter::neutral(tile::ReduceOp reduce) {
  Type element = elementOf(reduce);
  bool isMin = reduce.getKind() == tile::ReduceKind::min;
  bool isExtreme = isMin || reduce.getKind() == tile::ReduceKind::max;
  if (isa<FloatType>(element)) {
    double infinity = std::numeric_limits<double>::infinity();
    double value = isExtreme
                       ? (isMin ? infinity : -infinity)
                       : double(reduce.getKind() == tile::ReduceKind::prod);
    return emit.getFloatAttr(element, value);
  }
  unsigned width = element.getIntOrFloatBitWidth();
  if (isExtreme)
    return emit.getIntegerAttr(element, isMin
                                            ? APInt::getSignedMaxValue(width)
                                            : APInt::getSignedMinValue(width));
  return emit.getIntegerAttr(element,
                             reduce.getKind() == tile::ReduceKind::prod);
}

Value SweepEmitter::combine(tile::ReduceOp reduce, Value sum, Value value) {
  bool isFloat = isa<FloatType>(elementOf(reduce));
  switch (reduce.getKind()) {
  case tile::ReduceKind::sum:
    return isFloat ? arith::AddFOp::create(emit, sum, value).getResult()
                   : arith::AddIOp::create(emit, sum, value).getResult();
  case tile::ReduceKind::prod:
    return isFloat ? arith::MulFOp::create(emit, sum, value).getResult()
                   : arith::MulIOp::create(emit, sum, value).getResult();
  case tile::ReduceKind::max:
    return isFloat ? arith::MaximumFOp::create(emit, sum, value).getResult()
                   : arith::MaxSIOp::create(emit, sum, value).getResult();
  case tile::ReduceKind::min:
    return isFloat ? arith::MinimumFOp::create(emit, sum, value).getResult()
                   : arith::MinSIOp::create(emit, sum, value).getResult();
  }
  llvm_unreachable("unknown reduction");
}

/// Halves the vector until one lane is left: a fixed tree.
Value SweepEmitter::combineLanes(tile::ReduceOp reduce, Value vector) {
  for (int64_t lanes = kLanes / 2; lanes >= 1; lanes /= 2) {
    auto part = [&](int64_t offset) {
      return vector::ExtractStridedSliceOp::create(
                 emit, vector, ArrayRef<int64_t>{offset},
                 ArrayRef<int64_t>{lanes}, ArrayRef<int64_t>{1})
          .getResult();
    };
    vector = combine(reduce, part(0), part(lanes));
  }
  return vector::ExtractOp::create(emit, vector, int64_t(0));
}

//===----------------------------------------------------------------------===//
// One sweep
//===----------------------------------------------------------------------===//

Value SweepEmitter::keptPointer(Value block, Value index) {
  Value base = plan.layout.pointer(frame, plan.sections.lookup(block));
  return emit.at(base, index, emit.getF32Type());
}

/// Everything that `sweep` does at one place.
void SweepEmitter::emitAt(Sweep &sweep, const Coord &coord,
                          MutableArrayRef<Value> sums) {
  for (Value block : sweep.reread)
    evaluator.seed(
        block, coord,
        emit.loadVector(keptPointer(block, coord.index), emit.getF32Type()));
  for (auto [reduce, sum] : llvm::zip(sweep.reduces, sums)) {
    Value value = evaluator.get(reduce.getBlock(), coord);
    if (!value) {
      result = failure();
      return;
    }
    if (coord.mask) {
      Value rest = arith::ConstantOp::create(
          emit, DenseElementsAttr::get(emit.vector(elementOf(reduce)),
                                       Attribute(neutral(reduce))));
      value = arith::SelectOp::create(emit, coord.mask, value, rest);
    }
    sum = combine(reduce, sum, value);
  }
  for (Value block : sweep.kept)
    if (Value value = evaluator.get(block, coord))
      emit.store(value, keptPointer(block, coord.index));
  // All values before all stores: an output may lie where an input does.
  for (tile::StoreOp store : sweep.stores)
    if (!evaluator.get(store.getBlock(), coord)) {
      result = failure();
      return;
    }
  for (tile::StoreOp store : sweep.stores)
    if (failed(evaluator.store(store, coord)))
      result = failure();
}

/// One vector of `sweep` outside the main loop.
void SweepEmitter::emitEdge(Sweep &sweep, Value index, Value mask,
                            Values &sums) {
  BlockEvaluator::Scope scope(evaluator);
  emitAt(sweep, {index, true, mask}, sums);
}

void SweepEmitter::emitSweep(Sweep &sweep) {
  Value count = frame.span(sweep.span).count;
  constexpr int64_t step = kUnroll * kLanes;
  Values sums;
  for (int64_t turn = 0; turn < kUnroll; ++turn)
    for (tile::ReduceOp reduce : sweep.reduces)
      sums.push_back(arith::ConstantOp::create(
          emit, DenseElementsAttr::get(emit.vector(elementOf(reduce)),
                                       Attribute(neutral(reduce)))));
  size_t width = sweep.reduces.size();

  Value mainEnd = emit.roundDown(count, step),
        vectorEnd = emit.roundDown(count, kLanes);
  sums =
      emit.forLoop(emit.integer(0), mainEnd, step, sums,
                   [&](Value index, ValueRange carried) {
                     BlockEvaluator::Scope scope(evaluator);
                     Values next(carried);
                     for (int64_t turn = 0; turn < kUnroll; ++turn)
                       emitAt(sweep, {emit.add(index, turn * kLanes), true, {}},
                              MutableArrayRef(next).slice(turn * width, width));
                     return next;
                   });
  // The four accumulators of each reduction become one, in a fixed tree.
  for (size_t distance = kUnroll / 2; distance >= 1; distance /= 2)
    for (size_t i = 0; i < distance * width; ++i)
      sums[i] = combine(sweep.reduces[i % width], sums[i],
                        sums[i + distance * width]);
  sums.resize(width);
  sums = emit.forLoop(mainEnd, vectorEnd, kLanes, sums,
                      [&](Value index, ValueRange carried) {
                        Values next(carried);
                        emitEdge(sweep, index, {}, next);
                        return next;
                      });
  SmallVector<Type> types(ValueRange(sums).getTypes());
  sums = emit.ifElse(
      emit.less(vectorEnd, count), types,
      [&] {
        Values last = sums;
        emitEdge(sweep, vectorEnd, emit.lanesBelow(emit.sub(count, vectorEnd)),
                 last);
        return last;
      },
      [&] { return sums; });
  for (auto [reduce, sum] : llvm::zip(sweep.reduces, sums))
    evaluator.seed(reduce.getResult(), {}, combineLanes(reduce, sum));
}

/// Stores of blocks without a span: one element each.
void SweepEmitter::emitScalars(Sweep &sweep) {
  for (tile::StoreOp store : sweep.stores)
    if (!evaluator.get(store.getBlock(), {}) ||
        failed(evaluator.store(store, {})))
      result = failure();
}

LogicalResult SweepEmitter::emitItem() {
  if (failed(frame.translateScalars(*frame.kernel.getParallel().getBody())))
    return failure();
  BlockEvaluator::Scope scope(evaluator);
  for (Sweep &sweep : plan.sweeps)
    sweep.span ? emitSweep(sweep) : emitScalars(sweep);
  return result;
}

LogicalResult SweepEmitter::run() {
  if (failed(plan.layout.check()) || failed(frame.start()))
    return failure();
  auto body = [&](Value, ValueRange) -> FailureOr<Values> {
    if (failed(emitItem()))
      return failure();
    return Values();
  };
  if (failed(frame.forEachItem({}, body)))
    return failure();
  frame.finish();
  return success();
}

LogicalResult attune::target::cpu::lowerSweeps(tile::KernelOp kernel,
                                               Emitter &emit) {
  FailureOr<SweepPlan> plan = SweepPlan::make(kernel);
  if (failed(plan))
    return failure();
  KernelFrame frame(kernel, emit);
  return SweepEmitter(frame, *plan).run();
}
