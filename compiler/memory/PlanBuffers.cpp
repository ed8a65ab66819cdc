// plan-buffers: one program for each function, one buffer for each root tensor,
// one plan.launch for each nn.launch. What a function gives to a weight of the
// state is written where that lives, if nothing wants the old value any more;
// else it is copied there at the end. It stands after the kernels stage, which
// has made every operand a root with a layout, and before target, which reads
// the plan as data.
#include "compiler/memory/Passes.h"

#include "compiler/kernels/Bounds.h"
#include "dialects/nn/Symbols.h"
#include "dialects/nn/Weights.h"
#include "dialects/nn/reference/Array.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attune::memory {

#define GEN_PASS_DEF_PLANBUFFERS
#include "compiler/memory/Passes.h.inc"

using namespace mlir;

namespace {

int64_t elementBytes(Value tensor) {
  return nn::storageBytes(
      cast<RankedTensorType>(tensor.getType()).getElementType());
}

nn::DimAttr bytesOf(Value tensor) {
  return nn::numElements(nn::getDims(tensor), tensor.getContext()) *
         elementBytes(tensor);
}

// A reshape of a row-major tensor is the same bytes.
Value rootOf(Value value) {
  while (auto reshape = value.getDefiningOp<nn::ReshapeOp>())
    value = reshape.getInput();
  return value;
}

// Turns one function into one program.
class Planner {
public:
  Planner(func::FuncOp function, ModuleOp module)
      : function(function), module(module), symbols(module), builder(function) {
  }

  LogicalResult run();

private:
  void planInputs();
  void planResults();
  void planUpdates();
  bool mayOverwrite(nn::LaunchOp op, unsigned result, StringRef weight);
  LogicalResult finishUpdates();
  Value stateOf(StringRef weight, Location loc);
  /// The weight that an output of the function updates, or "".
  StringRef updatedWeight(OpOperand &output) {
    auto weight = nn::updatedBy(function, output.getOperandNumber());
    return weight ? weight.getValue() : StringRef();
  }
  LogicalResult planOp(Operation &op);
  void planConstant(arith::ConstantOp op);
  LogicalResult planLaunch(nn::LaunchOp op);
  LogicalResult planOutputs();
  Value bufferFor(nn::LaunchOp op, unsigned result);
  nn::ShapeAttr byteOffsets(ValueRange tensors, ArrayAttr layouts);

  func::FuncOp function;
  ModuleOp module;
  SymbolTable symbols;
  OpBuilder builder;
  llvm::DenseMap<Value, Value> buffers; // root tensor -> buffer
  // Root tensor -> memory of the caller, or of the state.
  llvm::DenseMap<Value, Value> results;
  llvm::StringMap<Value> states; // weight -> buffer
  llvm::StringMap<SmallVector<nn::LoadWeightOp>> loads;
  llvm::DenseMap<Value, Operation *> lastUse;
};

StringAttr nameOf(Builder &builder, Attribute name, StringRef fallback,
                  unsigned index) {
  if (auto text = dyn_cast_or_null<StringAttr>(name))
    return text;
  return builder.getStringAttr(fallback + Twine(index));
}

// The symbols that inputs have; others have no value at run time, and after the
// passes before nothing should need them (verify-plan).
DictionaryAttr inputSymbols(func::FuncOp function) {
  nn::SymbolRanges all = nn::symbolRanges(function);
  llvm::SetVector<StringRef> used;
  for (BlockArgument argument : function.getArguments())
    for (nn::DimAttr dim : nn::getDims(argument))
      dim.collectSymbols(used);
  NamedAttrList ranges;
  for (StringRef name : used)
    if (nn::RangeAttr range = all.lookup(name))
      ranges.set(name, range);
  return ranges.getDictionary(function.getContext());
}

LogicalResult Planner::run() {
  auto program = plan::ProgramOp::create(
      builder, function.getLoc(), function.getName(), inputSymbols(function));
  builder.setInsertionPointToStart(&program.getBody().emplaceBlock());

  Block &body = function.getBody().front();
  for (Operation &op : body) {
    if (auto load = dyn_cast<nn::LoadWeightOp>(op))
      loads[load.getWeight()].push_back(load);
    for (Value operand : op.getOperands())
      lastUse[rootOf(operand)] = &op;
  }
  planInputs();
  planUpdates();
  planResults();
  for (Operation &op : body.without_terminator())
    if (failed(planOp(op)))
      return failure();
  if (failed(finishUpdates()) || failed(planOutputs()))
    return failure();
  function.erase();
  return success();
}

void Planner::planInputs() {
  for (BlockArgument argument : function.getArguments()) {
    unsigned index = argument.getArgNumber();
    auto type = cast<RankedTensorType>(argument.getType());
    buffers[argument] = plan::InputOp::create(
        builder, argument.getLoc(),
        nameOf(builder, function.getArgAttr(index, "nn.name"), "input", index),
        TypeAttr::get(type.getElementType()),
        nn::ShapeAttr::get(builder.getContext(), nn::getDims(argument)));
  }
}

Value Planner::stateOf(StringRef weight, Location loc) {
  Value &buffer = states[weight];
  if (!buffer) {
    auto op = symbols.lookup<nn::WeightOp>(weight);
    RankedTensorType type = op.getTensorType();
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(builder.getBlock());
    buffer = plan::StateOp::create(builder, loc, op.getSymName(),
                                   type.getNumElements() *
                                       nn::storageBytes(type.getElementType()));
  }
  return buffer;
}

// Whether a launch may write a result over the old value of a weight: whoever
// reads that has done so, or is the launch and says that it may.
bool Planner::mayOverwrite(nn::LaunchOp op, unsigned result, StringRef weight) {
  for (nn::LoadWeightOp load : loads.lookup(weight)) {
    Operation *last = lastUse.lookup(load);
    if (!last)
      continue;
    if (last != op) {
      if (!last->isBeforeInBlock(op))
        return false;
      continue;
    }
    auto inPlace = op.getInPlace();
    int64_t reuse = inPlace ? (*inPlace)[result] : -1;
    auto reads = [&](Value input) { return rootOf(input) == load; };
    if (reuse < 0 || !reads(op.getInputs()[reuse]) ||
        llvm::count_if(op.getInputs(), reads) != 1)
      return false;
  }
  return true;
}

void Planner::planUpdates() {
  Operation *exit = function.getBody().front().getTerminator();
  for (OpOperand &output : exit->getOpOperands()) {
    StringRef weight = updatedWeight(output);
    Value root = rootOf(output.get());
    auto launch = root.getDefiningOp<nn::LaunchOp>();
    if (weight.empty() || !launch || results.count(root))
      continue;
    unsigned number = cast<OpResult>(root).getResultNumber();
    if (mayOverwrite(launch, number, weight))
      results[root] = stateOf(weight, root.getLoc());
  }
}

// Copies the values that could not be written in their places. All of the
// copies read before any of them writes, or the order would matter.
LogicalResult Planner::finishUpdates() {
  Operation *exit = function.getBody().front().getTerminator();
  for (OpOperand &output : exit->getOpOperands()) {
    StringRef weight = updatedWeight(output);
    Value root = rootOf(output.get());
    auto load = root.getDefiningOp<nn::LoadWeightOp>();
    bool isState =
        load && symbols.lookup<nn::WeightOp>(load.getWeight()).getState();
    if (isState && load.getWeight() != weight)
      return function.emitError()
             << "result " << output.getOperandNumber() << " is the value of @"
             << load.getWeight() << " before the call; compute a copy of it";
    if (weight.empty() || isState)
      continue;
    Value target = stateOf(weight, root.getLoc()),
          source = buffers.lookup(root);
    if (source && source != target)
      plan::CopyOp::create(builder, root.getLoc(), source, target,
                           bytesOf(root));
  }
  return success();
}

// What a launch makes and only the caller reads goes straight to the caller.
void Planner::planResults() {
  Operation *exit = function.getBody().front().getTerminator();
  for (auto [index, output] : llvm::enumerate(exit->getOperands())) {
    Value root = rootOf(output);
    if (!nn::updatedBy(function, index) && root.getDefiningOp<nn::LaunchOp>() &&
        !results.count(root))
      results[root] =
          plan::ResultOp::create(builder, root.getLoc(), bytesOf(root));
  }
}

LogicalResult Planner::planOp(Operation &op) {
  if (auto launch = dyn_cast<nn::LaunchOp>(op))
    return planLaunch(launch);
  if (auto load = dyn_cast<nn::LoadWeightOp>(op)) {
    if (symbols.lookup<nn::WeightOp>(load.getWeight()).getState()) {
      buffers[load] = stateOf(load.getWeight(), op.getLoc());
      return success();
    }
    buffers[load] = plan::WeightOp::create(
        builder, op.getLoc(), load.getWeight(), *bytesOf(load).getConstant());
    return success();
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    planConstant(constant);
    return success();
  }
  if (isa<nn::ReshapeOp>(op))
    return success();
  return op.emitError() << "expected launches on root tensors, found '"
                        << op.getName()
                        << "'; the kernels stage must replace it";
}

// A constant that a kernel reads from memory is a weight without a source.
void Planner::planConstant(arith::ConstantOp op) {
  if (op->use_empty())
    return;
  OpBuilder atModule = OpBuilder::atBlockBegin(module.getBody());
  auto value = cast<ElementsAttr>(op.getValue());
  auto weight =
      nn::WeightOp::create(atModule, op.getLoc(), "constant",
                           cast<RankedTensorType>(op.getType()), value);
  symbols.insert(weight); // renames on collision
  buffers[op] = plan::WeightOp::create(
      builder, op.getLoc(), weight.getSymName(), *bytesOf(op).getConstant());
}

// A part that may be empty may start past the end (x[1:, 2:] of one row), where
// the runtime lets nothing start. Nothing is read of it, so it may start at the
// end as well.
nn::ShapeAttr Planner::byteOffsets(ValueRange tensors, ArrayAttr layouts) {
  nn::Dims offsets;
  nn::SymbolRanges ranges = nn::symbolRanges(function);
  for (auto [tensor, layout] :
       llvm::zip(tensors, layouts.getAsRange<nn::LayoutAttr>())) {
    nn::DimAttr offset = layout.getOffset() * elementBytes(tensor);
    if (!kernels::isNonNegative(bytesOf(tensor) - offset, ranges))
      offset = offset.min(bytesOf(tensor));
    offsets.push_back(offset);
  }
  return nn::ShapeAttr::get(builder.getContext(), offsets);
}

// The buffer of a launch's result: the caller's, one taken over, or a new one.
Value Planner::bufferFor(nn::LaunchOp op, unsigned index) {
  Value result = op.getResult(index);
  if (Value caller = results.lookup(result))
    return caller;
  auto inPlace = op.getInPlace();
  int64_t reuse = inPlace ? (*inPlace)[index] : -1;
  if (reuse >= 0) {
    Value input = op.getInputs()[reuse], root = rootOf(input);
    Value buffer = buffers.lookup(root);
    bool dies =
        lastUse.lookup(root) == op && buffer.getDefiningOp<plan::AllocateOp>();
    if (dies && llvm::count(op.getInputs(), input) == 1 &&
        bytesOf(root) == bytesOf(result))
      return buffer;
  }
  return plan::AllocateOp::create(builder, op.getLoc(), bytesOf(result));
}

LogicalResult Planner::planLaunch(nn::LaunchOp op) {
  SmallVector<Value> inputs, outputs;
  for (Value input : op.getInputs()) {
    Value buffer = buffers.lookup(rootOf(input));
    if (!buffer)
      return op.emitError("reads a value that is no root tensor");
    inputs.push_back(buffer);
  }
  for (unsigned i = 0; i < op.getNumResults(); ++i) {
    outputs.push_back(bufferFor(op, i));
    buffers[op.getResult(i)] = outputs.back();
  }
  plan::LaunchOp::create(
      builder, op.getLoc(), op.getKernelAttr(), op.getKindAttr(), inputs,
      byteOffsets(op.getInputs(), op.getInputLayouts()), outputs,
      byteOffsets(op.getResults(), op.getResultLayouts()), op.getIntegers(),
      op.getGrid(), op.getGrain(), op.getScratch(), op.getFlops(),
      op.getBytes(), op.getVariantsAttr(), op.getVariantGridsAttr(),
      op.getCostsAttr());
  return success();
}

LogicalResult Planner::planOutputs() {
  for (OpOperand &output :
       function.getBody().front().getTerminator()->getOpOperands()) {
    unsigned index = output.getOperandNumber();
    if (nn::updatedBy(function, index))
      continue;
    Value buffer = buffers.lookup(rootOf(output.get()));
    if (!buffer)
      return function.emitError() << "output " << index << " is no root tensor";
    auto type = cast<RankedTensorType>(output.get().getType());
    plan::OutputOp::create(
        builder, output.get().getLoc(),
        nameOf(builder, function.getResultAttr(index, "nn.name"), "output",
               index),
        buffer, TypeAttr::get(type.getElementType()),
        nn::ShapeAttr::get(builder.getContext(), nn::getDims(output.get())));
  }
  return success();
}

struct PlanBuffers : impl::PlanBuffersBase<PlanBuffers> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto function :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (failed(Planner(function, module).run()))
        return signalPassFailure();
  }
};

} // namespace
} // namespace attune::memory
