// Derived weights in panels. See WeightPacker.h.
#include "compiler/kernels/WeightPacker.h"

#include "compiler/kernels/View.h"
#include "dialects/nn/Weights.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

nn::WeightOp WeightPacker::frozenWeight(Value root) {
  return nn::frozenWeight(symbols, root);
}

// The views between a group's block argument and `value`, on another tensor.
static Value cloneViews(OpBuilder &builder, Value value, Value source) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return source;
  IRMapping mapping;
  mapping.map(op->getOperand(0),
              cloneViews(builder, op->getOperand(0), source));
  return builder.clone(*op, mapping)->getResult(0);
}

static nn::ShapeAttr shape(OpBuilder &builder, ArrayRef<int64_t> values) {
  return nn::ShapeAttr::get(builder.getContext(), values);
}

static Value reshape(OpBuilder &builder, Location loc, Value tensor,
                     ArrayRef<int64_t> dims) {
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  auto type = RankedTensorType::get(dims, element);
  if (tensor.getType() == type)
    return tensor;
  return nn::ReshapeOp::create(builder, loc, type, tensor);
}

// [depth, columns] -> [ceil(columns / width), depth, width], zeros at the end.
static Value toPanels(OpBuilder &builder, Location loc, Value matrix,
                      int64_t depth, int64_t columns, int64_t width) {
  int64_t panels = llvm::divideCeil(columns, width);
  if (int64_t missing = panels * width - columns) {
    Type element = cast<RankedTensorType>(matrix.getType()).getElementType();
    auto scalar = RankedTensorType::get({}, element);
    Value zero = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(scalar, builder.getZeroAttr(element)));
    matrix =
        nn::PadOp::create(builder, loc, matrix, zero, shape(builder, {0, 0}),
                          shape(builder, {0, missing}));
  }
  matrix = reshape(builder, loc, matrix, {depth, panels, width});
  return nn::TransposeOp::create(builder, loc, matrix,
                                 ArrayRef<int64_t>{1, 0, 2});
}

static bool isIdentity(ArrayRef<int64_t> permutation) {
  for (auto [index, dim] : llvm::enumerate(permutation))
    if (int64_t(index) != dim)
      return false;
  return true;
}

Value WeightPacker::packPanels(OpBuilder &builder, nn::WeightOp weight,
                               Value value, ArrayRef<int64_t> permutation,
                               unsigned depthDims, int64_t width) {
  Location loc = weight.getLoc();
  auto type = cast<RankedTensorType>(value.getType());
  int64_t depth = 1, columns = 1;
  for (auto [index, dim] : llvm::enumerate(permutation))
    (index < depthDims ? depth : columns) *= type.getDimSize(dim);

  OpBuilder detached(weight.getContext());
  auto panelsType = RankedTensorType::get(
      {int64_t(llvm::divideCeil(columns, width)), depth, width},
      type.getElementType());
  OwningOpRef<nn::WeightOp> packed = nn::deriveWeight(
      detached, loc, weight.getSymName() + ".panels" + Twine(width), panelsType,
      [&](OpBuilder &inside) {
        Value tensor = nn::loadWeight(inside, loc, weight);
        tensor = cloneViews(inside, value, tensor);
        if (!isIdentity(permutation))
          tensor = nn::TransposeOp::create(inside, loc, tensor, permutation);
        tensor = reshape(inside, loc, tensor, {depth, columns});
        return toPanels(inside, loc, tensor, depth, columns, width);
      });

  // The text without locations is the content.
  std::string text;
  llvm::raw_string_ostream(text) << **packed;
  nn::WeightOp &known = derived[text];
  if (!known) {
    known = packed.release();
    symbols.insert(known, std::next(Block::iterator(weight)));
  }
  return nn::loadWeight(builder, loc, known);
}

} // namespace attune::kernels
