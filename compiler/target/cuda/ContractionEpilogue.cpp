//===- ContractionEpilogue.cpp --------------------------------------------===//
//
// A fragment holds two neighbouring elements of eight rows: as a store that is
// half of what memory moves at a time, and code for each would be long. So sums
// pass through shared memory, whose ring nobody needs any more, and each thread
// takes vectors of 16 bytes of results, in a loop:
//
//   for each slice of the block (a few strips of 16 rows of each warp)
//     sums into shared memory
//     for each group of vectors of the thread
//       what all of them read, then what they write
//
// Two versions of that loop: where all that is read and written is aligned to
// vectors and ends with them; and for anything else by single elements, those
// of a warp side by side, so that memory still moves whole sectors.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cuda/ContractionEpilogue.h"
#include "compiler/target/common/BlockEvaluator.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;
using target::common::BlockEvaluator;
using target::common::Coord;

/// Vectors of a thread whose loads are under way together.
static constexpr int64_t kGroup = 4;

namespace {

class EpilogueEmitter {
public:
  EpilogueEmitter(KernelFrame &frame, const Contraction &parts,
                  const ContractionPlan &plan, const Fragments &fragments,
                  Value warpRow, Value warpColumn)
      : frame(frame), emit(frame.emit), parts(parts), plan(plan),
        fragments(fragments), warpRow(warpRow), warpColumn(warpColumn),
        evaluator(frame), rows(frame.span(parts.rows)),
        columns(frame.span(parts.columns)),
        section(frame.shared.reuse(plan.stagingBytes())) {}

  LogicalResult run(ValueRange sums);

private:
  /// A vector of the slice: in shared memory and in the block.
  struct Place {
    Value staged;
    Value row, column; ///< of its first element
    Value isInside;    ///< an i1
  };

  Value isAligned() const;
  std::optional<Value> isAligned(Value memref, ValueRange positions) const;
  void stage(ValueRange sums, int64_t slice);
  Value stagedAt(Value row, Value column) const;
  Place placeOf(Value number, int64_t slice, int64_t lanes) const;
  void emitVectors(int64_t slice, int64_t lanes);
  bool compute(const Place &place, const Coord &row, const Coord &column);
  void store(const Coord &row, const Coord &column);
  SmallVector<Coord> coordsOf(tile::StoreOp store, const Coord &row,
                              const Coord &column) const;

  KernelFrame &frame;
  Emitter &emit;
  const Contraction &parts;
  const ContractionPlan &plan;
  const Fragments &fragments;
  Value warpRow, warpColumn;
  BlockEvaluator evaluator;
  Span rows, columns;
  int64_t section; ///< of shared memory
  LogicalResult result = success();
};

} // namespace

//===----------------------------------------------------------------------===//
// Alignment
//===----------------------------------------------------------------------===//

/// Whether vectors of an access lie at multiples of their size, or of 16 bytes.
/// Nothing if it has no vectors, or false.
std::optional<Value> EpilogueEmitter::isAligned(Value memref,
                                                ValueRange positions) const {
  Value lanes = plan.lanesAlongRows ? parts.rows : parts.columns;
  const Operand &operand = frame.operand(memref);
  auto no = [&] {
    return arith::ConstantOp::create(emit, emit.getBoolAttr(false)).getResult();
  };
  Value steps = emit.integer(0);
  bool hasVectors = false;
  for (auto [position, stride] : llvm::zip(positions, operand.strides)) {
    if (tile::isSpan(position) && position != parts.rows &&
        position != parts.columns)
      return no(); // Where such a span starts is not known here.
    std::optional<int64_t> known = Emitter::constant(stride);
    bool isUnit = known && *known == 1;
    if (position == lanes)
      hasVectors = isUnit;
    else
      steps = arith::OrIOp::create(emit, steps, stride);
  }
  if (!hasVectors)
    return std::nullopt;
  Type element = operand.type.getElementType();
  int64_t bytes = std::max<int64_t>(1, element.getIntOrFloatBitWidth() / 8);
  int64_t unit = std::min<int64_t>(16, plan.lanes * bytes);
  Value address =
      LLVM::PtrToIntOp::create(emit, emit.getI64Type(), operand.pointer);
  Value all = arith::OrIOp::create(emit, emit.mul(steps, bytes), address);
  return emit.equal(emit.rem(all, emit.integer(unit)), emit.integer(0));
}

Value EpilogueEmitter::isAligned() const {
  int64_t block =
      plan.lanesAlongRows ? parts.blockRows() : parts.blockColumns();
  Value count = plan.lanesAlongRows ? rows.count : columns.count;
  if (block % plan.lanes)
    return arith::ConstantOp::create(emit, emit.getBoolAttr(false));
  Value all =
      emit.equal(emit.rem(count, emit.integer(plan.lanes)), emit.integer(0));
  auto also = [&](Value memref, ValueRange positions) {
    if (std::optional<Value> aligned = isAligned(memref, positions))
      all = arith::AndIOp::create(emit, all, *aligned);
  };
  for (Operation &op : *frame.kernel.getParallel().getBody()) {
    if (auto load = dyn_cast<tile::LoadOp>(op))
      also(load.getSource(), load.getPositions());
    else if (auto store = dyn_cast<tile::StoreOp>(op))
      also(store.getDest(), store.getPositions());
  }
  return all;
}

//===----------------------------------------------------------------------===//
// Through shared memory
//===----------------------------------------------------------------------===//

Value EpilogueEmitter::stagedAt(Value row, Value column) const {
  Value outer = plan.lanesAlongRows ? column : row,
        inner = plan.lanesAlongRows ? row : column;
  Value gaps = emit.div(inner, emit.integer(plan.kBanks));
  inner = emit.add(inner, emit.mul(gaps, plan.kSkew));
  Value offset = emit.add(emit.mul(outer, plan.stagingPitch()), inner);
  return emit.at(emit.shared(section), offset, emit.getF32Type());
}

/// The fragments of the slice's strips.
void EpilogueEmitter::stage(ValueRange sums, int64_t slice) {
  int64_t across = plan.warpColumns() / 8;
  // The warp's strips in the slice.
  Value corner = emit.mul(emit.div(warpRow, emit.integer(plan.warpRows())),
                          plan.strips * 16);
  Type pair = VectorType::get({2}, emit.getF32Type());
  for (int64_t strip = 0; strip < plan.strips; ++strip)
    for (int64_t number = 0; number < across; ++number)
      for (int64_t half = 0; half < 2; ++half) {
        int64_t fragment = (slice * plan.strips + strip) * across + number;
        Value a = sums[fragment * 4 + half * 2],
              b = sums[fragment * 4 + half * 2 + 1];
        Value row =
            emit.add(emit.add(corner, fragments.sumRow(half)), strip * 16);
        Value column =
            emit.add(emit.add(warpColumn, fragments.sumColumn()), number * 8);
        if (plan.lanesAlongRows) {
          emit.store(a, stagedAt(row, column));
          emit.store(b, stagedAt(row, emit.add(column, 1)));
          continue;
        }
        Value both =
            vector::FromElementsOp::create(emit, pair, ValueRange{a, b});
        LLVM::StoreOp::create(emit, both, stagedAt(row, column), 8);
      }
}

/// Vector `number` of the slice, of so many lanes.
EpilogueEmitter::Place EpilogueEmitter::placeOf(Value number, int64_t slice,
                                                int64_t lanes) const {
  int64_t inner =
      (plan.lanesAlongRows ? plan.sliceRows() : plan.columns) / lanes;
  Value outer = emit.div(number, emit.integer(inner));
  Value first = emit.mul(emit.rem(number, emit.integer(inner)), lanes);
  Value row = plan.lanesAlongRows ? first : outer,
        column = plan.lanesAlongRows ? outer : first;
  Place place;
  place.staged = stagedAt(row, column);
  // Rows of a warp in the slice are neighbours in the block.
  Value share = emit.integer(plan.strips * 16);
  place.row =
      emit.add(emit.mul(emit.div(row, share), plan.warpRows()),
               emit.add(emit.rem(row, share), slice * plan.strips * 16));
  place.column = column;
  place.isInside = arith::AndIOp::create(emit, emit.less(place.row, rows.count),
                                         emit.less(column, columns.count));
  return place;
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

/// The sum, and all that is stored at a place.
bool EpilogueEmitter::compute(const Place &place, const Coord &row,
                              const Coord &column) {
  bool hasLanes = row.lanes || column.lanes;
  auto typeOf = [&](Type element) {
    return hasLanes ? Type(emit.vector(element)) : element;
  };
  Type f32 = emit.getF32Type();
  Type stored = getElementTypeOrSelf(parts.dot.getType());
  Value sum = LLVM::LoadOp::create(
      emit, typeOf(f32), place.staged,
      hasLanes ? std::min<int64_t>(16, plan.lanes * 4) : 4);
  Value init = parts.loop.getInits().front();
  if (!matchPattern(init, m_AnyZeroFloat())) {
    Value start = evaluator.get(init, {row, column});
    if (!start)
      return false;
    if (!stored.isF32())
      start = arith::ExtFOp::create(emit, typeOf(f32), start);
    sum = emit.addf(sum, start);
  }
  if (!stored.isF32())
    sum = arith::TruncFOp::create(emit, typeOf(stored), sum);
  evaluator.seed(parts.loop.getResult(0), {row, column}, sum);
  for (tile::StoreOp store : parts.stores)
    if (!evaluator.get(store.getBlock(), coordsOf(store, row, column)))
      return false;
  return true;
}

/// A transposed result lists its spans the other way round.
SmallVector<Coord> EpilogueEmitter::coordsOf(tile::StoreOp store,
                                             const Coord &row,
                                             const Coord &column) const {
  SmallVector<Coord> at;
  for (Value span : tile::spansAmong(store.getPositions()))
    at.push_back(span == parts.rows ? row : column);
  return at;
}

void EpilogueEmitter::store(const Coord &row, const Coord &column) {
  for (tile::StoreOp store : parts.stores)
    if (succeeded(result))
      result = evaluator.store(store, coordsOf(store, row, column));
}

/// Groups of vectors, or of elements where there is one lane; those outside
/// read some place inside, and write nothing.
void EpilogueEmitter::emitVectors(int64_t slice, int64_t lanes) {
  emit.alignedVectors = lanes > 1;
  int64_t vectors = plan.sliceRows() * plan.columns / lanes;
  int64_t threads = plan.threads(), count = llvm::divideCeil(vectors, threads);
  int64_t group = std::min(kGroup, count);
  while (count % group)
    --group;
  bool isWhole = vectors % threads == 0;
  emit.forLoop(emit.integer(0), emit.integer(count), group, [&](Value first) {
    BlockEvaluator::Scope scope(evaluator);
    SmallVector<std::pair<Coord, Coord>> coords;
    SmallVector<Value> inside;
    for (int64_t i = 0; i < group; ++i) {
      Value number =
          emit.add(emit.mul(emit.add(first, i), threads), emit.threadIndex());
      Value isReal = emit.less(number, emit.integer(vectors));
      if (!isWhole)
        number = arith::SelectOp::create(emit, isReal, number, emit.integer(0));
      Place place = placeOf(number, slice, lanes);
      auto clamp = [&](Value index) {
        return arith::SelectOp::create(emit, place.isInside, index,
                                       emit.integer(0))
            .getResult();
      };
      coords.push_back(
          {{clamp(place.row), lanes > 1 && plan.lanesAlongRows, {}},
           {clamp(place.column), lanes > 1 && !plan.lanesAlongRows, {}}});
      inside.push_back(isWhole
                           ? place.isInside
                           : arith::AndIOp::create(emit, place.isInside, isReal)
                                 .getResult());
      if (succeeded(result) &&
          !compute(place, coords.back().first, coords.back().second))
        result = failure();
    }
    for (auto [at, isInside] : llvm::zip(coords, inside))
      emit.ifThen(isInside, [&, &at = at] {
        BlockEvaluator::Scope storeScope(evaluator);
        store(at.first, at.second);
      });
  });
  emit.alignedVectors = false;
}

LogicalResult EpilogueEmitter::run(ValueRange sums) {
  Value aligned = isAligned();
  std::optional<int64_t> known = Emitter::constant(aligned);
  int64_t slices = plan.warpRows() / 16 / plan.strips;
  for (int64_t slice = 0; slice < slices; ++slice) {
    emit.barrier();
    stage(sums, slice);
    emit.barrier();
    auto fast = [&] {
      emitVectors(slice, plan.lanes);
      return Emitter::Values();
    };
    auto slow = [&] {
      emitVectors(slice, 1);
      return Emitter::Values();
    };
    if (!known)
      emit.ifElse(aligned, TypeRange(), fast, slow);
    else if (*known)
      fast();
    else
      slow();
  }
  return result;
}

LogicalResult
attune::target::cuda::emitEpilogue(KernelFrame &frame, const Contraction &parts,
                                   const ContractionPlan &plan,
                                   const Fragments &fragments, Value warpRow,
                                   Value warpColumn, ValueRange sums) {
  return EpilogueEmitter(frame, parts, plan, fragments, warpRow, warpColumn)
      .run(sums);
}
