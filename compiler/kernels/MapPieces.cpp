// concat and pad. See MapPieces.h.
//
//   parallel (axes..., lanes by L)
//     for each piece: [start, end) = the item's lanes that lie in it
//       store load(piece, [start, end) - where the piece begins), [start, end)
//
// An axis that is not the lanes' says with one comparison whether the item lies
// in the piece at all; if not, the range is empty. No branch, no copy of the
// grid.
#include "compiler/kernels/MapPieces.h"

#include "compiler/kernels/GroupBody.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

namespace {

constexpr int64_t kTaskElements = 16 << 10;

/// An axis along which pieces begin and end.
struct Cut {
  unsigned axis;
  DimAttr begin, extent; ///< of the piece, in elements of the axis
};

class PieceBuilder {
public:
  explicit PieceBuilder(KernelBuilder &kernel) : kernel(kernel) {}
  LogicalResult concat(nn::ConcatOp op);
  LogicalResult pad(nn::PadOp op);

private:
  struct Range {
    Value start, end;
  };
  const Sink &sink() { return kernel.views.sinks().front(); }
  FailureOr<const Leaf *> leafOf(Operation *op, Value input);
  void addPiece(const View &view);
  void simplify(ArrayRef<unsigned> groups, const llvm::SmallBitVector &cut,
                SmallVector<unsigned> &first);
  void addGrid();
  Range within(ArrayRef<Cut> cuts);
  void copy(const Operand &piece, ArrayRef<Cut> cuts, Range range);
  void fill(Value scalar, Value start, Value end);
  Value span(Value start, Value end);
  Value compare(arith::CmpIPredicate predicate, Value a, Value b);
  Value sub(Value a, Value b);

  KernelBuilder &kernel;
  IterationSpace space; ///< operands: the pieces, then the result
  Operand result;
  unsigned lanes = 0;
  SmallVector<Value> positions;
  Range item; ///< lanes of the work item
};

} // namespace

//===----------------------------------------------------------------------===//
// The space
//===----------------------------------------------------------------------===//

FailureOr<const Leaf *> PieceBuilder::leafOf(Operation *op, Value input) {
  if (const Leaf *leaf = kernel.views.find(input))
    return leaf;
  return op->emitError("expected operands that are read from memory");
}

// A dim of extent 1 has any stride; that of a run without gaps lets axes merge.
void PieceBuilder::addPiece(const View &view) {
  Dims strides(view.strides);
  DimAttr next = kernel.constant(1);
  for (size_t dim = view.rank(); dim-- > 0;) {
    if (view.dims[dim].getConstant() == 1)
      strides[dim] = next;
    else
      next = strides[dim] * view.dims[dim];
  }
  space.strides.push_back(strides);
}

// Merges axes within the groups; `first` is where each group then begins. A
// group that is cut keeps an axis even if its extent is 1.
void PieceBuilder::simplify(ArrayRef<unsigned> groups,
                            const llvm::SmallBitVector &cut,
                            SmallVector<unsigned> &first) {
  SmallVector<unsigned> left = space.simplify(groups);
  unsigned axis = 0;
  for (auto [group, count] : llvm::enumerate(left)) {
    first.push_back(axis);
    if (!count && cut.test(group)) {
      space.insertUnitAxis(axis, kernel.context());
      count = 1;
    }
    axis += count;
  }
}

void PieceBuilder::addGrid() {
  unsigned rank = space.rank();
  lanes = rank - 1;
  for (unsigned axis = 0; axis < rank; ++axis)
    if (space.strides.back()[axis].getConstant() == 1)
      lanes = axis;
  int64_t extent = space.extents[lanes].getConstant().value_or(0);
  int64_t most = kernel.machine.sweeps.mapElements;
  int64_t step = extent > 0 && extent <= 2 * most ? extent : most;
  SmallVector<GridAxis> grid;
  for (unsigned axis = 0; axis < rank; ++axis)
    grid.push_back({space.extents[axis], axis == lanes ? step : 0});
  tile::ParallelOp parallel = kernel.addGrid(grid);
  kernel.setGrain(kernel.constant(std::max<int64_t>(1, kTaskElements / step)));
  positions.assign(parallel.getPositions().begin(),
                   parallel.getPositions().end());
  auto bounds = tile::BoundsOp::create(
      kernel.builder, kernel.loc(), kernel.builder.getIndexType(),
      kernel.builder.getIndexType(), positions[lanes]);
  item.start = bounds.getStart();
  item.end = arith::AddIOp::create(kernel.builder, kernel.loc(),
                                   bounds.getStart(), bounds.getCount());
}

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

Value PieceBuilder::compare(arith::CmpIPredicate predicate, Value a, Value b) {
  return arith::CmpIOp::create(kernel.builder, kernel.loc(), predicate, a, b);
}

Value PieceBuilder::sub(Value a, Value b) {
  return arith::SubIOp::create(kernel.builder, kernel.loc(), a, b);
}

Value PieceBuilder::span(Value start, Value end) {
  return tile::RangeOp::create(
      kernel.builder, kernel.loc(),
      tile::SpanType::get(kernel.context(), ShapedType::kDynamic), start, end);
}

// The item's lanes inside the piece; empty, at the item's end, if there are
// none.
PieceBuilder::Range PieceBuilder::within(ArrayRef<Cut> cuts) {
  OpBuilder &b = kernel.builder;
  Location loc = kernel.loc();
  Range range = item;
  Value inside;
  for (const Cut &cut : cuts) {
    Value begin = kernel.extent(cut.begin);
    Value end = kernel.extent(cut.begin + cut.extent);
    if (cut.axis == lanes) {
      auto clamp = [&](Value value) -> Value {
        Value low = arith::MaxSIOp::create(b, loc, value, item.start);
        return arith::MinSIOp::create(b, loc, low, item.end);
      };
      range = {clamp(begin), clamp(end)};
      continue;
    }
    Value position = positions[cut.axis];
    Value both = arith::AndIOp::create(
        b, loc, compare(arith::CmpIPredicate::sge, position, begin),
        compare(arith::CmpIPredicate::slt, position, end));
    inside = inside ? Value(arith::AndIOp::create(b, loc, inside, both)) : both;
  }
  if (!inside)
    return range;
  return {arith::SelectOp::create(b, loc, inside, range.start, item.end),
          arith::SelectOp::create(b, loc, inside, range.end, item.end)};
}

void PieceBuilder::copy(const Operand &piece, ArrayRef<Cut> cuts, Range range) {
  SmallVector<Value> from(positions), to(positions);
  to[lanes] = span(range.start, range.end);
  from[lanes] = to[lanes];
  for (const Cut &cut : cuts) {
    Value begin = kernel.extent(cut.begin);
    from[cut.axis] = cut.axis == lanes
                         ? span(sub(range.start, begin), sub(range.end, begin))
                         : sub(positions[cut.axis], begin);
  }
  // The block has the extent of both spans, so one that does not move along the
  // lanes is repeated over either.
  kernel.storeBlock(kernel.loadBlock(piece, from), result, to);
}

void PieceBuilder::fill(Value scalar, Value start, Value end) {
  SmallVector<Value> to(positions);
  to[lanes] = span(start, end);
  kernel.storeBlock(kernel.broadcastBlock(scalar, {}, to[lanes]), result, to);
}

LogicalResult PieceBuilder::concat(nn::ConcatOp op) {
  unsigned axis = op.getAxis();
  space.extents = nn::getDims(op.getResult());
  SmallVector<const Leaf *> leaves;
  for (Value input : op.getInputs()) {
    FailureOr<const Leaf *> leaf = leafOf(op, input);
    if (failed(leaf))
      return failure();
    leaves.push_back(*leaf);
    addPiece((*leaf)->view);
  }
  addPiece(sink().view);
  DimAttr total = space.extents[axis];
  SmallVector<unsigned> first;
  simplify({axis, unsigned(space.rank()) - axis},
           llvm::SmallBitVector(2, true).reset(0), first);
  // Inner axes that follow without gaps are part of the axis now.
  unsigned cutAxis = first[1];
  DimAttr scale = space.extents[cutAxis].exactDiv(total);
  if (!scale)
    return op.emitError("the extent of the joined axis cannot be divided");

  SmallVector<Operand> pieces;
  for (auto [number, leaf] : llvm::enumerate(leaves)) {
    // The memref's dim is the piece's, not the whole axis's.
    Dims dims(space.extents);
    dims[cutAxis] = leaf->view.dims[axis] * scale;
    pieces.push_back(kernel.addInput(*leaf, dims, space.strides[number]));
  }
  result = kernel.addResult(sink(), space.extents, space.strides.back());
  addGrid();
  DimAttr begin = kernel.constant(0);
  for (auto [leaf, piece] : llvm::zip(leaves, pieces)) {
    Cut cut{cutAxis, begin, leaf->view.dims[axis] * scale};
    copy(piece, cut, within(cut));
    begin = begin + cut.extent;
  }
  return success();
}

LogicalResult PieceBuilder::pad(nn::PadOp op) {
  FailureOr<const Leaf *> leaf = leafOf(op, op.getInput());
  if (failed(leaf))
    return failure();
  space.extents = nn::getDims(op.getResult());
  addPiece((*leaf)->view);
  addPiece(sink().view);

  // A padded axis stands alone; those between them merge.
  SmallVector<unsigned> groups, cutDims, first;
  llvm::SmallBitVector cut;
  for (unsigned dim = 0; dim < space.rank(); ++dim) {
    bool padded = op.getLow()[dim].getConstant() != 0 ||
                  op.getHigh()[dim].getConstant() != 0;
    if (padded || groups.empty() || cut.test(cut.size() - 1)) {
      groups.push_back(0);
      cut.resize(cut.size() + 1, padded);
      if (padded)
        cutDims.push_back(dim);
    }
    ++groups.back();
  }
  simplify(groups, cut, first);
  SmallVector<Cut> cuts;
  Dims inputExtents(space.extents);
  unsigned next = 0;
  for (unsigned group : cut.set_bits()) {
    unsigned dim = cutDims[next++];
    cuts.push_back({first[group], op.getLow()[dim], (*leaf)->view.dims[dim]});
    inputExtents[first[group]] = (*leaf)->view.dims[dim];
  }
  if (!space.rank())
    space.insertUnitAxis(0, kernel.context());

  Operand input = kernel.addInput(**leaf, inputExtents, space.strides[0]);
  Operand border;
  const Leaf *borderLeaf = kernel.views.find(op.getValue());
  if (borderLeaf)
    border = kernel.addInput(*borderLeaf, {}, {});
  result = kernel.addResult(sink(), space.extents, space.strides.back());
  addGrid();

  Value scalar;
  DenseElementsAttr dense;
  if (borderLeaf)
    scalar = memref::LoadOp::create(kernel.builder, kernel.loc(), border.memref,
                                    ValueRange());
  else if (matchPattern(op.getValue(), m_Constant(&dense)) && dense.isSplat())
    scalar = arith::ConstantOp::create(
        kernel.builder, kernel.loc(),
        cast<TypedAttr>(dense.getSplatValue<Attribute>()));
  else
    return op.emitError("expected the border's value from memory or as a "
                        "constant");
  Range range = within(cuts);
  fill(scalar, item.start, range.start);
  copy(input, cuts, range);
  fill(scalar, range.end, item.end);
  return success();
}

LogicalResult buildPieces(KernelBuilder &builder) {
  Operation *op = builder.views.ops().front();
  PieceBuilder pieces(builder);
  if (auto concat = dyn_cast<nn::ConcatOp>(op))
    return pieces.concat(concat);
  return pieces.pad(cast<nn::PadOp>(op));
}

} // namespace attune::kernels
