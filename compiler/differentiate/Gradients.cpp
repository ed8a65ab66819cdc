// Reverse mode over one block. See Gradients.h.
#include "compiler/differentiate/Gradients.h"
#include "compiler/differentiate/Derivatives.h"
#include "compiler/differentiate/Formula.h"
#include "dialects/nn/NodeName.h"
#include "llvm/ADT/DenseSet.h"

namespace attune::differentiate {

using namespace mlir;

using Values = llvm::DenseSet<Value>;

static bool isFloat(Value value) {
  auto tensor = dyn_cast<RankedTensorType>(value.getType());
  return tensor && isa<FloatType>(tensor.getElementType());
}

static bool readsAny(Operation &op, const Values &values) {
  return llvm::any_of(op.getOperands(),
                      [&](Value operand) { return values.contains(operand); });
}

// Whether a gradient can pass; what has no derivative counts, so that it is
// found.
static bool passesGradient(Operation &op) {
  auto model = dyn_cast<DifferentiateOpInterface>(op);
  return !model || !model.isFlat();
}

// The values that change, to first order, with one of `sources`.
static Values variedBy(Block &block, ArrayRef<Source> sources) {
  Values varied;
  for (const Source &source : sources)
    varied.insert(source.value);
  for (Operation &op : block.without_terminator())
    if (readsAny(op, varied) && passesGradient(op))
      for (Value result : op.getResults())
        if (isFloat(result))
          varied.insert(result);
  return varied;
}

// The values that `outputs` are computed from.
static Values usedBy(Block &block, ValueRange outputs) {
  Values used;
  used.insert_range(outputs);
  for (Operation &op : llvm::reverse(block))
    if (llvm::any_of(op.getResults(),
                     [&](Value result) { return used.contains(result); }))
      used.insert(op.operand_begin(), op.operand_end());
  return used;
}

// The sources that `op` depends on, as an error names them.
static std::string sourcesOf(Operation *op, ArrayRef<Source> sources) {
  constexpr size_t mostNames = 3;
  Values used = usedBy(*op->getBlock(), op->getOperands());
  std::string text;
  size_t count = 0;
  for (const Source &source : sources)
    if (used.contains(source.value) && ++count <= mostNames)
      text += (count > 1 ? ", " : "") + source.name;
  if (count > mostNames)
    text += " and " + std::to_string(count - mostNames) + " more";
  return text;
}

namespace {
class ReverseMode {
public:
  ReverseMode(Block &block, ArrayRef<Source> sources)
      : block(block), sources(sources), varied(variedBy(block, sources)),
        builder(OpBuilder::atBlockTerminator(&block)) {}

  LogicalResult run(Value output, Value cotangent);
  Value gradientOf(Value value) const { return cotangents.lookup(value); }

private:
  LogicalResult visit(Operation *op);
  LogicalResult build(Operation *op, ArrayRef<Value> given,
                      ArrayRef<bool> needed, SmallVectorImpl<Value> &gradients);
  void add(Value value, Value gradient, Location loc);

  Block &block;
  ArrayRef<Source> sources;
  Values varied;
  OpBuilder builder;
  llvm::DenseMap<Value, Value> cotangents;
};
} // namespace

void ReverseMode::add(Value value, Value gradient, Location loc) {
  assert(value.getType() == gradient.getType());
  Value &sum = cotangents[value];
  Site site{builder, loc};
  sum = sum ? Value(Expr(site, sum) + Expr(site, gradient)) : gradient;
}

LogicalResult ReverseMode::build(Operation *op, ArrayRef<Value> given,
                                 ArrayRef<bool> needed,
                                 SmallVectorImpl<Value> &gradients) {
  if (auto model = dyn_cast<DifferentiateOpInterface>(op))
    return model.buildVjp(builder, given, needed, gradients);
  return op->emitOpError() << "has no derivative, but the gradient of "
                           << sourcesOf(op, sources) << " needs it";
}

LogicalResult ReverseMode::visit(Operation *op) {
  SmallVector<Value> given, gradients, operands(op->getOperands());
  for (Value result : op->getResults())
    given.push_back(varied.contains(result) ? cotangents.lookup(result)
                                            : Value());
  SmallVector<bool> needed = llvm::map_to_vector(
      operands, [&](Value operand) { return varied.contains(operand); });
  if (!llvm::is_contained(needed, true) ||
      llvm::none_of(given, [](Value value) { return bool(value); }))
    return success();
  Site site{builder, gradientLocation(op)};
  LogicalResult built = build(op, given, needed, gradients);
  if (failed(built)) // zeros, so that what lies before is looked at, too
    gradients = llvm::map_to_vector(operands, [&](Value operand) -> Value {
      Expr like{site, operand};
      return isFloat(operand) ? Value(broadcast(like.number(0), like.dims()))
                              : Value();
    });
  for (auto [operand, gradient, isNeeded] :
       llvm::zip(operands, gradients, needed))
    if (isNeeded && gradient)
      add(operand, gradient, site.loc);
  return built;
}

LogicalResult ReverseMode::run(Value output, Value cotangent) {
  if (!varied.contains(output))
    return success();
  SmallVector<Operation *> order;
  for (Operation &op : block.without_terminator())
    order.push_back(&op);
  cotangents[output] = cotangent;
  bool isBroken = false;
  for (Operation *op : llvm::reverse(order))
    isBroken |= failed(visit(op));
  return failure(isBroken);
}

LogicalResult buildGradients(Value output, Value cotangent,
                             ArrayRef<Source> sources,
                             SmallVectorImpl<Value> &gradients) {
  ReverseMode reverse(*output.getParentBlock(), sources);
  if (failed(reverse.run(output, cotangent)))
    return failure();
  for (const Source &source : sources)
    gradients.push_back(reverse.gradientOf(source.value));
  return success();
}

std::string whyNoGradient(Value output, Value source) {
  Block &block = *output.getParentBlock();
  Values used = usedBy(block, output);
  if (!used.contains(source))
    return "the loss does not depend on it";
  Values varied = variedBy(block, Source{source, ""});
  for (Operation &op : block.without_terminator()) {
    bool isOnPath = readsAny(op, varied) &&
                    llvm::any_of(op.getResults(), [&](Value result) {
                      return used.contains(result);
                    });
    if (isOnPath && llvm::none_of(op.getResults(), [&](Value result) {
          return varied.contains(result);
        }))
      return "the derivative is zero at node '" + nn::nodeName(&op) + "'";
  }
  return "no derivative reaches it";
}

} // namespace attune::differentiate
