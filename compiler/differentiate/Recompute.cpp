// Recompute: memory for time.
//
// Enters: @grad and @step, whose backward ops read forward values, which are
// kept until then. Leaves: some of those computed again, by copies of forward
// ops before their first reader. Copies read what is kept behind an nn.barrier,
// so that nothing merges them with the first computation.
//
// `rule` chooses by kind: none, gelu (activations) or gelu+norm, where what
// they read is kept anyway. `fraction` chooses by cost: as long as more bytes
// are alive at once than this share of all, the op that saves the most bytes
// for each operation of its recomputation is next (Chen et al. 2016, by greed
// instead of by layers). After simplify, which would drop what is kept for
// nothing; and not in fusion, which is to find the copies as ordinary ops.
#include "compiler/differentiate/Activations.h"
#include "compiler/differentiate/Passes.h"
#include "compiler/fusion/Cost.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/Support/FormatVariadic.h"
#include <queue>

namespace attune::differentiate {

#define GEN_PASS_DEF_RECOMPUTE
#include "compiler/differentiate/Passes.h.inc"

using namespace mlir;

using Ops = llvm::SetVector<Operation *>;

// What takes more ops than this is kept: looking further would take long, and
// such a copy is most of the model.
static constexpr size_t mostOps = 2048;
// The peak is estimated whenever this share of all is kept no longer.
static constexpr double estimateStep = 0.02;

static bool isActivation(Operation *op) {
  auto elementwise = dyn_cast<nn::ElementwiseOp>(op);
  if (!elementwise)
    return false;
  switch (elementwise.getKind()) {
  case nn::ElementwiseKind::Relu:
  case nn::ElementwiseKind::GeluErf:
  case nn::ElementwiseKind::GeluTanh:
  case nn::ElementwiseKind::Silu:
  case nn::ElementwiseKind::Softplus:
    return true;
  default:
    return false;
  }
}

namespace {
class Chooser {
public:
  explicit Chooser(func::FuncOp function) : activations(function) {}

  void byRule(bool norms);
  void byFraction(double fraction);
  const Ops &chosen() const { return ops; }
  const Activations &getActivations() const { return activations; }
  int64_t bytes() const { return activations.bytes(ops); }

private:
  /// What has to be computed for `op`: itself and forward ops before it, back
  /// to what is kept.
  Ops programOf(Operation *op) const;
  double costOf(Operation *op);
  bool stays(Operation *op) const {
    return activations.isKept(op) && !ops.contains(op);
  }

  Activations activations;
  Ops ops;
  llvm::DenseMap<Operation *, double> flops; // of ops that a cost was asked of
};
} // namespace

Ops Chooser::programOf(Operation *op) const {
  Ops program;
  program.insert(op);
  for (size_t next = 0; next < program.size() && next < mostOps; ++next)
    for (Value operand : program[next]->getOperands()) {
      Operation *producer = rootOf(operand).getDefiningOp();
      if (producer && Activations::computes(producer) && !stays(producer))
        program.insert(producer);
    }
  return program;
}

double Chooser::costOf(Operation *op) {
  double cost = 1; // a launch is not free either
  Ops program = programOf(op);
  if (program.size() >= mostOps)
    return std::numeric_limits<double>::infinity();
  for (Operation *part : program) {
    auto [own, isNew] = flops.try_emplace(part);
    if (isNew)
      own->second = double(activations.evaluate(fusion::costOf(part).flops));
    cost += own->second;
  }
  return cost;
}

void Chooser::byRule(bool norms) {
  for (const auto &[op, bytes] : activations.kept())
    if ((isActivation(op) || (norms && isa<nn::NormOp>(op))) &&
        programOf(op).size() == 1)
      ops.insert(op);
}

// What an op saves for its cost only falls as more of what it reads is not
// kept: a gain that is still the best when it is computed anew is the best.
// What is computed again lies beside what is kept, and if little is kept, all
// of a long program at once: then less is more. So the peak decides, of which
// there is an estimate now and then.
void Chooser::byFraction(double fraction) {
  double limit = fraction * double(activations.bytes()), left = double(bytes());
  if (left <= limit)
    return;
  struct Candidate {
    double gain;
    size_t number; ///< of equals the first
    Operation *op;
    bool operator<(const Candidate &other) const {
      return gain != other.gain ? gain < other.gain : number > other.number;
    }
  };
  auto gainOf = [&](Operation *op) {
    return double(activations.kept().lookup(op)) / costOf(op);
  };
  std::priority_queue<Candidate> queue;
  for (const auto &[number, entry] : llvm::enumerate(activations.kept()))
    if (!ops.contains(entry.first))
      queue.push({gainOf(entry.first), number, entry.first});
  Ops leastOps = ops;
  int64_t least = activations.peak(ops);
  double step = estimateStep * double(activations.bytes()), next = left - step;
  while (double(least) > limit && !queue.empty()) {
    Candidate best = queue.top();
    queue.pop();
    best.gain = gainOf(best.op);
    if (best.gain == 0)
      continue;
    if (!queue.empty() && best < queue.top()) {
      queue.push(best);
      continue;
    }
    ops.insert(best.op);
    left -= double(activations.kept().lookup(best.op));
    if (left > next && !queue.empty())
      continue;
    next = left - step;
    int64_t peak = activations.peak(ops);
    if (peak < least) {
      least = peak;
      leastOps = ops;
    }
  }
  ops = leastOps;
}

// ---- copies ----

namespace {
class Copier {
public:
  Copier(func::FuncOp function, const Chooser &chooser)
      : function(function), activations(chooser.getActivations()),
        chosen(chooser.chosen()) {}

  void run();

private:
  Value copyOf(Value value, OpBuilder &builder);
  void copy(Operation *op, OpBuilder &builder);
  void hideKept();
  Value behindBarrier(Value value, OpBuilder &builder);
  bool isCopied(Operation *op) const {
    return activations.isForward(op) && Activations::computes(op) &&
           (chosen.contains(op) || !activations.isKept(op));
  }

  func::FuncOp function;
  const Activations &activations;
  const Ops &chosen;
  IRMapping copies;
  llvm::MapVector<Value, Value> barriers;
  int64_t nextId = 0;
};
} // namespace

Value Copier::behindBarrier(Value value, OpBuilder &builder) {
  Value &barrier = barriers[value];
  if (!barrier)
    barrier = nn::BarrierOp::create(builder, value.getLoc(), value, nextId++);
  return barrier;
}

// Constants, positions and weights are read as they are: they take no memory of
// the step. Where an op reads nothing else, its copy needs a barrier all the
// same.
void Copier::copy(Operation *op, OpBuilder &builder) {
  SmallVector<Value> operands;
  for (Value old : op->getOperands()) {
    Operation *root = rootOf(old).getDefiningOp();
    if (Value part = copies.lookupOrNull(old))
      operands.push_back(part);
    else if (!root || Activations::computes(root))
      operands.push_back(behindBarrier(old, builder));
    else
      operands.push_back(old);
  }
  if (llvm::equal(operands, op->getOperands()))
    operands[0] = behindBarrier(operands[0], builder);
  Operation *copy = builder.clone(*op);
  copy->setOperands(operands);
  copies.map(op->getResults(), copy->getResults());
}

// Iterative, since programs may be as deep as the model: what a copy reads is
// copied before it.
Value Copier::copyOf(Value value, OpBuilder &builder) {
  SmallVector<Operation *> stack{value.getDefiningOp()};
  auto isPart = [&](Value operand) {
    Operation *op = operand.getDefiningOp();
    Operation *root = rootOf(operand).getDefiningOp();
    return op && root && isCopied(root);
  };
  while (!stack.empty()) {
    Operation *op = stack.back();
    Operation *missing = nullptr;
    for (Value operand : op->getOperands())
      if (isPart(operand) && !copies.contains(operand))
        missing = operand.getDefiningOp();
    if (missing) {
      stack.push_back(missing);
      continue;
    }
    stack.pop_back();
    if (copies.contains(op->getResult(0)))
      continue;
    copy(op, builder);
  }
  return copies.lookup(value);
}

// What copies read is kept, so the whole backward pass reads it behind the same
// barrier. Else fusion would make what a derivative needs of it, as the slope
// of an activation, in the group that makes the value itself, and both would be
// kept.
void Copier::hideKept() {
  for (auto [value, barrier] : barriers) {
    Operation *op = barrier.getDefiningOp(), *first = op;
    auto isBackward = [&](OpOperand &use) {
      return use.getOwner() != op && !activations.isForward(use.getOwner()) &&
             !isa<func::ReturnOp>(use.getOwner());
    };
    for (OpOperand &use : value.getUses())
      if (isBackward(use) && use.getOwner()->isBeforeInBlock(first))
        first = use.getOwner();
    op->moveBefore(first);
    value.replaceUsesWithIf(barrier, isBackward);
  }
}

void Copier::run() {
  for (Operation &op : llvm::make_early_inc_range(function.getBody().front())) {
    if (activations.isForward(&op) || isa<func::ReturnOp>(op))
      continue;
    OpBuilder builder(&op);
    for (OpOperand &operand : op.getOpOperands()) {
      Operation *root = rootOf(operand.get()).getDefiningOp();
      if (root && chosen.contains(root))
        operand.set(copyOf(operand.get(), builder));
    }
  }
  hideKept();
}

namespace {
struct Recompute : impl::RecomputeBase<Recompute> {
  using RecomputeBase::RecomputeBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (rule != "none" && rule != "gelu" && rule != "gelu+norm") {
      module.emitError()
          << "expects to recompute none, gelu or gelu+norm, found '" << rule
          << "'";
      return signalPassFailure();
    }
    if (!(fraction > 0 && fraction <= 1)) {
      module.emitError() << "expects an activation memory above 0 and at most "
                            "1, found "
                         << fraction;
      return signalPassFailure();
    }
    if ((rule != "none" || fraction < 1) && !module.lookupSymbol("grad")) {
      module.emitError("has no loss, and nothing that could be computed again "
                       "for its gradients");
      return signalPassFailure();
    }
    for (StringRef name : {"grad", "step"})
      if (auto function = module.lookupSymbol<func::FuncOp>(name))
        run(function);
  }

  void run(func::FuncOp function) {
    Chooser chooser(function);
    if (rule != "none")
      chooser.byRule(rule == "gelu+norm");
    chooser.byFraction(fraction);
    int64_t all = chooser.getActivations().bytes(), left = chooser.bytes(),
            peak = chooser.getActivations().peak(chooser.chosen());
    function.emitRemark() << "activations: " << left << " of " << all
                          << " bytes kept, " << peak
                          << " with what is computed again";
    // Once: @grad has the activations of @step.
    if (function.getSymName() == "step" && fraction < 1 &&
        double(peak) > fraction * double(all))
      function.emitWarning()
          << "a step needs "
          << llvm::formatv("{0:P}", double(peak) / double(all))
          << " of the activations, not "
          << llvm::formatv("{0:P}", double(fraction))
          << ": computing more of them again would need no less";
    Copier(function, chooser).run();
  }
};
} // namespace

} // namespace attune::differentiate
