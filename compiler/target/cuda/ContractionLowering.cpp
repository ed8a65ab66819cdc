//===- ContractionLowering.cpp - a contraction kernel for warps -----------===//
//
// A work item is a block of rows by a block of columns, which warps share as a
// grid. Both operands pass through a ring of stages in shared memory:
//
//   fill all stages but one                           (asynchronous copies)
//   main loop, while whole stages are left to copy
//     for each product along k of the stage
//       load the next product's fragments
//       copy a part of the stage that is to come
//       products of all fragments
//   the rest, any length and alignment: the same, copies as they may be
//   sums through shared memory, epilogue, stores      (ContractionEpilogue)
//
// One barrier for each stage, with a wait for copies before it: it says that
// the next stage has arrived for all, and that the one before this is read and
// may be filled again. It stands among the products of the first fragments if
// there are stages enough; else before the loads of the last, which are the
// first that need it.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cuda/ContractionLowering.h"
#include "compiler/target/cuda/ContractionEpilogue.h"
#include "compiler/target/cuda/OperandRing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;

/// Row blocks that are done side by side before their columns change: then
/// what runs at a time reads a square of the operands, not a stripe.
static constexpr int64_t kRasterRows = 8;
/// Stages from which on copies may take one product less to arrive than they
/// could.
static constexpr int64_t kStagesToMeetEarly = 4;

namespace {

class ContractionEmitter {
public:
  ContractionEmitter(KernelFrame &frame, const Contraction &parts,
                     const ContractionPlan &plan)
      : frame(frame), emit(frame.emit), parts(parts), plan(plan) {}

  LogicalResult run();

private:
  using Values = Emitter::Values;
  /// Fragments of one product: all rows and all columns of the warp.
  struct Operands {
    SmallVector<Values> lhs, rhs;
  };
  /// What the main loop carries.
  struct Carried {
    Values sums;
    Operands operands; ///< of the product to come
    Values lhs, rhs;   ///< pointers to what is copied next
    Value from, to;    ///< the stages that are read and filled

    Values flatten() const;
    Carried unflatten(ValueRange values) const; ///< in this form
  };

  Value itemOf(Value block);
  void locate();
  void fillFirst();
  Values mainLoop(Values sums);
  bool meetsEarly() const;
  void emitProduct(Carried &now, int64_t number);
  Values emitMainLoop(const Carried &first);
  Values theRest(Values sums);
  Operands load(Value stage, int64_t product);
  void multiply(const Operands &operands, Values &sums, int64_t first,
                int64_t end);
  Value nextStage(Value stage);
  int64_t products() const { return plan.depth / fragments->depth(); }

  KernelFrame &frame;
  Emitter &emit;
  const Contraction &parts;
  const ContractionPlan &plan;
  std::optional<Fragments> fragments;
  std::optional<OperandRing> lhs, rhs;
  Value warpRow, warpColumn; ///< the corner of the warp's share
  Value total, mainTrips;    ///< stages in all; of the main loop
};

} // namespace

//===----------------------------------------------------------------------===//
// The work item
//===----------------------------------------------------------------------===//

/// Numbers blocks so that neighbours share rows and columns in L2.
Value ContractionEmitter::itemOf(Value block) {
  tile::ParallelOp grid = frame.kernel.getParallel();
  auto positions = grid.getPositions();
  unsigned count = positions.size();
  if (count < 2)
    return block;
  Value last = positions[count - 1], before = positions[count - 2];
  bool rowsLast = last == parts.rows && before == parts.columns;
  if (!rowsLast && !(last == parts.columns && before == parts.rows))
    return block;
  Value rows = frame.axisBlocks(rowsLast ? count - 1 : count - 2),
        columns = frame.axisBlocks(rowsLast ? count - 2 : count - 1);
  std::optional<int64_t> known = Emitter::constant(rows);
  if (known && *known == 1)
    return block;
  Value each = emit.mul(rows, columns);
  Value outer = emit.div(block, each), inner = emit.rem(block, each);
  Value group = emit.mul(columns, kRasterRows);
  Value first = emit.mul(emit.div(inner, group), kRasterRows);
  Value height = emit.min(emit.sub(rows, first), emit.integer(kRasterRows));
  inner = emit.rem(inner, group);
  Value row = emit.add(first, emit.rem(inner, height));
  Value column = emit.div(inner, height);
  Value item = rowsLast ? emit.add(emit.mul(column, rows), row)
                        : emit.add(emit.mul(row, columns), column);
  return emit.add(emit.mul(outer, each), item);
}

void ContractionEmitter::locate() {
  fragments.emplace(emit, plan.element, plan.tf32);
  lhs.emplace(frame, parts, plan, parts.lhs, parts.rows, plan.lhs, plan.rows);
  rhs.emplace(frame, parts, plan, parts.rhs, parts.columns, plan.rhs,
              plan.columns);
  Value warp = emit.warpIndex(), across = emit.integer(plan.warpsAcross);
  warpRow = emit.mul(emit.div(warp, across), plan.warpRows());
  warpColumn = emit.mul(emit.rem(warp, across), plan.warpColumns());
  Value depth = emit.max(emit.sub(frame.scalar(parts.loop.getTo()),
                                  frame.scalar(parts.loop.getFrom())),
                         emit.integer(0));
  total = emit.ceilDiv(depth, plan.depth);
  Value whole = emit.div(depth, emit.integer(plan.depth));
  mainTrips =
      emit.max(emit.sub(whole, emit.integer(plan.stages - 1)), emit.integer(0));
  for (Value canCopy : {lhs->canCopy(), rhs->canCopy()}) {
    std::optional<int64_t> known = Emitter::constant(canCopy);
    if (known && !*known)
      mainTrips = emit.integer(0);
    else if (!known)
      mainTrips =
          arith::SelectOp::create(emit, canCopy, mainTrips, emit.integer(0));
  }
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

ContractionEmitter::Operands ContractionEmitter::load(Value stage,
                                                      int64_t product) {
  lhs->tile.select(stage);
  rhs->tile.select(stage);
  Value k = emit.integer(product * fragments->depth());
  Operands operands;
  for (int64_t row = 0; row < plan.warpRows(); row += 16)
    operands.lhs.push_back(
        fragments->loadLhs(lhs->tile, lhs->along, emit.add(warpRow, row), k));
  for (int64_t column = 0; column < plan.warpColumns(); column += 16)
    operands.rhs.push_back(fragments->loadRhs(rhs->tile, rhs->along,
                                              emit.add(warpColumn, column), k));
  return operands;
}

/// Rows of 16 from `first` to `end`. Sums: [16 rows][8 columns][4].
void ContractionEmitter::multiply(const Operands &operands, Values &sums,
                                  int64_t first, int64_t end) {
  int64_t across = plan.warpColumns() / 8;
  for (int64_t row = first; row < end; ++row)
    for (int64_t step = 0; step < across; ++step) {
      // To and fro, so that one of both operands stays where it is.
      int64_t column = row % 2 ? across - 1 - step : step;
      ValueRange b = ValueRange(operands.rhs[column / 2]);
      auto sum = sums.begin() + (row * across + column) * 4;
      Values next = fragments->multiply(
          operands.lhs[row], b.slice(column % 2 * 2, 2), Values(sum, sum + 4));
      std::copy(next.begin(), next.end(), sum);
    }
}

//===----------------------------------------------------------------------===//
// The ring
//===----------------------------------------------------------------------===//

ContractionEmitter::Values ContractionEmitter::Carried::flatten() const {
  Values values(sums);
  for (const auto *side : {&operands.lhs, &operands.rhs})
    for (const Values &fragment : *side)
      values.append(fragment);
  values.append(lhs);
  values.append(rhs);
  values.append({from, to});
  return values;
}

ContractionEmitter::Carried
ContractionEmitter::Carried::unflatten(ValueRange values) const {
  Carried result = *this;
  auto take = [&](Values &group) {
    group.assign(values.begin(), values.begin() + group.size());
    values = values.drop_front(group.size());
  };
  take(result.sums);
  for (auto *side : {&result.operands.lhs, &result.operands.rhs})
    llvm::for_each(*side, take);
  take(result.lhs);
  take(result.rhs);
  result.from = values[0];
  result.to = values[1];
  return result;
}

Value ContractionEmitter::nextStage(Value stage) {
  Value next = emit.add(stage, 1), count = emit.integer(plan.stages);
  return arith::SelectOp::create(emit, emit.equal(next, count), emit.integer(0),
                                 next);
}

void ContractionEmitter::fillFirst() {
  emit.forLoop(emit.integer(0), emit.integer(plan.stages - 1), 1,
               [&](Value stage) {
                 emit.ifThen(emit.less(stage, total), [&] {
                   Value k = emit.mul(stage, plan.depth);
                   lhs->fill(stage, k);
                   rhs->fill(stage, k);
                 });
                 emit.commitCopies();
               });
}

/// Stage `trip` is multiplied while stage `trip + stages - 1` is copied, which
/// is whole and in chunks.
ContractionEmitter::Values ContractionEmitter::mainLoop(Values sums) {
  std::optional<int64_t> known = Emitter::constant(mainTrips);
  if (known && !*known)
    return sums;
  SmallVector<Type> types(sums.size(), emit.getF32Type());
  return emit.ifElse(
      emit.less(emit.integer(0), mainTrips), types,
      [&] {
        emit.waitForCopies(plan.stages - 2);
        emit.barrier();
        Value ahead = emit.integer((plan.stages - 1) * plan.depth);
        Carried first;
        first.sums = sums;
        first.operands = load(emit.integer(0), 0);
        first.lhs = lhs->pointersAt(ahead);
        first.rhs = rhs->pointersAt(ahead);
        first.from = emit.integer(0);
        first.to = emit.integer(plan.stages - 1);
        return emitMainLoop(first);
      },
      [&] { return sums; });
}

/// Whether warps meet in the first product of a stage, not in the last.
bool ContractionEmitter::meetsEarly() const {
  return plan.stages >= kStagesToMeetEarly && products() > 1;
}

/// Loads of fragments stand before a copy or the barrier, which ptxas does not
/// move them across: it would put them as late as one warp alone could bear,
/// and all warps want shared memory at once.
void ContractionEmitter::emitProduct(Carried &now, int64_t number) {
  int64_t count = products(), rows = plan.warpRows() / 16;
  bool isLast = number == count - 1, isEarly = meetsEarly();
  auto copy = [&] {
    int64_t parts = isEarly ? count : std::max<int64_t>(1, count - 1);
    lhs->copy(now.to, now.lhs, number, parts);
    rhs->copy(now.to, now.rhs, number, parts);
  };
  auto meet = [&](int64_t pending) {
    emit.waitForCopies(pending);
    emit.barrier();
  };
  if (!isEarly && isLast) {
    if (count == 1)
      copy();
    emit.commitCopies();
    meet(plan.stages - 2);
  }
  if (isLast)
    now.from = nextStage(now.from);
  Operands next = load(now.from, isLast ? 0 : number + 1);
  int64_t done = 0;
  if (isEarly && number == 0) {
    done = 1;
    multiply(now.operands, now.sums, 0, done);
    meet(plan.stages - 3);
  }
  if (isEarly || !isLast)
    copy();
  if (isEarly && isLast)
    emit.commitCopies();
  multiply(now.operands, now.sums, done, rows);
  now.operands = next;
}

ContractionEmitter::Values
ContractionEmitter::emitMainLoop(const Carried &first) {
  Values results = emit.forLoop(emit.integer(0), mainTrips, 1, first.flatten(),
                                [&](Value, ValueRange values) {
                                  Carried now = first.unflatten(values);
                                  for (int64_t i = 0; i < products(); ++i)
                                    emitProduct(now, i);
                                  now.to = nextStage(now.to);
                                  now.lhs = lhs->advance(now.lhs);
                                  now.rhs = rhs->advance(now.rhs);
                                  return now.flatten();
                                });
  return first.unflatten(results).sums;
}

/// What the main loop leaves: the last stages, and all of an operand that
/// cannot be copied in chunks.
ContractionEmitter::Values ContractionEmitter::theRest(Values sums) {
  Value stages = emit.integer(plan.stages),
        ahead = emit.integer(plan.stages - 1);
  sums.push_back(emit.rem(mainTrips, stages));
  sums.push_back(emit.rem(emit.add(mainTrips, ahead), stages));
  Values results = emit.forLoop(
      mainTrips, total, 1, sums, [&](Value trip, ValueRange carried) {
        Values now(carried.drop_back(2));
        Value from = carried[carried.size() - 2], to = carried.back();
        emit.waitForCopies(plan.stages - 2);
        emit.barrier();
        Value coming = emit.add(trip, ahead);
        emit.ifThen(emit.less(coming, total), [&] {
          Value k = emit.mul(coming, plan.depth);
          lhs->fill(to, k);
          rhs->fill(to, k);
        });
        emit.commitCopies();
        for (int64_t product = 0; product < products(); ++product)
          multiply(load(from, product), now, 0, plan.warpRows() / 16);
        now.push_back(nextStage(from));
        now.push_back(nextStage(to));
        return now;
      });
  results.pop_back_n(2);
  return results;
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

LogicalResult ContractionEmitter::run() {
  if (failed(frame.start(plan.threads(), plan.blocksByRegisters,
                         [&](Value block) { return itemOf(block); })))
    return failure();
  locate();
  fillFirst();
  Values sums(plan.rows * plan.columns / plan.threads(), emit.real(0));
  sums = theRest(mainLoop(sums));
  if (failed(emitEpilogue(frame, parts, plan, *fragments, warpRow, warpColumn,
                          sums)))
    return failure();
  frame.finish();
  return success();
}

LogicalResult attune::target::cuda::lowerContraction(tile::KernelOp kernel,
                                                     OpBuilder &builder,
                                                     const Machine &machine) {
  FailureOr<Contraction> parts = Contraction::match(kernel);
  if (failed(parts))
    return failure();
  FailureOr<ContractionPlan> plan = ContractionPlan::make(*parts, machine);
  if (failed(plan))
    return failure();
  Emitter emit(kernel.getLoc(), builder, machine, plan->lanes);
  KernelFrame frame(kernel, emit);
  return ContractionEmitter(frame, *parts, *plan).run();
}

LogicalResult attune::target::cuda::checkContraction(tile::KernelOp kernel) {
  FailureOr<Contraction> parts = Contraction::match(kernel);
  return failure(failed(parts) ||
                 failed(ContractionPlan::make(*parts, Machine::least())));
}
