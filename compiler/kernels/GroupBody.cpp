// What a group reads and writes. Its ops on blocks: GroupBlocks.cpp. See
// GroupBody.h.
#include "compiler/kernels/GroupBody.h"

#include "dialects/nn/Weights.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

Axes alignedAtEnd(unsigned spaceRank, unsigned rank) {
  return llvm::to_vector(llvm::seq<unsigned>(spaceRank - rank, spaceRank));
}

static unsigned rankOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getRank();
}

GroupBody::GroupBody(KernelBuilder &kernel, ArrayRef<DimAttr> extents)
    : kernel(kernel), context(kernel.context()) {
  space.extents = Dims(extents);
}

GroupBody::Key GroupBody::keyOf(Value value, ArrayRef<unsigned> axes) {
  return {value.getAsOpaquePointer(), {axes.begin(), axes.end()}};
}

//===----------------------------------------------------------------------===//
// What is read
//===----------------------------------------------------------------------===//

LogicalResult GroupBody::collect(Value value, ArrayRef<unsigned> axes) {
  auto [entry, isNew] = accesses.try_emplace(keyOf(value, axes));
  if (!isNew)
    return success();
  if (const Leaf *leaf = kernel.views.find(value)) {
    entry->second.leaf = leaf;
    entry->second.number = space.addOperand(leaf->view, axes);
    order.push_back(&entry->second);
    return success();
  }
  Operation *op = value.getDefiningOp();
  if (isa<arith::ConstantOp, nn::DimOp>(op))
    return success();
  if (auto iota = dyn_cast<nn::IotaOp>(op)) {
    Dims dims = nn::getDims(value);
    View positions{dims, kernel.constant(0),
                   Dims(dims.size(), kernel.constant(0))};
    positions.strides[iota.getAxis()] = kernel.constant(1);
    entry->second.number = space.addOperand(positions, axes);
    return success();
  }
  if (auto gather = dyn_cast<nn::GatherOp>(op))
    return collectGather(gather, axes);
  if (auto random = dyn_cast<nn::RandomOp>(op))
    return collectRandom(random, axes);
  if (!isa<nn::ElementwiseOp>(op))
    return collectOther(op, axes);
  for (Value input : op->getOperands())
    if (failed(collect(input, axes.take_back(rankOf(input)))))
      return failure();
  return success();
}

LogicalResult GroupBody::collectOther(Operation *op, ArrayRef<unsigned>) {
  return op->emitError() << "'" << op->getName()
                         << "' has no place in this kind of group";
}

// data[a..., indices[i...], b...]: the axes of the result are those of a, i, b.
LogicalResult GroupBody::collectGather(nn::GatherOp op,
                                       ArrayRef<unsigned> axes) {
  const Leaf *leaf = kernel.views.find(op.getData());
  if (!leaf)
    return op.emitError("expected to gather from memory, not from a value "
                        "computed in the same group");
  unsigned axis = op.getAxis(), rank = rankOf(op.getIndices());
  ArrayRef<unsigned> indexAxes = axes.slice(axis, rank);
  if (failed(collect(op.getIndices(), indexAxes)))
    return failure();

  View view = leaf->view;
  Access &access = accesses[keyOf(op.getResult(), axes)];
  access.leaf = leaf;
  access.gatherExtent = view.dims[axis];
  access.gatherStride = view.strides[axis];
  view.dims.erase(view.dims.begin() + axis);
  view.strides.erase(view.strides.begin() + axis);
  Axes dataAxes(axes.take_front(axis));
  llvm::append_range(dataAxes, axes.drop_front(axis + rank));
  access.number = space.addOperand(view, dataAxes);
  access.indexNumber =
      space.addOperand(View::rowMajor(op.getIndices()), indexAxes);
  order.push_back(&access);
  return success();
}

// Seed, step and first are read once for an item; the numbers are a function of
// where they would lie in memory.
LogicalResult GroupBody::collectRandom(nn::RandomOp op,
                                       ArrayRef<unsigned> axes) {
  for (Value scalar : op->getOperands()) {
    if (!kernel.views.find(scalar) && !matchPattern(scalar, m_Constant()))
      return op.emitError("expected seed, step and first from memory, not from "
                          "values computed in the same group");
    if (failed(collect(scalar, {})))
      return failure();
  }
  accesses[keyOf(op.getResult(), axes)].number =
      space.addOperand(View::rowMajor(op.getResult()), axes);
  return success();
}

void GroupBody::addSink(const Sink &sink, ArrayRef<unsigned> axes) {
  unsigned number = space.addOperand(sink.view, axes);
  results.push_back({sink, Axes(axes), number, {}});
}

SmallVector<unsigned> GroupBody::reads() const {
  SmallVector<unsigned> numbers;
  for (const Access *access : order)
    numbers.push_back(access->number);
  return numbers;
}

SmallVector<unsigned> GroupBody::writes() const {
  SmallVector<unsigned> numbers;
  for (const Write &write : results)
    numbers.push_back(write.number);
  return numbers;
}

bool GroupBody::gathersAlong(unsigned axis) const {
  return llvm::any_of(order, [&](const Access *access) {
    return access->gatherExtent &&
           space.strides[access->indexNumber][axis].getConstant() != 0;
  });
}

DimAttr GroupBody::hasData() const {
  DimAttr one = kernel.constant(1), result = one;
  for (const Access *access : order)
    if (access->gatherExtent && access->gatherExtent.getConstant() != 1)
      result = result * access->gatherExtent.min(one);
  return result;
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

void GroupBody::addRead(Access &access) {
  const Dims &strides = space.strides[access.number];
  if (!access.gatherExtent) {
    access.operand = kernel.addInput(*access.leaf, space.extents, strides);
    return;
  }
  // The gathered dim first, then what moves.
  Dims dims{access.gatherExtent}, kept{access.gatherStride};
  for (unsigned axis = 0; axis < space.rank(); ++axis) {
    if (strides[axis].getConstant() == 0)
      continue;
    access.operand.axes.push_back(axis);
    dims.push_back(space.extents[axis]);
    kept.push_back(strides[axis]);
  }
  const Leaf &leaf = *access.leaf;
  Type element = cast<RankedTensorType>(leaf.value.getType()).getElementType();
  access.operand.memref =
      kernel.addInputMemref(kernel.group.getInputs()[leaf.operand], element,
                            dims, leaf.view.offset, kept);
}

void GroupBody::addArguments() {
  for (Access *access : order)
    addRead(*access);
  for (Write &write : results)
    write.operand = kernel.addResult(write.sink, space.extents,
                                     space.strides[write.number]);
  shareMemory();
}

// The state weight whose new value a result of a group is, if it is one.
static FlatSymbolRefAttr updatedWeight(OpResult result) {
  for (OpOperand &use : result.getUses()) {
    Operation *user = use.getOwner();
    if (auto reshape = dyn_cast<nn::ReshapeOp>(user))
      if (auto weight = updatedWeight(cast<OpResult>(reshape.getResult())))
        return weight;
    auto function = dyn_cast<func::FuncOp>(user->getParentOp());
    if (function && isa<func::ReturnOp>(user))
      if (auto weight = nn::updatedBy(function, use.getOperandNumber()))
        return weight;
  }
  return {};
}

static FlatSymbolRefAttr loadedWeight(Value root) {
  auto load = root.getDefiningOp<nn::LoadWeightOp>();
  return load ? load.getWeightAttr() : FlatSymbolRefAttr();
}

bool GroupBody::mayShare(const Access &access, const Write &write) const {
  auto rootOf = [&](const Access *other) {
    return kernel.group.getInputs()[other->leaf->operand];
  };
  Value root = rootOf(&access);
  auto readsRoot = [&](const Access *other) { return rootOf(other) == root; };
  return !access.gatherExtent && llvm::count_if(order, readsRoot) == 1 &&
         access.leaf->view == write.sink.view &&
         root.getType() ==
             kernel.group.getResult(write.sink.result).getType() &&
         access.operand.axes == write.operand.axes &&
         space.strides[access.number] == space.strides[write.number];
}

// A result may lie where an input lies whose elements are read at the same
// place in the same pass, if nothing else of that tensor is read. The new value
// of a weight takes the place of the old one, and of nothing else; so these
// come first.
void GroupBody::shareMemory() {
  llvm::SmallPtrSet<void *, 4> taken;
  auto rootOf = [&](const Access *access) {
    return kernel.group.getInputs()[access->leaf->operand];
  };
  auto share = [&](const Write &write, auto isWanted) {
    for (const Access *access : order) {
      Value root = rootOf(access);
      if (!isWanted(loadedWeight(root)) || !mayShare(*access, write) ||
          !taken.insert(root.getAsOpaquePointer()).second)
        continue;
      kernel.setInPlace(write.sink.result, access->operand);
      return;
    }
  };
  auto weightOf = [&](const Write &write) {
    return updatedWeight(
        cast<OpResult>(kernel.group.getResult(write.sink.result)));
  };
  for (const Write &write : results)
    if (FlatSymbolRefAttr weight = weightOf(write))
      share(write, [&](FlatSymbolRefAttr loaded) { return loaded == weight; });
  for (const Write &write : results)
    if (!weightOf(write))
      share(write, [](FlatSymbolRefAttr) { return true; });
}

//===----------------------------------------------------------------------===//
// Positions and stores
//===----------------------------------------------------------------------===//

void GroupBody::setPositions(ArrayRef<Value> wide, ArrayRef<Value> narrow) {
  widePositions.assign(wide.begin(), wide.end());
  narrowPositions.assign(narrow.begin(), narrow.end());
  wideSpans = tile::spansAmong(wide);
  narrowSpans = tile::spansAmong(narrow);
}

bool GroupBody::movesWide(unsigned number) const {
  for (unsigned axis = 0; axis < space.rank(); ++axis)
    if (widePositions[axis] != narrowPositions[axis] &&
        space.strides[number][axis].getConstant() != 0)
      return true;
  return false;
}

LogicalResult GroupBody::storeAll() {
  for (Write &write : results) {
    bool wide = movesWide(write.number);
    FailureOr<Block> block = get(write.sink.value, write.axes);
    if (failed(block))
      return failure();
    // A wide block that is stored at a narrow place has extent 1.
    Value value = block->value;
    if (wide && !block->wide)
      value = repeat(value);
    kernel.storeBlock(value, write.operand,
                      wide || block->wide ? widePositions : narrowPositions);
  }
  return success();
}

} // namespace attune::kernels
