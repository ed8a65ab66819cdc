// The functions of the module: @main, @init, @loss and @eval.
#include "frontends/dsl/Import.h"

#include "dialects/nn/Symbols.h"
#include "frontends/dsl/Expander.h"
#include "frontends/dsl/InitialValues.h"
#include "frontends/dsl/Training.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"

#include <set>

namespace attune::dsl {

using namespace mlir;

/// Of inputs and outputs: what a tensor of the runtime holds (ATTUNE_MAX_RANK).
static constexpr size_t mostDims = 8;

namespace {

class Importer {
public:
  Importer(const Model &model, const ImportOptions &options,
           MLIRContext &context, Errors &errors)
      : model(model), options(options), errors(errors),
        expander(model, options, &context, errors), graph(expander.graph),
        module(ModuleOp::create(UnknownLoc::get(&context))) {}

  OwningOpRef<ModuleOp> run();

private:
  enum class Purpose { Main, Loss, Eval };
  struct Output {
    StringRef name;
    Tensor value;
  };

  LogicalResult addWeights();
  LogicalResult checkSources();
  LogicalResult addFunction(StringRef name, Purpose purpose);
  FailureOr<Value> addInput(const Parameter &parameter, Frame &frame);
  Tensor addArgument(StringRef name, Type type);
  FailureOr<SmallVector<Output>> mainOutputs(ArrayRef<Value> results);
  FailureOr<SmallVector<Output>> lossOutputs(Purpose purpose, Frame &frame);
  void finish(ArrayRef<Output> outputs);
  LogicalResult checkSymbols();

  const Model &model;
  const ImportOptions &options;
  Errors &errors;
  Expander expander;
  Graph &graph;
  OwningOpRef<ModuleOp> module;
  func::FuncOp function; ///< The one being made.
};

// ---- weights ----

/// Every weight has a value of its shape in the file, and every value a weight.
LogicalResult Importer::checkSources() {
  std::set<std::string, std::less<>> wanted;
  for (const auto &weight : expander.weights())
    wanted.insert(weight->name);
  std::vector<std::string_view> names;
  for (const auto &weight : expander.weights())
    names.emplace_back(weight->name);
  // A suggestion looks at all weights; many wrong names are another model's.
  size_t suggested = 0;
  for (const std::string &name : options.weights->names)
    if (!wanted.contains(name))
      errors.tell("--weights: " + quoted(name) + " is no weight of the model" +
                  (++suggested <= 20 ? suggestion(name, names) : ""));
  return success(!errors.any());
}

LogicalResult Importer::addWeights() {
  OpBuilder &b = graph.b;
  std::set<std::string, std::less<>> names;
  for (const auto &weight : expander.weights()) {
    if (!names.insert(weight->name).second) {
      graph.at = weight->span;
      return graph.fail("the weight " + quoted(weight->name) +
                        " is made twice; give the layers names of their own");
    }
    auto type = RankedTensorType::get(weight->shape, b.getF32Type());
    auto op = nn::WeightOp::create(
        b, NameLoc::get(b.getStringAttr(weight->name)), weight->name, type);
    op.setTrainable(true);
    if (!options.weights)
      continue;
    std::string why;
    ElementsAttr value = options.weights->get(weight->name, type, why);
    if (!value) {
      errors.tell("--weights: " + quoted(weight->name) + ": " + why);
      continue;
    }
    op.setValueAttr(value);
    // Nothing changes a weight that has a value and is not trained.
    op.setTrainable(model.file.train.has_value());
  }
  return options.weights ? checkSources() : success();
}

// ---- functions ----

Tensor Importer::addArgument(StringRef name, Type type) {
  auto loc = NameLoc::get(graph.b.getStringAttr(name));
  unsigned index = function.getNumArguments();
  (void)function.insertArgument(index, type, {}, loc);
  function.setArgAttr(index, "nn.name", graph.b.getStringAttr(name));
  return function.getArgument(index);
}

FailureOr<Value> Importer::addInput(const Parameter &parameter, Frame &frame) {
  graph.at = parameter.type->span;
  if (parameter.type->dims.size() > mostDims)
    return graph.fail("expected at most 8 dims of an input, found " +
                      Twine(parameter.type->dims.size()));
  auto dims = expander.dims(*parameter.type, frame, nullptr);
  if (failed(dims))
    return failure();
  return Value(
      addArgument(parameter.name.text,
                  nn::tensorType(*dims, expander.element(*parameter.type))));
}

FailureOr<SmallVector<Importer::Output>>
Importer::mainOutputs(ArrayRef<Value> results) {
  SmallVector<Output> outputs;
  const Function *forward = model.file.model()->find("forward");
  for (auto [result, value] : llvm::zip(forward->results, results)) {
    graph.at = result.name.span;
    auto output = expander.tensor(value);
    if (failed(output))
      return failure();
    if (size_t(Graph::rankOf(*output)) > mostDims)
      return graph.fail("expected at most 8 dims of an output, found " +
                        describeType(output->getType()));
    outputs.push_back({result.name.text, *output});
  }
  return outputs;
}

FailureOr<SmallVector<Importer::Output>> Importer::lossOutputs(Purpose purpose,
                                                               Frame &frame) {
  auto loss = evaluateLoss(expander, *model.file.train, frame);
  if (failed(loss))
    return failure();
  if (purpose == Purpose::Loss) {
    MaybeTensor mean = meanOf(graph, *loss);
    if (failed(mean))
      return failure();
    return SmallVector<Output>{{"loss", *mean}};
  }
  SmallVector<Output> outputs = {{"loss", loss->sum}, {"count", loss->count}};
  if (loss->correct)
    outputs.push_back({"correct", loss->correct});
  return outputs;
}

void Importer::finish(ArrayRef<Output> outputs) {
  SmallVector<Tensor> values;
  SmallVector<Type> types;
  for (const Output &output : outputs) {
    values.push_back(output.value);
    types.push_back(output.value.getType());
  }
  func::ReturnOp::create(graph.b, function.getLoc(), values);
  function.setFunctionType(FunctionType::get(
      function.getContext(), function.getArgumentTypes(), types));
  for (auto [i, output] : llvm::enumerate(outputs))
    function.setResultAttr(unsigned(i), "nn.name",
                           graph.b.getStringAttr(output.name));
  function->setAttr(nn::symbolsAttr,
                    graph.bounds.attribute(graph.b.getContext()));
  // Loads of weights that a formula did not need in the end, and the like.
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

LogicalResult Importer::addFunction(StringRef name, Purpose purpose) {
  OpBuilder &b = graph.b;
  b.setInsertionPointToEnd(module->getBody());
  graph.loc = NameLoc::get(b.getStringAttr(name));
  graph.bounds = Bounds();
  function =
      func::FuncOp::create(b, graph.loc, name, b.getFunctionType({}, {}));
  b.setInsertionPointToEnd(function.addEntryBlock());
  const Function &forward = *model.file.model()->find("forward");

  Frame types;
  std::vector<Value> inputs;
  for (const Parameter &parameter : forward.parameters) {
    auto input = addInput(parameter, types);
    if (failed(input))
      return failure();
    inputs.push_back(*input);
  }
  SmallVector<std::pair<std::string, Value>> labels;
  if (purpose != Purpose::Main)
    for (const Parameter &label : model.file.train->labels) {
      auto input = addInput(label, types);
      if (failed(input))
        return failure();
      labels.emplace_back(label.name.text, *input);
    }
  RandomState random;
  if (purpose == Purpose::Loss) {
    auto scalar = RankedTensorType::get({}, b.getI64Type());
    random.seed = addArgument("seed", scalar);
    random.step = addArgument("step", scalar);
    random.first = addArgument("first", scalar);
    Dims dims = Graph::dimsOf(*inputs.front().as<mlir::Value>());
    random.batch = dims.empty() ? graph.dim(1) : dims.front();
  }
  expander.begin(purpose == Purpose::Loss ? &random : nullptr);
  Frame frame;
  auto results = expander.forward(inputs, frame);
  if (failed(results))
    return failure();
  for (auto &[label, value] : labels)
    frame.names[label] = value;
  // Dims that only labels name.
  for (auto &[known, value] : types.names)
    frame.names.try_emplace(known, value);
  auto outputs = purpose == Purpose::Main ? mainOutputs(*results)
                                          : lossOutputs(purpose, frame);
  if (failed(outputs))
    return failure();
  finish(*outputs);
  return success();
}

/// Bounds are for symbols that the model has.
LogicalResult Importer::checkSymbols() {
  std::set<std::string, std::less<>> known;
  auto collect = [&](const std::vector<Parameter> &parameters) {
    for (const Parameter &parameter : parameters)
      if (parameter.type)
        for (const TypeDim &dim : parameter.type->dims)
          if (dim.size->kind == Expression::Kind::Name)
            known.insert(dim.size->text);
  };
  collect(model.file.model()->find("forward")->parameters);
  if (model.file.train)
    collect(model.file.train->labels);
  for (const Parameter &parameter : model.file.parameters)
    known.erase(parameter.name.text);
  SmallVector<StringRef> names(options.shapes.keys());
  llvm::sort(names);
  for (StringRef name : names)
    if (!known.contains(name))
      errors.report(model.file.model()->name.span,
                    "--shape " + name.str() + ": the model has no dim " +
                        quoted(name) + " of its inputs");
  return success(!errors.any());
}

OwningOpRef<ModuleOp> Importer::run() {
  if (failed(checkSymbols()) || failed(expander.prepare()))
    return {};
  graph.b.setInsertionPointToEnd(module->getBody());
  if (failed(addWeights()) || failed(addFunction("main", Purpose::Main)))
    return {};
  addInitialValues(expander, *module);
  if (model.file.train) {
    auto settings = trainingSettings(expander, *model.file.train);
    if (failed(settings) || failed(addFunction("loss", Purpose::Loss)) ||
        failed(addFunction("eval", Purpose::Eval)))
      return {};
    (*module)->setAttr("nn.training", *settings);
  }
  return std::move(module);
}

OwningOpRef<ModuleOp> importModel(const Model &model,
                                  const ImportOptions &options,
                                  MLIRContext &context, std::string &error) {
  context.loadDialect<nn::NNDialect, func::FuncDialect, arith::ArithDialect>();
  Errors errors(model.source);
  OwningOpRef<ModuleOp> module =
      Importer(model, options, context, errors).run();
  error = errors.str();
  if (!module)
    return {};
  ScopedDiagnosticHandler collect(&context, [&](Diagnostic &diagnostic) {
    std::string where;
    llvm::raw_string_ostream(where) << diagnostic.getLocation();
    error += model.source.name() +
             ": internal error: the frontend made invalid IR: " + where + ": " +
             diagnostic.str() + "\n";
    return success();
  });
  return succeeded(verify(*module)) ? std::move(module)
                                    : OwningOpRef<ModuleOp>();
}

} // namespace

OwningOpRef<ModuleOp> importDsl(const std::string &file,
                                const ImportOptions &options,
                                MLIRContext &context, std::string &error) {
  auto model = readModel(file, error);
  return model ? importModel(*model, options, context, error)
               : OwningOpRef<ModuleOp>();
}

OwningOpRef<ModuleOp> importDslText(std::string text, std::string name,
                                    const ImportOptions &options,
                                    MLIRContext &context, std::string &error) {
  auto model = readModelFromText(std::move(text), std::move(name), error);
  return model ? importModel(*model, options, context, error)
               : OwningOpRef<ModuleOp>();
}

} // namespace attune::dsl
