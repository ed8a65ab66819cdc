// What the backward pass keeps of the forward pass. See Activations.h.
#include "compiler/differentiate/Activations.h"
#include "compiler/differentiate/Training.h"
#include "compiler/fusion/Cost.h"
#include "dialects/nn/Symbols.h"

namespace attune::differentiate {

using namespace mlir;

// Of a symbol whose largest value is not said.
static constexpr int64_t usualExtent = 128;

Value rootOf(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!nn::isView(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

bool Activations::computes(Operation *op) {
  return isa<nn::NNDialect>(op->getDialect()) && !nn::isView(op) &&
         op->getNumOperands() > 0;
}

static llvm::StringMap<int64_t> largestSymbols(func::FuncOp function) {
  llvm::StringMap<int64_t> symbols;
  for (const auto &[name, range] : nn::symbolRanges(function))
    symbols[name] = range.getMax() >= 0 ? range.getMax()
                                        : std::max(usualExtent, range.getMin());
  return symbols;
}

int64_t Activations::evaluate(nn::DimAttr dim) const {
  if (!dim)
    return INT64_MAX;
  llvm::StringMap<int64_t> values;
  llvm::SetVector<StringRef> names;
  dim.collectSymbols(names);
  for (StringRef name : names) {
    auto known = symbols.find(name);
    values[name] = known == symbols.end() ? usualExtent : known->second;
  }
  return dim.evaluate(values).value_or(INT64_MAX);
}

// The result that is the loss.
static Value lossOf(func::FuncOp function) {
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (auto name = function.getResultAttrOfType<StringAttr>(i, names::name);
        name && name.getValue() == "loss")
      return function.getBody().front().getTerminator()->getOperand(i);
  return {};
}

Activations::Activations(func::FuncOp function)
    : function(function), symbols(largestSymbols(function)) {
  SmallVector<Operation *> stack;
  auto push = [&](Value value) {
    Operation *op = value ? value.getDefiningOp() : nullptr;
    if (op && forward.insert(op).second)
      stack.push_back(op);
  };
  push(lossOf(function));
  while (!stack.empty())
    for (Value operand : stack.pop_back_val()->getOperands())
      push(operand);

  llvm::DenseSet<Value> read;
  for (Operation &op : function.getBody().front().without_terminator())
    if (!forward.contains(&op) && !nn::isView(&op))
      for (Value operand : op.getOperands())
        read.insert(rootOf(operand));
  for (Operation &op : function.getBody().front()) {
    if (!forward.contains(&op) || !computes(&op))
      continue;
    nn::DimAttr bytes = nn::DimAttr::constant(op.getContext(), 0);
    bool isRead = false;
    for (Value result : op.getResults())
      if (read.contains(result)) {
        isRead = true;
        bytes = bytes + fusion::tensorBytes(result);
      }
    if (isRead)
      keptOps[&op] = evaluate(bytes);
  }
}

int64_t Activations::bytes(const llvm::SetVector<Operation *> &without) const {
  int64_t sum = 0;
  for (const auto &[op, bytes] : keptOps)
    if (!without.contains(op) && __builtin_add_overflow(sum, bytes, &sum))
      return INT64_MAX;
  return sum;
}

} // namespace attune::differentiate
