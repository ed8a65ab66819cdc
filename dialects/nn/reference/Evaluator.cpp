// Walks a function and hands each op its operands' values.
#include "dialects/nn/reference/Evaluator.h"
#include "dialects/nn/reference/EvaluateModels.h"

#include "dialects/nn/reference/EvaluateInterface.cpp.inc"

namespace attune::nn {

using namespace mlir;

void registerEvaluators(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, NNDialect *) {
    attachElementwiseEvaluators(*context);
    attachReduceEvaluators(*context);
    attachContractEvaluators(*context);
    attachAttentionEvaluators(*context);
    attachDataEvaluators(*context);
    attachTrainingEvaluators(*context);
  });
}

LogicalResult bindSymbols(Location location, ArrayRef<Dims> dims,
                          ArrayRef<Extents> shapes,
                          llvm::StringMap<int64_t> &symbols) {
  for (auto [expected, found] : llvm::zip(dims, shapes)) {
    if (expected.size() != found.size())
      return emitError(location) << "expected rank " << expected.size()
                                 << ", found " << found.size();
    for (auto [dim, extent] : llvm::zip(expected, found))
      if (StringRef name = dim.getSymbol(); !name.empty())
        symbols.try_emplace(name, extent);
  }
  // Expressions are checked once every bare symbol is known.
  for (auto [expected, found] : llvm::zip(dims, shapes))
    for (auto [dim, extent] : llvm::zip(expected, found))
      if (auto value = dim.evaluate(symbols); !value || *value != extent)
        return emitError(location)
               << "expected dim " << dim.str() << ", found " << extent;
  return success();
}

Evaluator::Evaluator(ModuleOp module) : weights(module) {}

FailureOr<Extents> Evaluator::extents(ArrayRef<DimAttr> dims, Operation *user) {
  Extents result;
  for (DimAttr dim : dims) {
    auto value = dim.evaluate(symbols);
    if (!value || *value < 0)
      return user->emitError()
             << "dim " << dim.str() << " has no value for these inputs";
    result.push_back(*value);
  }
  return result;
}

FailureOr<Extents> Evaluator::extents(RankedTensorType type, Operation *user) {
  return extents(getDims(type), user);
}

FailureOr<Array> Evaluator::weight(StringRef name, Operation *user) {
  auto op = weights.lookup<WeightOp>(name);
  if (!op)
    return user->emitError() << "no weight @" << name;
  return weight(op);
}

FailureOr<Array> Evaluator::weight(WeightOp op) {
  if (op.getValue()) {
    auto array = Array::fromAttribute(*op.getValue());
    if (failed(array))
      return op.emitError("the weight's data is missing or too short");
    return array;
  }
  if (op.getInit().empty())
    return op.emitError("the weight has no value");
  // Derived weights may share derived weights: each is computed once for the
  // outermost, and then forgotten.
  if (auto known = derived.find(op); known != derived.end())
    return known->second;
  ++derivedDepth;
  auto results = runBlock(op.getInit().front(), {});
  --derivedDepth;
  if (failed(results))
    return failure();
  if (derivedDepth > 0)
    derived[op] = results->front();
  else
    derived.clear();
  return results->front();
}

FailureOr<SmallVector<Array>> Evaluator::runOp(Operation &op) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto elements = dyn_cast<ElementsAttr>(constant.getValue());
    auto array =
        elements ? Array::fromAttribute(elements) : FailureOr<Array>(failure());
    if (failed(array))
      return op.emitError("constant is no tensor of a supported type");
    return SmallVector<Array>{*array};
  }
  auto model = dyn_cast<EvaluateOpInterface>(op);
  if (!model)
    return op.emitError("has no double-precision evaluation");
  SmallVector<Array> operands;
  for (Value operand : op.getOperands())
    operands.push_back(values.lookup(operand));
  return model.evaluate(*this, operands);
}

// Last user of each value inside its block, so that values die early: a whole
// model in double precision would not fit otherwise.
static bool diesAfter(Value value, Operation &op) {
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    Operation *inBlock = op.getBlock()->findAncestorOpInBlock(*user);
    return inBlock && (inBlock == &op || inBlock->isBeforeInBlock(&op));
  });
}

FailureOr<SmallVector<Array>> Evaluator::runBlock(Block &block,
                                                  ArrayRef<Array> arguments) {
  for (auto [argument, array] : llvm::zip(block.getArguments(), arguments)) {
    values[argument] = array;
    if (observer)
      observer(argument, array);
  }
  for (Operation &op : block.without_terminator()) {
    auto results = runOp(op);
    if (failed(results))
      return failure();
    for (auto [value, array] : llvm::zip(op.getResults(), *results)) {
      values[value] = array;
      if (observer)
        observer(value, array);
    }
    for (Value operand : op.getOperands())
      if (diesAfter(operand, op))
        values.erase(operand);
  }
  SmallVector<Array> results;
  for (Value operand : block.getTerminator()->getOperands())
    results.push_back(values.lookup(operand));
  for (Operation &op : block)
    for (Value value : op.getResults())
      values.erase(value);
  for (Value argument : block.getArguments())
    values.erase(argument);
  return results;
}

FailureOr<SmallVector<Array>> Evaluator::run(func::FuncOp function,
                                             ArrayRef<Array> inputs,
                                             Observer newObserver) {
  if (inputs.size() != function.getNumArguments())
    return function.emitError() << "expected " << function.getNumArguments()
                                << " inputs, found " << inputs.size();
  SmallVector<Dims> dims;
  SmallVector<Extents> shapes;
  for (auto [argument, input] : llvm::zip(function.getArguments(), inputs)) {
    dims.push_back(getDims(argument));
    shapes.push_back(Extents(input.getShape()));
  }
  symbols.clear();
  if (failed(bindSymbols(function.getLoc(), dims, shapes, symbols)))
    return failure();
  observer = std::move(newObserver);
  auto results = runBlock(function.getBody().front(), inputs);
  observer = nullptr;
  return results;
}

std::optional<SmallVector<DenseElementsAttr>>
foldToConstants(Operation *op, int64_t maxElements) {
  auto model = dyn_cast<EvaluateOpInterface>(op);
  auto module = op->getParentOfType<ModuleOp>();
  if (!model || !module || op->getNumRegions() != 0)
    return std::nullopt;
  for (Type type : op->getResultTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !tensor.hasStaticShape() ||
        tensor.getNumElements() > maxElements)
      return std::nullopt;
  }
  SmallVector<Array> operands;
  for (Value operand : op->getOperands()) {
    ElementsAttr value;
    if (!matchPattern(operand, m_Constant(&value)))
      return std::nullopt;
    auto array = Array::fromAttribute(value);
    if (failed(array))
      return std::nullopt;
    operands.push_back(*array);
  }
  // What cannot be computed stays an op; whoever runs it says what is wrong.
  ScopedDiagnosticHandler silent(op->getContext(),
                                 [](Diagnostic &) { return success(); });
  Evaluator evaluator(module);
  auto results = model.evaluate(evaluator, operands);
  if (failed(results))
    return std::nullopt;
  SmallVector<DenseElementsAttr> attributes;
  for (const Array &result : *results)
    attributes.push_back(result.toAttribute());
  return attributes;
}

} // namespace attune::nn
