// Contraction: one dot over k and what follows it element by element.
//
//   parallel (outer axes, rows by R, columns by C)
//     sum = bias, or zero
//     for k by K: sum += lhs[rows, k] . rhs[k, columns]
//     epilogue on sum; store
//
// Narrow operands are multiplied as they are and summed in f32; what follows
// the sum is f32 up to the casts of the group.
//
// Rows are the free axes of the left operand, columns those of the right one,
// as far as the strides of all operands let them merge; what does not merge is
// an outer axis like a batch. A right operand that is a frozen weight comes in
// panels.
#include "compiler/kernels/Builders.h"

#include "compiler/kernels/BlockScope.h"
#include "compiler/kernels/Bounds.h"
#include "compiler/kernels/ContractionAxes.h"
#include "compiler/kernels/ScalarBuilder.h"
#include "compiler/kernels/Schedule.h"
#include "compiler/kernels/WeightPacker.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

namespace {

class ContractionBuilder {
public:
  ContractionBuilder(KernelBuilder &kernel, WeightPacker &packer)
      : kernel(kernel), packer(packer) {}

  LogicalResult run(unsigned variant);

private:
  LogicalResult analyze();
  bool tryPanels();
  void chooseBlocks(unsigned variant);
  void addOperands();
  Value addSide(Value operand, unsigned number, ArrayRef<unsigned> order,
                SmallVector<unsigned> &outer);
  void shareMemory();
  void findStart();
  void addGrid();
  LogicalResult addBody();
  Value addLoop(Value start);

  KernelBuilder &kernel;
  WeightPacker &packer;
  nn::ContractOp op;
  ContractionAxes axes;
  ContractionBlocks blocks;
  Value packed;   // the panels, if the right operand comes in them
  Value lhs, rhs; // memrefs: [outer..., rows, k] and [outer..., k, columns]
  SmallVector<unsigned> lhsOuter, rhsOuter;
  SmallVector<std::pair<Leaf, Operand>> epilogue;
  SmallVector<std::pair<Sink, Operand>> results;
  // An add whose other operand is the value that the sum starts from.
  nn::ElementwiseOp startAdd;
  Value startLeaf;
  SmallVector<Value> positions; // by axis, without k
};

} // namespace

//===----------------------------------------------------------------------===//
// Analysis
//===----------------------------------------------------------------------===//

LogicalResult ContractionBuilder::analyze() {
  for (Operation *inner : kernel.views.ops()) {
    auto contract = dyn_cast<nn::ContractOp>(inner);
    if (contract && op)
      return inner->emitError("a group computes one contraction");
    if (contract)
      op = contract;
    else if (!isa<nn::ElementwiseOp>(inner))
      return inner->emitError() << "'" << inner->getName()
                                << "' has no place beside a contraction";
  }
  if (!op)
    return kernel.group.emitError("expected a contraction");
  if (!kernel.views.find(op.getLhs()) || !kernel.views.find(op.getRhs()))
    return op.emitError("expected operands that are read from memory");
  // Panels ask less of the layout, so they are tried first.
  if (tryPanels())
    return success();
  FailureOr<ContractionAxes> found =
      ContractionAxes::find(op, kernel.views, /*rhsInPanels=*/false);
  if (failed(found))
    return op.emitError("no rows, columns and k with one stride each; "
                        "assign-layouts must have put a copy in front of it");
  axes = *found;
  return success();
}

// Whether the right operand is a frozen matrix, which then gets its panels.
bool ContractionBuilder::tryPanels() {
  if (!kernel.machine.panelWidth)
    return false;
  const Leaf *leaf = kernel.views.find(op.getRhs());
  Value root = kernel.group.getInputs()[leaf->operand];
  nn::WeightOp weight = packer.frozenWeight(root);
  // A GPU reads any matrix through shared memory.
  if (kernel.machine.isGpu || !weight || !op.getRhsBatch().empty())
    return false;
  FailureOr<ContractionAxes> found =
      ContractionAxes::find(op, kernel.views, /*rhsInPanels=*/true);
  if (failed(found) || found->outerColumns)
    return false;
  axes = *found;
  SmallVector<int64_t> permutation(op.getRhsContracting());
  llvm::append_range(permutation, op.getRhsFree());
  OpBuilder before(kernel.group);
  packed = packer.packPanels(before, weight, leaf->value, permutation,
                             op.getRhsContracting().size(),
                             kernel.machine.panelWidth);
  return true;
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

// A memref of the outer axes along which the operand moves, then of `order`.
Value ContractionBuilder::addSide(Value operand, unsigned number,
                                  ArrayRef<unsigned> order,
                                  SmallVector<unsigned> &outer) {
  const Dims &moves = axes.strides[number];
  for (unsigned axis : axes.outer)
    if (moves[axis].getConstant() != 0)
      outer.push_back(axis);
  Dims dims, strides;
  auto add = [&](unsigned axis) {
    dims.push_back(axes.extents[axis]);
    strides.push_back(moves[axis]);
  };
  llvm::for_each(outer, add);
  llvm::for_each(order, add);
  const Leaf &leaf = *kernel.views.find(operand);
  Type element = cast<RankedTensorType>(operand.getType()).getElementType();
  return kernel.addInputMemref(kernel.group.getInputs()[leaf.operand], element,
                               dims, leaf.view.offset, strides);
}

void ContractionBuilder::addOperands() {
  lhs = addSide(op.getLhs(), ContractionAxes::kLhs, {axes.rows, axes.depth},
                lhsOuter);
  if (packed)
    rhs = kernel.addPanels(packed, *axes.extents[axes.depth].getConstant(),
                           *axes.extents[axes.columns].getConstant());
  else
    rhs = addSide(op.getRhs(), ContractionAxes::kRhs,
                  {axes.depth, axes.columns}, rhsOuter);
  unsigned number = ContractionAxes::kFirstOther;
  for (const Leaf &leaf : ContractionAxes::epilogueLeaves(op, kernel.views))
    epilogue.push_back(
        {leaf, kernel.addInput(leaf, axes.extents, axes.strides[number++])});
  for (const Sink &sink : kernel.views.sinks())
    results.push_back(
        {sink, kernel.addResult(sink, axes.extents, axes.strides[number++],
                                {axes.rows, axes.columns})});
}

// A residual may be overwritten: each of its elements is read by the work item
// that writes it, before the store. With two results the second store might
// read again.
void ContractionBuilder::shareMemory() {
  if (results.size() != 1)
    return;
  const Sink &sink = results.front().first;
  for (auto &[leaf, operand] : epilogue) {
    if (leaf.value == op.getLhs() || leaf.value == op.getRhs())
      continue;
    if (leaf.view == sink.view && leaf.value.getType() == sink.value.getType())
      return kernel.setInPlace(0, operand);
  }
}

// To add what is the same for all rows costs nothing as the sum's first value.
void ContractionBuilder::findStart() {
  Value product = op.getResult();
  // Where the product is rounded first, the sum is no place to add to.
  if (!product.hasOneUse() || isHalf(getElementTypeOrSelf(product.getType())))
    return;
  auto add = dyn_cast<nn::ElementwiseOp>(*product.user_begin());
  if (!add || add.getKind() != nn::ElementwiseKind::Add)
    return;
  Value other = add.getInputs()[add.getInputs()[0] == product ? 1 : 0];
  for (auto &[leaf, operand] : epilogue) {
    if (leaf.value != other || llvm::is_contained(operand.axes, axes.rows))
      continue;
    startAdd = add;
    startLeaf = other;
  }
}

//===----------------------------------------------------------------------===//
// The body
//===----------------------------------------------------------------------===//

void ContractionBuilder::addGrid() {
  SmallVector<GridAxis> grid;
  SmallVector<unsigned> order(axes.outer);
  order.push_back(blocks.rowsOutermost ? axes.rows : axes.columns);
  order.push_back(blocks.rowsOutermost ? axes.columns : axes.rows);
  for (unsigned axis : order) {
    int64_t step = axis == axes.rows      ? blocks.rows
                   : axis == axes.columns ? blocks.columns
                                          : 0;
    grid.push_back({axes.extents[axis], step});
  }
  tile::ParallelOp parallel = kernel.addGrid(grid);
  kernel.setGrain(kernel.constant(blocks.grain));
  positions.resize(axes.depth);
  for (auto [axis, position] : llvm::zip(order, parallel.getPositions()))
    positions[axis] = position;
}

// sum += lhs[rows, k] . rhs[k, columns] over all k.
Value ContractionBuilder::addLoop(Value start) {
  Value from = kernel.index(0), to = kernel.extent(axes.extents[axes.depth]);
  OpBuilder &builder = kernel.builder;
  auto loop =
      tile::ForOp::create(builder, kernel.loc(), from, to, blocks.depth, start);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(loop.getBody());
  auto at = [&](ArrayRef<unsigned> outer, Value first, Value second) {
    SmallVector<Value> place;
    for (unsigned axis : outer)
      place.push_back(positions[axis]);
    place.append({first, second});
    return place;
  };
  Value x =
      tile::LoadOp::create(builder, kernel.loc(), lhs,
                           at(lhsOuter, positions[axes.rows], loop.getSpan()));
  Value y = tile::LoadOp::create(
      builder, kernel.loc(), rhs,
      at(rhsOuter, loop.getSpan(), positions[axes.columns]));
  Value sum = tile::DotOp::create(
      builder, kernel.loc(), start.getType(), x, y, loop.getCarried().front(),
      /*trans_lhs=*/false, /*trans_rhs=*/false, op.getTf32());
  tile::YieldOp::create(builder, kernel.loc(), sum);
  return loop.getResult(0);
}

LogicalResult ContractionBuilder::addBody() {
  BlockScope scope(kernel, positions);
  for (auto &[leaf, operand] : epilogue)
    scope.bindOperand(leaf.value, operand);
  ScalarBuilder scalars(kernel.builder, kernel.loc(),
                        {positions[axes.rows], positions[axes.columns]});

  auto type = cast<RankedTensorType>(op.getType()).getElementType();
  Type sumType = computedIn(type);
  Value start;
  if (startLeaf) {
    FailureOr<Value> loaded = scope.get(startLeaf);
    if (failed(loaded))
      return failure();
    start = *loaded;
  } else {
    start = scalars.splat(sumType, 0);
  }
  Value sum = addLoop(start);
  if (sumType != type)
    sum = *scalars.build(nn::ElementwiseKind::Cast, sum, type);
  scope.bind(startAdd ? startAdd.getResult() : op.getResult(), sum);

  for (auto &[sink, operand] : results) {
    FailureOr<Value> block = scope.get(sink.value);
    if (failed(block))
      return failure();
    kernel.storeBlock(*block, operand, positions);
  }
  return success();
}

void ContractionBuilder::chooseBlocks(unsigned variant) {
  DimAttr batches = kernel.constant(1);
  for (unsigned axis : axes.outer)
    batches = batches * axes.extents[axis];
  Type element = cast<RankedTensorType>(op.getLhs().getType()).getElementType();
  int64_t elementBytes = std::max(1u, element.getIntOrFloatBitWidth() / 8);
  auto ranges = nn::symbolRanges(kernel.group);
  auto most = [&](DimAttr dim) { return greatest(dim, ranges); };
  DimAttr rows = axes.extents[axes.rows], columns = axes.extents[axes.columns],
          depth = axes.extents[axes.depth];
  const Dims &lhs = axes.strides[ContractionAxes::kLhs];
  bool lhsAlongRows =
      lhs[axes.rows].getConstant() == 1 && lhs[axes.depth].getConstant() != 1;
  auto choice = chooseContractionBlocks(
      kernel.machine, {{rows, columns, depth, batches},
                       {most(rows), most(columns), most(depth), most(batches)},
                       elementBytes,
                       op.getTf32(),
                       lhsAlongRows,
                       bool(packed)});
  blocks = choice[variant];
  kernel.setVariants(choice.size(), blocks.cost);
}

LogicalResult ContractionBuilder::run(unsigned variant) {
  if (failed(analyze()))
    return failure();
  chooseBlocks(variant);
  addOperands();
  shareMemory();
  findStart();
  // Extents before the body: further arguments follow the memrefs.
  kernel.extent(axes.extents[axes.depth]);
  addGrid();
  return addBody();
}

LogicalResult buildContractionKernel(KernelBuilder &builder,
                                     WeightPacker &packer, unsigned variant) {
  return ContractionBuilder(builder, packer).run(variant);
}

} // namespace attune::kernels
