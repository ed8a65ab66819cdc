// Makes the model's layers, and with them its weights. A layer's path is that
// of its module and its own name, as in PyTorch: h.0.attn.qkv.weight.
#include "frontends/dsl/Expander.h"
#include "frontends/dsl/reader/Parser.h"

#include <cmath>

namespace attune::dsl {

using namespace mlir;

static constexpr int64_t mostRepeats = 4096;
static constexpr size_t mostWeights = 65536;

/// Names of functions of the module, which symbols share with weights.
static bool isReserved(StringRef name) {
  return llvm::is_contained({"main", "init", "loss", "eval", "grad", "apply",
                             "step", "count", "infer"},
                            name);
}

// ---- params ----

/// The text of --set is an expression of numbers.
FailureOr<Value> Expander::overridden(const Parameter &parameter,
                                      const std::string &text) {
  Source source("--set " + parameter.name.text, text);
  Errors own(source);
  ExpressionPtr whole = Parser(tokenize(source, own), own).runExpression();
  bool negative = whole && whole->kind == Expression::Kind::Unary &&
                  whole->op == Operator::Negate;
  const Expression *number = negative ? whole->operands[0].get() : whole.get();
  if (own.any())
    number = nullptr;
  using Form = Expression::Kind;
  if (number && number->kind == Form::Integer)
    return Value(graph.dim(negative ? -number->integer : number->integer));
  if (number && number->kind == Form::Real)
    return Value(negative ? -number->real : number->real);
  if (number && number->kind == Form::Text && !negative)
    return Value(number->text);
  if (number && number->kind == Form::Name && !negative &&
      (number->text == "true" || number->text == "false"))
    return Value(number->text == "true");
  return graph.fail("expected a number, true, false or a text in quotes for " +
                    quoted(parameter.name.text) + ", found " + quoted(text) +
                    "; correct --set");
}

LogicalResult Expander::parameters() {
  std::vector<std::string_view> names;
  for (const Parameter &parameter : model.file.parameters) {
    names.emplace_back(parameter.name.text);
    graph.at = parameter.name.span;
    const std::string *given = nullptr;
    for (const auto &[name, text] : options.parameters)
      if (name == parameter.name.text)
        given = &text;
    Frame frame;
    auto value = given ? overridden(parameter, *given)
                       : evaluate(*parameter.fallback, frame);
    if (failed(value))
      return failure();
    bool plain = value->isNumber() || value->is<bool>() ||
                 value->is<std::string>() || value->is<List>();
    if (!plain)
      return graph.fail(
          "expected a number, a flag or a text as a param, found " +
          value->describe());
    globals[parameter.name.text] = std::move(*value);
  }
  for (const auto &[name, text] : options.parameters)
    if (!globals.contains(name)) {
      graph.at = {0, 0};
      return graph.fail("--set " + name + ": the model has no param " +
                        quoted(name) + suggestion(name, names));
    }
  return success();
}

LogicalResult Expander::prepare() {
  if (failed(parameters()))
    return failure();
  const Module *module = model.file.model();
  making = "";
  Frame frame;
  graph.at = module->name.span;
  auto made = makeModule(*module, nullptr, frame);
  making.reset();
  if (failed(made))
    return failure();
  root = *made->as<InstancePtr>();
  return success();
}

// ---- weights ----

FailureOr<const Weight *> Expander::addWeight(StringRef member,
                                              ArrayRef<int64_t> shape,
                                              const Value *init, Init fallback,
                                              Span span) {
  auto weight = std::make_unique<Weight>();
  weight->name =
      *making + (member.empty() || making->empty() ? "" : ".") + member.str();
  weight->shape.assign(shape.begin(), shape.end());
  weight->span = span;
  weight->init = fallback;
  if (allWeights.size() >= mostWeights)
    return graph.fail("expected at most 65536 weights");
  if (isReserved(weight->name))
    return graph.fail("expected another name for a weight than " +
                      quoted(weight->name) +
                      ", which is a function of the compiled model");
  if (init) {
    if (!init->is<Init>())
      return graph.fail("expected an init such as normal(0.02), found " +
                        init->describe());
    weight->init = *init->as<Init>();
  }
  Dims dims;
  for (int64_t extent : shape)
    dims.push_back(graph.dim(extent));
  if (failed(graph.checkDims(dims)))
    return failure();
  for (int64_t extent : shape)
    if (extent == 0)
      return graph.fail("expected a weight with elements, found " +
                        describeDims(dims) + " for " + quoted(weight->name));
  if (shape.size() < 2 && weight->init.kind >= Init::Kind::XavierUniform &&
      init)
    return graph.fail("expected a weight of two dims or more for an init that "
                      "looks at its inputs and outputs, found " +
                      describeDims(dims) + " for " + quoted(weight->name));
  allWeights.push_back(std::move(weight));
  return allWeights.back().get();
}

const Default *Expander::defaultOf(StringRef layer) const {
  for (const Default &entry : model.file.defaults)
    if (entry.layer.text == std::string_view(layer))
      return &entry;
  return nullptr;
}

// ---- layers ----

MaybeValue Expander::make(const Callable &callee, const Expression &call,
                          Frame &frame) {
  if (!making)
    return graph.fail("expected layers to be made as members of a module, name "
                      "= Linear(...), and called in its defs");
  if (callee.module) {
    if (callee.module->isModel)
      return graph.fail("expected a module, found the model " +
                        quoted(callee.module->name.text));
    return makeModule(*callee.module, &call, frame);
  }
  if (callee.builtin->name == "Sequential")
    return makeSequential(call, frame);
  return makeLayer(*callee.builtin, call, frame);
}

MaybeValue Expander::makeSequential(const Expression &call, Frame &frame) {
  auto instance = std::make_shared<Instance>();
  instance->path = *making;
  instance->layer = findBuiltin("Sequential");
  std::string outer = *making;
  for (auto [i, argument] : llvm::enumerate(call.arguments)) {
    making = outer + "." + std::to_string(i);
    auto part = evaluate(*argument.value, frame);
    making = outer;
    if (failed(part))
      return failure();
    if (!part->is<InstancePtr>() && !part->is<Callable>()) {
      graph.at = argument.value->span;
      return graph.fail("expected a layer or a function, found " +
                        part->describe());
    }
    instance->parts.push_back(*part);
    instance->members[std::to_string(i)] = std::move(*part);
  }
  if (instance->parts.empty())
    return graph.fail("expected a layer in Sequential");
  return Value(std::move(instance));
}

MaybeValue Expander::makeRepeat(const Expression &repeat, Frame &frame) {
  if (!making)
    return graph.fail("expected repeat as a member of a module");
  auto value = evaluate(*repeat.operands[0], frame);
  auto count = failed(value) ? FailureOr<int64_t>(failure())
                             : constant(*value, "the number of repetitions");
  if (failed(count))
    return failure();
  if (*count < 1 || *count > mostRepeats)
    return graph.fail("expected 1 to 4096 repetitions, found " + Twine(*count));
  auto instance = std::make_shared<Instance>();
  instance->path = *making;
  std::string outer = *making;
  for (int64_t i = 0; i < *count; ++i) {
    making = outer + "." + std::to_string(i);
    Frame inner = frame;
    if (!repeat.text.empty())
      inner.names[repeat.text] = Value(graph.dim(i));
    auto part = evaluate(*repeat.operands[1], inner);
    making = outer;
    if (failed(part))
      return failure();
    if (!part->is<InstancePtr>()) {
      graph.at = repeat.operands[1]->span;
      return graph.fail("expected a layer or module to repeat, found " +
                        part->describe());
    }
    instance->parts.push_back(*part);
    instance->members[std::to_string(i)] = std::move(*part);
  }
  return Value(std::move(instance));
}

MaybeValue Expander::makeModule(const Module &module, const Expression *call,
                                Frame &frame) {
  if (depth >= 64)
    return graph.fail("expected at most 64 modules inside each other; does " +
                      quoted(module.name.text) + " contain itself?");
  Place place(graph);
  auto instance = std::make_shared<Instance>();
  instance->path = *making;
  instance->module = &module;
  std::string outer = *making;
  auto under = [&](StringRef name) {
    making = outer + (outer.empty() ? "" : ".") + name.str();
  };
  // Parameters: what the call gives, then defaults, then the module's own.
  size_t position = 0;
  auto give = [&](const Argument &argument, Frame &from) -> LogicalResult {
    std::string name;
    if (argument.name)
      name = argument.name->text;
    else if (position < module.parameters.size())
      name = module.parameters[position++].name.text;
    bool known = llvm::any_of(module.parameters, [&](const Parameter &p) {
      return p.name.text == name;
    });
    if (!known)
      return graph.fail(quoted(module.name.text) + " has no such parameter");
    under(name);
    auto value = evaluate(*argument.value, from);
    making = outer;
    if (failed(value))
      return failure();
    instance->members[name] = std::move(*value);
    return success();
  };
  if (call)
    for (const Argument &argument : call->arguments)
      if (failed(give(argument, frame)))
        return failure();
  Frame own;
  if (const Default *defaults = defaultOf(module.name.text))
    for (const Argument &argument : defaults->arguments)
      if (argument.name && !instance->members.contains(argument.name->text) &&
          failed(give(argument, own)))
        return failure();
  own.self = instance;
  own.path = outer;
  for (const Parameter &parameter : module.parameters) {
    if (instance->members.contains(parameter.name.text))
      continue;
    if (!parameter.fallback)
      return graph.fail(quoted(module.name.text) + " needs a value for " +
                        quoted(parameter.name.text));
    auto value = evaluate(*parameter.fallback, own);
    if (failed(value))
      return failure();
    instance->members[parameter.name.text] = std::move(*value);
  }
  ++depth;
  for (const Member &member : module.members) {
    under(member.name.text);
    auto value = evaluate(*member.value, own);
    making = outer;
    if (failed(value)) {
      --depth;
      if (call)
        graph.errors.note(call->span, "made here, as " + quoted(outer));
      return failure();
    }
    instance->members[member.name.text] = std::move(*value);
  }
  --depth;
  return Value(std::move(instance));
}

MaybeValue Expander::makeLinear(Call &call) {
  auto inputs = call.constant("inputs"),
       outputs = failed(inputs) ? inputs : call.constant("outputs");
  auto bias = call.flag("bias", true);
  if (failed(outputs) || failed(bias))
    return failure();
  auto instance = std::make_shared<Instance>();
  auto weight = addWeight("weight", {*outputs, *inputs}, call.get("init"),
                          {Init::Kind::KaimingUniform, 0}, call.span);
  if (failed(weight))
    return failure();
  instance->members["weight"] = Value(*weight);
  instance->members["bias"] = Value(None());
  if (*bias) {
    Init fallback{Init::Kind::Uniform, 1 / std::sqrt(double(*inputs))};
    auto added = addWeight("bias", {*outputs}, call.get("bias_init"), fallback,
                           call.span);
    if (failed(added))
      return failure();
    instance->members["bias"] = Value(*added);
  }
  return Value(std::move(instance));
}

MaybeValue Expander::makeLayer(const Builtin &layer, const Expression &node,
                               Frame &frame) {
  Call call(*this, layer, node.span);
  if (failed(call.bind(node, frame)))
    return failure();
  graph.at = node.span;
  if (const Default *defaults = defaultOf(layer.name)) {
    Frame global;
    if (failed(call.fill(*defaults, global)))
      return failure();
  }
  if (failed(call.checkRequired()))
    return failure();
  StringRef name = layer.name;
  auto instance = std::make_shared<Instance>();
  if (name == "Parameter") {
    auto shape = call.shape("shape");
    if (failed(shape))
      return failure();
    SmallVector<int64_t> extents;
    for (DimAttr dim : *shape) {
      auto extent = constant(Value(dim), "the shape of a weight");
      if (failed(extent))
        return failure();
      extents.push_back(*extent);
    }
    auto weight = addWeight("", extents, call.get("init"), Init(), node.span);
    return failed(weight) ? MaybeValue(failure()) : MaybeValue(Value(*weight));
  }
  if (name == "Linear") {
    auto made = makeLinear(call);
    if (failed(made))
      return failure();
    instance = *made->as<InstancePtr>();
  } else if (name == "Dropout") {
    auto rate = call.real("rate", 0);
    if (failed(rate))
      return failure();
    if (!(*rate >= 0 && *rate < 1))
      return call.wrong("rate", "a rate from 0 to below 1");
    instance->rate = *rate;
  } else {
    bool table = name == "Embedding";
    auto width = call.constant("width");
    auto count = table ? call.constant("count") : FailureOr<int64_t>(0);
    auto eps = table ? FailureOr<double>(0.0) : call.real("eps", 1e-5);
    auto bias =
        name == "LayerNorm" ? call.flag("bias", true) : FailureOr<bool>(false);
    if (failed(width) || failed(count) || failed(eps) || failed(bias))
      return failure();
    instance->eps = *eps;
    SmallVector<int64_t> shape = {*width};
    if (table)
      shape.insert(shape.begin(), *count);
    auto weight = addWeight("weight", shape, table ? call.get("init") : nullptr,
                            table ? Init{Init::Kind::Normal, 1}
                                  : Init{Init::Kind::Constant, 1},
                            node.span);
    if (failed(weight))
      return failure();
    instance->members["weight"] = Value(*weight);
    if (*bias) {
      auto added = addWeight("bias", {*width}, nullptr, Init(), node.span);
      if (failed(added))
        return failure();
      instance->members["bias"] = Value(*added);
    }
  }
  instance->path = *making;
  instance->layer = &layer;
  return Value(std::move(instance));
}

} // namespace attune::dsl
