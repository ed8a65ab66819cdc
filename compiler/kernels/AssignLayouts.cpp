// assign-layouts: where each tensor lies, before kernels are written for it.
//
// It stands between fusion, where views are ops between groups, and
// build-kernels, which wants groups of root tensors with the views inside.
#include "compiler/kernels/Passes.h"

#include "compiler/kernels/ViewChain.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

namespace attune::kernels {

#define GEN_PASS_DEF_ASSIGNLAYOUTS
#include "compiler/kernels/Passes.h.inc"

using namespace mlir;

namespace {

class LayoutAssigner {
public:
  explicit LayoutAssigner(func::FuncOp function) : function(function) {}

  void run();

private:
  void chooseOrders();
  View makeReadable(Value value);
  void makeOperandsReadable(nn::GroupOp group);
  void makeOutputsWhole();
  Value copyOf(Value value, Location loc);
  Value copyInOrder(Value value, ArrayRef<int64_t> order, Location loc);
  void sinkViews(nn::GroupOp group);
  void eraseDeadViews();

  func::FuncOp function;
  llvm::DenseMap<Value, Value> copies;
};

SmallVector<nn::GroupOp> groupsOf(func::FuncOp function) {
  return llvm::to_vector(function.getBody().front().getOps<nn::GroupOp>());
}

// A result that is read in another order than it is computed in is stored in
// that order, where this saves copies.
void LayoutAssigner::chooseOrders() {
  // From the last to the first: users have decided before.
  SmallVector<nn::GroupOp> groups = groupsOf(function);
  for (nn::GroupOp group : llvm::reverse(groups))
    for (unsigned i = 0; i < group.getNumResults(); ++i)
      // Rows that are summed up lie in one piece.
      if (group.getKind() == nn::GroupKind::Scatter)
        continue;
      else if (auto order = chooseOrder(cast<OpResult>(group.getResult(i))))
        group = storeTransposed(group, i, *order);
}

// A root with the elements of `value`: a group that computes nothing.
Value LayoutAssigner::copyOf(Value value, Location loc) {
  Value &copy = copies[value];
  if (copy)
    return copy;
  OpBuilder builder(function.getContext());
  builder.setInsertionPointAfterValue(value);
  auto group = nn::GroupOp::create(builder, loc, value.getType(),
                                   nn::GroupKind::Map, value);
  Block *body = builder.createBlock(&group.getBody(), {}, value.getType(), loc);
  nn::YieldOp::create(builder, loc, body->getArgument(0));
  return copy = group.getResult(0);
}

// The same, stored with its dims in another order.
Value LayoutAssigner::copyInOrder(Value value, ArrayRef<int64_t> order,
                                  Location loc) {
  OpBuilder builder(function.getContext());
  builder.setInsertionPointAfterValue(value);
  Value copy =
      copyOf(nn::TransposeOp::create(builder, loc, value,
                                     builder.getDenseI64ArrayAttr(order)),
             loc);
  builder.setInsertionPointAfterValue(copy);
  return nn::TransposeOp::create(
      builder, loc, copy,
      builder.getDenseI64ArrayAttr(invertPermutationVector(order)));
}

// Puts copies in front of the views of a chain that have no strides.
View LayoutAssigner::makeReadable(Value value) {
  while (true) {
    Operation *obstacle = nullptr;
    if (std::optional<View> view = ViewChain::of(value).resolve(obstacle))
      return *view;
    obstacle->setOperand(0,
                         copyOf(obstacle->getOperand(0), obstacle->getLoc()));
  }
}

void LayoutAssigner::makeOperandsReadable(nn::GroupOp group) {
  for (OpOperand &operand : group->getOpOperands()) {
    Value value = operand.get();
    View view = makeReadable(value);
    unsigned number = operand.getOperandNumber();
    if (acceptsView(group, number, view))
      continue;
    bool helps = acceptsView(group, number, View::rowMajor(value));
    operand.set(helps ? copyOf(value, group.getLoc())
                      : copyInOrder(value, acceptedOrder(group, number),
                                    group.getLoc()));
  }
}

// A group that writes a literal: no package should hold its bytes.
static Value writeLiteral(arith::ConstantOp literal) {
  OpBuilder builder(literal);
  Location loc = literal.getLoc();
  auto group = nn::GroupOp::create(builder, loc, literal.getType(),
                                   nn::GroupKind::Map, ValueRange());
  builder.createBlock(&group.getBody());
  Value copy = builder.clone(*literal)->getResult(0);
  nn::YieldOp::create(builder, loc, copy);
  return group.getResult(0);
}

// What leaves the function is a root or a reshape of one.
void LayoutAssigner::makeOutputsWhole() {
  Operation *exit = function.getBody().front().getTerminator();
  for (OpOperand &output : exit->getOpOperands()) {
    auto literal = output.get().getDefiningOp<arith::ConstantOp>();
    if (literal && isa<SplatElementsAttr>(literal.getValue())) {
      output.set(writeLiteral(literal));
      continue;
    }
    View view = makeReadable(output.get());
    Value root = ViewChain::of(output.get()).root;
    if (root == output.get())
      continue;
    if (!isWholeRoot(view, root)) {
      output.set(copyOf(output.get(), output.get().getLoc()));
      continue;
    }
    OpBuilder builder(exit);
    if (root.getType() != output.get().getType())
      root = nn::ReshapeOp::create(builder, output.get().getLoc(),
                                   output.get().getType(), root);
    output.set(root);
  }
}

// Moves the views of a group's operands into its body; each root comes in once.
void LayoutAssigner::sinkViews(nn::GroupOp group) {
  llvm::SetVector<Value> roots;
  for (Value input : group.getInputs())
    roots.insert(ViewChain::of(input).root);
  Block &body = group.getBody().front();
  unsigned count = body.getNumArguments();
  llvm::DenseMap<Value, Value> inside; // outside -> in the body
  for (Value root : roots)
    inside[root] = body.addArgument(root.getType(), root.getLoc());

  OpBuilder builder = OpBuilder::atBlockBegin(&body);
  for (unsigned i = 0; i < count; ++i) {
    for (Operation *op : ViewChain::of(group.getInputs()[i]).ops) {
      Value &view = inside[op->getResult(0)];
      if (view)
        continue;
      IRMapping mapping;
      mapping.map(op->getOperand(0), inside.lookup(op->getOperand(0)));
      view = builder.clone(*op, mapping)->getResult(0);
    }
    body.getArgument(i).replaceAllUsesWith(inside.lookup(group.getInputs()[i]));
  }
  body.eraseArguments(0, count);
  group->setOperands(roots.getArrayRef());
}

void LayoutAssigner::eraseDeadViews() {
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
    if (nn::isView(&op) && op.use_empty())
      op.erase();
}

void LayoutAssigner::run() {
  chooseOrders();
  for (nn::GroupOp group : groupsOf(function))
    makeOperandsReadable(group);
  makeOutputsWhole();
  for (nn::GroupOp group : groupsOf(function))
    sinkViews(group);
  eraseDeadViews();
}

struct AssignLayouts : impl::AssignLayoutsBase<AssignLayouts> {
  void runOnOperation() override {
    if (!getOperation().isExternal())
      LayoutAssigner(getOperation()).run();
  }
};

} // namespace
} // namespace attune::kernels
