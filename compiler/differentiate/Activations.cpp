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
  auto loss = resultNamed(function, "loss");
  return loss ? function.getBody().front().getTerminator()->getOperand(*loss)
              : Value();
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

// ---- the peak ----

namespace {
/// The ops of the backward pass in their order, and from where to where forward
/// values are alive meanwhile.
class Timeline {
public:
  Timeline(const Activations &activations,
           const llvm::SetVector<Operation *> &again)
      : activations(activations), again(again) {}

  void run(Block &block);
  int64_t peak(llvm::function_ref<int64_t(Operation *)> bytesOf) const;

private:
  struct Life {
    size_t from = 0, to = 0;
  };
  bool isKept(Operation *op) const {
    return activations.isKept(op) && !again.contains(op);
  }
  void read(Value value);

  const Activations &activations;
  const llvm::SetVector<Operation *> &again;
  llvm::MapVector<Operation *, Life> lives;
  size_t now = 0;
};
} // namespace

// Iterative, since programs may be as deep as the model. What is computed again
// is there for all who read it later.
void Timeline::read(Value value) {
  SmallVector<Value> values{value};
  while (!values.empty()) {
    Operation *op = rootOf(values.pop_back_val()).getDefiningOp();
    if (!op || !activations.isForward(op) || !Activations::computes(op))
      continue;
    auto [life, isNew] = lives.insert({op, {isKept(op) ? 0 : now, now}});
    life->second.to = now;
    if (isNew && !isKept(op))
      llvm::append_range(values, op->getOperands());
  }
}

void Timeline::run(Block &block) {
  for (Operation &op : block.without_terminator()) {
    if (activations.isForward(&op) || nn::isView(&op))
      continue;
    ++now;
    for (Value operand : op.getOperands())
      read(operand);
  }
}

int64_t Timeline::peak(llvm::function_ref<int64_t(Operation *)> bytesOf) const {
  std::vector<double> changes(now + 2);
  for (const auto &[op, life] : lives) {
    double bytes = double(bytesOf(op));
    changes[life.from] += bytes;
    changes[life.to + 1] -= bytes;
  }
  double alive = 0, most = 0;
  for (double change : changes)
    most = std::max(most, alive += change);
  return most < double(INT64_MAX) ? int64_t(most) : INT64_MAX;
}

// What only stands between kept values is part of the kernels around it if it
// is elementwise.
int64_t Activations::bytesOf(Operation *op) const {
  auto known = keptOps.find(op);
  if (known != keptOps.end())
    return known->second;
  if (isa<nn::ElementwiseOp>(op))
    return 0;
  nn::DimAttr bytes = nn::DimAttr::constant(op->getContext(), 0);
  for (Value result : op->getResults())
    bytes = bytes + fusion::tensorBytes(result);
  return evaluate(bytes);
}

int64_t Activations::peak(const llvm::SetVector<Operation *> &again) const {
  Timeline timeline(*this, again);
  func::FuncOp shared = function; // generated accessors are not const
  timeline.run(shared.getBody().front());
  return timeline.peak([&](Operation *op) { return bytesOf(op); });
}

} // namespace attune::differentiate
