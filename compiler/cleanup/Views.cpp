// Reshape blocks and the building of views.
#include "compiler/cleanup/Views.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace attune::cleanup {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

std::optional<SmallVector<ReshapeBlock>> reshapeBlocks(ArrayRef<DimAttr> from,
                                                       ArrayRef<DimAttr> to) {
  SmallVector<ReshapeBlock> blocks;
  size_t i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    ReshapeBlock block{int64_t(i), 1, int64_t(j), 1};
    DimAttr a = from[i++], b = to[j++];
    while (a != b) {
      // The side with fewer elements takes its next dim.
      if (b.exactDiv(a) && i < from.size()) {
        a = a * from[i++];
        ++block.fromSize;
      } else if (a.exactDiv(b) && j < to.size()) {
        b = b * to[j++];
        ++block.toSize;
      } else {
        return std::nullopt;
      }
      if (!a || !b)
        return std::nullopt;
    }
    blocks.push_back(block);
  }
  auto isOne = [](DimAttr dim) { return dim.getConstant() == 1; };
  if (!llvm::all_of(from.drop_front(i), isOne) ||
      !llvm::all_of(to.drop_front(j), isOne))
    return std::nullopt;
  if (blocks.empty())
    return blocks;
  blocks.back().fromSize += from.size() - i;
  blocks.back().toSize += to.size() - j;
  return blocks;
}

Value reshapeTo(OpBuilder &builder, Location location, Value tensor,
                ArrayRef<DimAttr> dims) {
  auto type = cast<RankedTensorType>(tensor.getType());
  auto result = nn::tensorType(dims, type.getElementType());
  return result == type
             ? tensor
             : nn::ReshapeOp::create(builder, location, result, tensor);
}

Value broadcastTo(OpBuilder &builder, Location location, Value tensor,
                  ArrayRef<DimAttr> dims) {
  auto type = cast<RankedTensorType>(tensor.getType());
  auto result = nn::tensorType(dims, type.getElementType());
  return result == type
             ? tensor
             : nn::BroadcastOp::create(builder, location, result, tensor);
}

Value transposeTo(OpBuilder &builder, Location location, Value tensor,
                  ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return tensor;
  return nn::TransposeOp::create(builder, location, tensor, permutation);
}

Value scalarConstant(OpBuilder &builder, Location location, double value,
                     Type elementType) {
  auto type = RankedTensorType::get({}, elementType);
  Attribute element;
  if (isa<FloatType>(elementType))
    element = builder.getFloatAttr(elementType, value);
  else
    element = builder.getIntegerAttr(elementType, int64_t(value));
  return arith::ConstantOp::create(builder, location,
                                   DenseElementsAttr::get(type, element));
}

// ---- a view from indices ----

namespace {
// One index as start + step * variables[position]; position -1: no variable.
struct Affine {
  DimAttr start;
  int64_t step = 1;
  int64_t position = -1;
};
} // namespace

static std::optional<Affine>
asAffine(DimAttr index, ArrayRef<DimAttr> variables, const IndexSpace &space) {
  Affine affine{index};
  for (auto [k, variable] : llvm::enumerate(variables)) {
    if (variable.getSymbol().empty() || !space.dependsOn(index, variable))
      continue;
    if (affine.position >= 0)
      return std::nullopt;
    affine.position = k;
    llvm::StringMap<DimAttr> zero, one;
    zero[variable.getSymbol()] = DimAttr::constant(index.getContext(), 0);
    one[variable.getSymbol()] = DimAttr::constant(index.getContext(), 1);
    DimAttr start = index.substitute(zero), next = index.substitute(one);
    if (!start || !next || space.dependsOn(start, variable))
      return std::nullopt;
    auto step = (next - start).getConstant();
    if (!step || *step == 0 || start + variable * *step != index)
      return std::nullopt;
    affine.start = start;
    affine.step = *step;
  }
  return affine;
}

Value buildView(OpBuilder &builder, Location location, Value root,
                ArrayRef<DimAttr> indices, ArrayRef<DimAttr> variables,
                ArrayRef<DimAttr> dims, const IndexSpace &space) {
  MLIRContext *context = builder.getContext();
  DimAttr one = DimAttr::constant(context, 1);
  Dims starts, sizes;
  SmallVector<int64_t> steps, permutation;
  SmallVector<std::pair<int64_t, int64_t>> order; // result position, root axis
  for (auto [axis, index] : llvm::enumerate(indices)) {
    auto affine = asAffine(index, variables, space);
    if (!affine)
      return {};
    bool taken = llvm::any_of(order, [&](auto pair) {
      return affine->position >= 0 && pair.first == affine->position;
    });
    if (taken)
      return {};
    starts.push_back(affine->start);
    sizes.push_back(affine->position < 0 ? one : dims[affine->position]);
    steps.push_back(affine->step);
    order.push_back({affine->position, int64_t(axis)});
  }
  Dims rootDims = nn::getDims(root);
  bool whole = sizes == rootDims &&
               llvm::all_of(steps, [](int64_t step) { return step == 1; });
  if (!whole)
    root = nn::SliceOp::create(builder, location, root,
                               nn::ShapeAttr::get(context, starts),
                               nn::ShapeAttr::get(context, sizes), steps);
  // Axes without a variable have extent 1: they go first and fall away.
  llvm::sort(order);
  Dims kept(dims.size(), one);
  for (auto [position, axis] : order) {
    permutation.push_back(axis);
    if (position >= 0)
      kept[position] = dims[position];
  }
  Value view = transposeTo(builder, location, root, permutation);
  view = reshapeTo(builder, location, view, kept);
  return broadcastTo(builder, location, view, dims);
}

} // namespace attune::cleanup
