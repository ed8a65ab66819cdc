// Statements, and calls of layers, defs and builtins.
#include "frontends/dsl/Expander.h"

namespace attune::dsl {

using namespace mlir;

/// Calls inside each other, of modules and defs.
static constexpr unsigned mostCalls = 100;

Expander::Expander(const Model &model, const ImportOptions &options,
                   MLIRContext *context, Errors &errors)
    : graph(context, errors), model(model), options(options) {}

void Expander::begin(RandomState *random) {
  loads.clear();
  lastLoad = nullptr;
  graph.random = random;
}

/// "h.0.attn.qkv", which stands at a place of the text.
void Expander::locate(const Twine &name, Span span) {
  Source::Position position = model.source.position(span.begin);
  auto place = FileLineColLoc::get(graph.b.getContext(), model.source.name(),
                                   position.line, position.column);
  graph.loc = NameLoc::get(graph.b.getStringAttr(name), place);
  graph.at = span;
}

void Expander::locate(const Frame &frame, StringRef name, Span span) {
  locate(Twine(frame.path) + (frame.path.empty() ? "" : ".") + name, span);
}

Tensor Expander::load(const Weight &weight) {
  Tensor &loaded = loads[&weight];
  if (loaded)
    return loaded;
  // In the order of first use, at the top.
  OpBuilder::InsertionGuard guard(graph.b);
  if (lastLoad)
    graph.b.setInsertionPointAfter(lastLoad);
  else
    graph.b.setInsertionPointToStart(graph.b.getInsertionBlock());
  auto type = RankedTensorType::get(weight.shape, graph.b.getF32Type());
  loaded = nn::LoadWeightOp::create(
      graph.b, NameLoc::get(graph.b.getStringAttr(weight.name)), type,
      weight.name);
  lastLoad = loaded.getDefiningOp();
  return loaded;
}

// ---- statements ----

LogicalResult Expander::assign(const Statement &statement, Frame &frame) {
  auto value = evaluate(*statement.values[0], frame);
  if (failed(value))
    return failure();
  size_t count = statement.targets.size();
  if (count == 1) {
    frame.names[statement.targets[0].text] = std::move(*value);
    return success();
  }
  graph.at = statement.values[0]->span;
  if (value->is<List>() && (*value->as<List>())->size() == count) {
    for (auto [name, part] : llvm::zip(statement.targets, **value->as<List>()))
      frame.names[name.text] = part;
    return success();
  }
  // A tensor whose first dim is as long is taken apart along it.
  MaybeTensor whole = value->isTensor() ? tensor(*value) : MaybeTensor();
  Dims rest = succeeded(whole) ? Graph::dimsOf(*whole) : Dims();
  if (rest.empty() || rest.front().getConstant() != int64_t(count))
    return graph.fail("expected a list or a tensor of " + Twine(count) +
                      " for " + Twine(count) + " names, found " +
                      value->describe());
  rest.erase(rest.begin());
  for (auto [i, name] : llvm::enumerate(statement.targets)) {
    auto part = graph.window(*whole, 0, graph.dim(int64_t(i)), graph.dim(1));
    if (succeeded(part))
      part = graph.reshape(*part, rest);
    if (failed(part))
      return failure();
    frame.names[name.text] = Value(*part);
  }
  return success();
}

LogicalResult Expander::run(const std::vector<Statement> &body, Frame &frame,
                            std::optional<std::vector<Value>> &returned) {
  for (const Statement &statement : body) {
    switch (statement.kind) {
    case Statement::Kind::Assign:
      if (failed(assign(statement, frame)))
        return failure();
      break;
    case Statement::Kind::Update: {
      const Name &target = statement.targets[0];
      auto old = frame.names.find(target.text);
      auto value = evaluate(*statement.values[0], frame);
      if (failed(value))
        return failure();
      Place place(graph);
      locate(frame, target.text, statement.span);
      if (old == frame.names.end())
        return graph.fail(
            "expected a name that was given a value here, found " +
            quoted(target.text));
      auto result = arithmetic(statement.op, old->second, *value);
      if (failed(result))
        return failure();
      frame.names[target.text] = std::move(*result);
      break;
    }
    case Statement::Kind::If: {
      auto holds = condition(*statement.values[0], frame);
      if (failed(holds) ||
          failed(run(*holds ? statement.then : statement.otherwise, frame,
                     returned)))
        return failure();
      break;
    }
    case Statement::Kind::Return:
      returned.emplace();
      for (const ExpressionPtr &expression : statement.values) {
        auto value = evaluate(*expression, frame);
        if (failed(value))
          return failure();
        returned->push_back(std::move(*value));
      }
      break;
    }
    if (returned)
      return success();
  }
  return success();
}

FailureOr<std::vector<Value>> Expander::run(const Function &function,
                                            Frame &frame) {
  std::optional<std::vector<Value>> returned;
  if (failed(run(function.body, frame, returned)))
    return failure();
  if (!returned) {
    graph.at = function.name.span;
    return graph.fail("expected a return in " + quoted(function.name.text));
  }
  if (failed(checkResults(function, frame, *returned)))
    return failure();
  return std::move(*returned);
}

// ---- calls ----

LogicalResult Expander::bind(const Function &function,
                             ArrayRef<Value> positional,
                             ArrayRef<std::pair<const Name *, Value>> named,
                             Frame &frame, Span span) {
  const auto &parameters = function.parameters;
  graph.at = span;
  if (positional.size() > parameters.size())
    return graph.fail(quoted(function.name.text) + " takes at most " +
                      std::to_string(parameters.size()) + " values, found " +
                      std::to_string(positional.size()));
  for (auto [parameter, value] : llvm::zip(parameters, positional))
    frame.names[parameter.name.text] = value;
  for (const auto &[name, value] : named) {
    bool known = llvm::any_of(parameters, [&, &name = name](const auto &p) {
      return p.name.text == name->text;
    });
    graph.at = name->span;
    if (!known || frame.names.contains(name->text))
      return graph.fail(
          quoted(name->text) +
          (known ? " is given twice to " : " is no parameter of ") +
          quoted(function.name.text));
    frame.names[name->text] = value;
  }
  graph.at = span;
  for (const Parameter &parameter : parameters) {
    if (frame.names.contains(parameter.name.text))
      continue;
    if (!parameter.fallback)
      return graph.fail(quoted(function.name.text) + " needs a value for " +
                        quoted(parameter.name.text));
    auto value = evaluate(*parameter.fallback, frame);
    if (failed(value))
      return failure();
    frame.names[parameter.name.text] = std::move(*value);
  }
  for (const Parameter &parameter : parameters)
    if (failed(checkParameter(parameter, frame, span)))
      return failure();
  return success();
}

MaybeValue
Expander::callFunction(const Function &function, const InstancePtr &self,
                       ArrayRef<Value> positional,
                       ArrayRef<std::pair<const Name *, Value>> named,
                       Span span) {
  Place place(graph);
  graph.at = span;
  if (depth >= mostCalls)
    return graph.fail("expected at most 100 calls inside each other; does " +
                      quoted(function.name.text) + " call itself?");
  Frame frame;
  frame.self = self;
  frame.path = self ? self->path : function.name.text;
  ++depth;
  auto values = failed(bind(function, positional, named, frame, span))
                    ? FailureOr<std::vector<Value>>(failure())
                    : run(function, frame);
  --depth;
  if (failed(values)) {
    graph.errors.note(span,
                      "called here, for " + quoted(self && !self->path.empty()
                                                       ? self->path
                                                       : function.name.text));
    return failure();
  }
  if (values->size() == 1)
    return std::move(values->front());
  return Value(std::make_shared<std::vector<Value>>(std::move(*values)));
}

FailureOr<std::vector<Value>> Expander::forward(ArrayRef<Value> inputs,
                                                Frame &frame) {
  const Function &function = *root->module->find("forward");
  frame.self = root;
  if (failed(bind(function, inputs, {}, frame, function.name.span)))
    return failure();
  return run(function, frame);
}

MaybeValue Expander::callLayer(const Instance &layer,
                               ArrayRef<Value> positional, Span span) {
  Place place(graph);
  locate(layer.path, span);
  if (positional.size() != 1)
    return graph.fail("expected one tensor for the layer " +
                      quoted(layer.path) + ", found " +
                      std::to_string(positional.size()) + " values");
  auto x = tensor(positional.front());
  if (failed(x))
    return failure();
  auto part = [&](StringRef name) {
    auto found = layer.members.find(name);
    bool has =
        found != layer.members.end() && found->second.is<const Weight *>();
    return has ? load(**found->second.as<const Weight *>()) : Tensor();
  };
  StringRef kind = layer.layer->name;
  if (kind == "Linear")
    return asValue(graph.linear(*x, part("weight"), part("bias")));
  if (kind == "Embedding")
    return asValue(graph.gather(part("weight"), *x, 0));
  if (kind == "LayerNorm" || kind == "RMSNorm")
    return asValue(
        graph.norm(kind == "RMSNorm" ? nn::NormKind::Rms : nn::NormKind::Layer,
                   *x, layer.eps, part("weight"), part("bias")));
  return asValue(graph.dropout(*x, layer.rate, Graph::dimsOf(*x)));
}

MaybeValue
Expander::callInstance(const InstancePtr &instance, ArrayRef<Value> positional,
                       ArrayRef<std::pair<const Name *, Value>> named,
                       Span span) {
  if (instance->module)
    return callFunction(*instance->module->find("forward"), instance,
                        positional, named, span);
  bool isList = !instance->layer || instance->layer->name == "Sequential";
  if (!isList) {
    graph.at = span;
    if (!named.empty())
      return graph.fail("a layer takes a tensor and no names");
    return callLayer(*instance, positional, span);
  }
  // One after the other; what else is given goes to each of them.
  graph.at = span;
  if (positional.empty())
    return graph.fail("expected a tensor for " + quoted(instance->path));
  SmallVector<Value> values(positional);
  for (auto [i, part] : llvm::enumerate(instance->parts)) {
    Place place(graph);
    locate(instance->path + "." + Twine(i), span);
    MaybeValue result =
        part.is<InstancePtr>()
            ? callInstance(*part.as<InstancePtr>(), values, named, span)
            : call(part, values, span);
    if (failed(result))
      return failure();
    values.front() = std::move(*result);
  }
  return values.front();
}

MaybeValue Expander::call(const Value &callee, ArrayRef<Value> positional,
                          Span span) {
  Place place(graph);
  graph.at = span;
  if (callee.is<InstancePtr>())
    return callInstance(*callee.as<InstancePtr>(), positional, {}, span);
  const Callable *callable = callee.as<Callable>();
  if (callable && callable->function)
    return callFunction(*callable->function, callable->self, positional, {},
                        span);
  if (!callable || !callable->builtin ||
      callable->builtin->kind != Builtin::Kind::Function)
    return graph.fail("expected something to call, found " + callee.describe());
  Call arguments(*this, *callable->builtin, span);
  size_t most = callable->builtin->parameters().size();
  if (positional.size() > most)
    return graph.fail(quoted(callable->builtin->name) + " takes at most " +
                      std::to_string(most) + " values");
  for (auto [i, value] : llvm::enumerate(positional))
    arguments.set(i, value);
  if (failed(arguments.checkRequired()))
    return failure();
  return findFunction(callable->builtin->name)(arguments);
}

MaybeValue Expander::callBuiltin(const Builtin &builtin,
                                 const Expression &expression, Frame &frame) {
  Place place(graph);
  Call arguments(*this, builtin, expression.span);
  graph.at = expression.span;
  if (failed(arguments.bind(expression, frame)))
    return failure();
  locate(frame, builtin.name, expression.span);
  if (failed(arguments.checkRequired()))
    return failure();
  return findFunction(builtin.name)(arguments);
}

LogicalResult Expander::evaluateArguments(
    const Expression &call, Frame &frame, SmallVectorImpl<Value> &positional,
    std::vector<std::pair<const Name *, Value>> &named) {
  for (const Argument &argument : call.arguments) {
    auto value = evaluate(*argument.value, frame);
    if (failed(value))
      return failure();
    if (argument.name)
      named.emplace_back(&*argument.name, std::move(*value));
    else
      positional.push_back(std::move(*value));
  }
  return success();
}

MaybeValue Expander::call(const Expression &expression, Frame &frame) {
  auto callee = evaluate(*expression.operands[0], frame);
  if (failed(callee))
    return failure();
  Place place(graph);
  graph.at = expression.span;
  if (const Callable *callable = callee->as<Callable>()) {
    bool makes =
        callable->module ||
        (callable->builtin && callable->builtin->kind == Builtin::Kind::Layer);
    if (makes)
      return make(*callable, expression, frame);
    if (callable->builtin)
      return callBuiltin(*callable->builtin, expression, frame);
  }
  SmallVector<Value> positional;
  std::vector<std::pair<const Name *, Value>> named;
  if (failed(evaluateArguments(expression, frame, positional, named)))
    return failure();
  graph.at = expression.span;
  if (callee->is<InstancePtr>())
    return callInstance(*callee->as<InstancePtr>(), positional, named,
                        expression.span);
  if (const Callable *callable = callee->as<Callable>())
    return callFunction(*callable->function, callable->self, positional, named,
                        expression.span);
  return graph.fail("expected something to call, found " + callee->describe());
}

} // namespace attune::dsl
