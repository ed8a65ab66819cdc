// Elementwise ops on blocks. See BlockScope.h.
#include "compiler/kernels/BlockScope.h"

#include "compiler/kernels/ScalarBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace attune::kernels {

using namespace mlir;

FailureOr<Value> BlockScope::get(Value value) {
  if (Value known = blocks.lookup(value))
    return known;
  FailureOr<Value> block = failure();
  if (auto operand = operands.find(value); operand != operands.end())
    block = builder.loadBlock(operand->second, positions);
  else if (Operation *op = value.getDefiningOp())
    block = compute(op);
  if (succeeded(block))
    blocks[value] = *block;
  return block;
}

FailureOr<Value> BlockScope::compute(Operation *op) {
  ScalarBuilder scalars(builder.builder, builder.loc(),
                        tile::spansAmong(positions));
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (dense && dense.isSplat())
      return scalars.splat(cast<TypedAttr>(dense.getSplatValue<Attribute>()));
    return op->emitError("expected a splat inside a group; other constants are "
                         "operands");
  }
  auto elementwise = dyn_cast<nn::ElementwiseOp>(op);
  if (!elementwise)
    return op->emitError() << "'" << op->getName()
                           << "' cannot be computed on a block";
  SmallVector<Value> inputs;
  for (Value input : elementwise.getInputs()) {
    FailureOr<Value> block = get(input);
    if (failed(block))
      return failure();
    inputs.push_back(*block);
  }
  auto type = cast<RankedTensorType>(elementwise.getType());
  FailureOr<Value> result =
      scalars.build(elementwise.getKind(), inputs, type.getElementType());
  if (failed(result))
    return op->emitError() << "'" << stringifyEnum(elementwise.getKind())
                           << "' has no kernel for element type "
                           << type.getElementType();
  return result;
}

} // namespace attune::kernels
