// Resolves the views inside a group. See GroupViews.h.
#include "compiler/kernels/GroupViews.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace attune::kernels {

using namespace mlir;

const Leaf *GroupViews::find(Value value) const {
  auto found = known.find(value);
  return found == known.end() ? nullptr : &found->second;
}

// The computed value behind a yielded one, and the views between them.
static Value behindViews(Value yielded, SmallVector<Operation *> &ops) {
  while (Operation *op = yielded.getDefiningOp()) {
    if (!nn::isView(op))
      break;
    ops.insert(ops.begin(), op);
    yielded = op->getOperand(0);
  }
  return yielded;
}

FailureOr<GroupViews> GroupViews::resolve(nn::GroupOp group) {
  GroupViews views;
  Block &body = group.getBody().front();
  for (BlockArgument argument : body.getArguments())
    views.known[argument] = {argument, argument.getArgNumber(),
                             View::rowMajor(argument)};

  SmallVector<Operation *> readers;
  for (Operation &op : body.without_terminator()) {
    if (!nn::isView(&op)) {
      if (!isa<arith::ConstantOp>(op)) {
        views.computing.push_back(&op);
        readers.push_back(&op);
      }
      continue;
    }
    const Leaf *source = views.find(op.getOperand(0));
    if (!source)
      continue; // a view of a computed value: see the sinks
    std::optional<View> view = applyView(&op, source->view);
    if (!view)
      return op.emitError("this view has no strides; assign-layouts must have "
                          "put a copy in front of it");
    unsigned operand = source->operand;
    views.known[op.getResult(0)] = {op.getResult(0), operand, *view};
  }

  Operation *yield = group.getTerminator();
  for (auto [index, value] : llvm::enumerate(yield->getOperands())) {
    if (views.find(value)) {
      views.written.push_back(
          {value, unsigned(index), View::rowMajor(group.getResult(index))});
      continue;
    }
    SmallVector<Operation *> ops;
    Value computed = behindViews(value, ops);
    std::optional<View> view =
        invertViews(ops, nn::getDims(computed), group.getResult(index));
    if (!view)
      return group.emitError()
             << "result " << index
             << " is stored through a view that has no strides";
    views.written.push_back({computed, unsigned(index), *view});
  }

  readers.push_back(yield);
  llvm::SetVector<Value> read;
  for (Operation *op : readers)
    for (Value operand : op->getOperands())
      if (views.find(operand))
        read.insert(operand);
  for (unsigned operand = 0; operand < group.getInputs().size(); ++operand)
    for (Value value : read)
      if (views.find(value)->operand == operand)
        views.used.push_back(*views.find(value));
  return views;
}

} // namespace attune::kernels
