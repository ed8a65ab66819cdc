// Names, operators and members.
#include "frontends/dsl/Expander.h"

namespace attune::dsl {

using namespace mlir;
using Kind = nn::ElementwiseKind;

/// Expressions inside each other over all calls: bounds the stack.
static constexpr unsigned mostNesting = 400;
/// Expressions that are evaluated: bounds the time that a short text can take.
/// A model of a hundred layers takes a tenth.
static constexpr uint64_t mostSteps = 500'000;

MaybeValue Expander::evaluate(const Expression &expression, Frame &frame) {
  Span outer = graph.at;
  graph.at = expression.span;
  if (nesting >= mostNesting)
    return graph.fail("expected at most 400 expressions inside each other over "
                      "all calls; does a def call itself?");
  if (++steps > mostSteps)
    return graph.fail("expected at most 500000 steps to expand a model; make "
                      "fewer or larger layers");
  ++nesting;
  MaybeValue value = dispatch(expression, frame);
  --nesting;
  graph.at = outer;
  return value;
}

MaybeValue Expander::dispatch(const Expression &expression, Frame &frame) {
  switch (expression.kind) {
  case Expression::Kind::Integer:
    return Value(graph.dim(expression.integer));
  case Expression::Kind::Real:
    return Value(expression.real);
  case Expression::Kind::Text:
    return Value(expression.text);
  case Expression::Kind::Name:
    return name(expression, frame);
  case Expression::Kind::List: {
    auto list = std::make_shared<std::vector<Value>>();
    for (const ExpressionPtr &operand : expression.operands) {
      auto value = evaluate(*operand, frame);
      if (failed(value))
        return failure();
      list->push_back(std::move(*value));
    }
    return Value(std::move(list));
  }
  case Expression::Kind::Unary:
    return unary(expression, frame);
  case Expression::Kind::Binary:
    return binary(expression, frame);
  case Expression::Kind::Conditional:
    return conditional(expression, frame);
  case Expression::Kind::Member:
    return member(expression, frame);
  case Expression::Kind::Index:
    return index(expression, frame);
  case Expression::Kind::Call:
    return call(expression, frame);
  case Expression::Kind::Repeat:
    return makeRepeat(expression, frame);
  }
  llvm_unreachable("every kind of expression is expanded");
}

MaybeValue Expander::name(const Expression &expression, Frame &frame) {
  const std::string &name = expression.text;
  if (auto found = frame.names.find(name); found != frame.names.end())
    return found->second;
  if (frame.self) {
    auto found = frame.self->members.find(name);
    if (found != frame.self->members.end())
      return found->second;
    if (frame.self->module)
      if (const Function *function = frame.self->module->find(name))
        return Value(Callable{nullptr, function, nullptr, frame.self});
  }
  if (auto found = globals.find(name); found != globals.end())
    return found->second;
  for (const Function &function : model.file.functions)
    if (function.name.text == name)
      return Value(Callable{nullptr, &function, nullptr, nullptr});
  for (const Module &module : model.file.modules)
    if (module.name.text == name)
      return Value(Callable{nullptr, nullptr, &module, nullptr});
  const Builtin *builtin = findBuiltin(name);
  if (!builtin)
    return graph.fail(quoted(name) + " has no value here");
  if (builtin->kind == Builtin::Kind::Constant)
    return name == "none" ? Value(None()) : Value(name == "true");
  // An init without values is one already.
  if (name == "zeros" || name == "ones")
    return Value(Init{Init::Kind::Constant, name == "ones" ? 1.0 : 0.0});
  return Value(Callable{builtin, nullptr, nullptr, nullptr});
}

// ---- operators ----

MaybeValue Expander::unary(const Expression &expression, Frame &frame) {
  auto value = evaluate(*expression.operands[0], frame);
  if (failed(value))
    return failure();
  bool negates = expression.op == Operator::Negate;
  if (negates && value->is<DimAttr>()) {
    DimAttr result = *value->as<DimAttr>() * -1;
    if (!result)
      return graph.fail("a number leaves 64 bits");
    return Value(result);
  }
  if (negates && value->is<double>())
    return Value(-*value->as<double>());
  if (!negates && value->is<bool>())
    return Value(!*value->as<bool>());
  auto x = tensor(*value);
  if (failed(x))
    return failure();
  if (Graph::elementOf(*x).isInteger(1) == negates)
    return graph.fail("expected " +
                      Twine(negates ? "numbers" : "a bool tensor") +
                      " behind '" + std::string(spelling(expression.op)) +
                      "', found " + describeType(x->getType()));
  Place place(graph);
  return asValue(graph.elementwise(negates ? Kind::Neg : Kind::Not, {*x}));
}

MaybeValue Expander::logic(const Expression &expression, Frame &frame) {
  auto lhs = evaluate(*expression.operands[0], frame);
  if (failed(lhs))
    return failure();
  bool isOr = expression.op == Operator::Or;
  if (lhs->is<bool>() && *lhs->as<bool>() == isOr)
    return *lhs; // The other side is not looked at.
  auto rhs = evaluate(*expression.operands[1], frame);
  if (failed(rhs))
    return failure();
  if (lhs->is<bool>() && rhs->is<bool>())
    return *rhs;
  return tensors(expression.op, *lhs, *rhs);
}

static StringRef nameOf(Operator op) {
  switch (op) {
  case Operator::Add:
    return "add";
  case Operator::Subtract:
    return "sub";
  case Operator::Multiply:
    return "mul";
  case Operator::Divide:
  case Operator::FloorDivide:
    return "div";
  case Operator::MatrixMultiply:
    return "matmul";
  case Operator::Power:
    return "pow";
  case Operator::Remainder:
    return "mod";
  case Operator::And:
  case Operator::Or:
    return "logic";
  default:
    return "compare";
  }
}

MaybeValue Expander::binary(const Expression &expression, Frame &frame) {
  Place place(graph);
  auto at = [&] { locate(frame, nameOf(expression.op), expression.span); };
  if (expression.op == Operator::And || expression.op == Operator::Or) {
    at();
    return logic(expression, frame);
  }
  auto lhs = evaluate(*expression.operands[0], frame);
  if (failed(lhs))
    return failure();
  auto rhs = evaluate(*expression.operands[1], frame);
  if (failed(rhs))
    return failure();
  at();
  return arithmetic(expression.op, *lhs, *rhs);
}

FailureOr<bool> Expander::condition(const Expression &expression,
                                    Frame &frame) {
  auto value = evaluate(expression, frame);
  if (failed(value))
    return failure();
  graph.at = expression.span;
  if (!value->is<bool>())
    return graph.fail("expected true or false, known when the model is "
                      "compiled, found " +
                      value->describe() +
                      "; where(condition, a, b) chooses by element");
  return *value->as<bool>();
}

MaybeValue Expander::conditional(const Expression &expression, Frame &frame) {
  auto holds = condition(*expression.operands[1], frame);
  if (failed(holds))
    return failure();
  return evaluate(*expression.operands[*holds ? 0 : 2], frame);
}

// ---- members ----

MaybeValue Expander::member(const Expression &expression, Frame &frame) {
  auto value = evaluate(*expression.operands[0], frame);
  if (failed(value))
    return failure();
  const std::string &name = expression.text;
  graph.at = expression.inner;
  if (value->is<InstancePtr>()) {
    const InstancePtr &instance = *value->as<InstancePtr>();
    auto found = instance->members.find(name);
    if (found != instance->members.end())
      return found->second;
    if (instance->module)
      if (const Function *function = instance->module->find(name))
        return Value(Callable{nullptr, function, nullptr, instance});
    std::vector<std::string_view> names;
    for (const auto &[known, unused] : instance->members)
      names.emplace_back(known);
    return graph.fail(value->describe() + " has no member " + quoted(name) +
                      suggestion(name, names));
  }
  bool isTensor = value->isTensor();
  if (isTensor && name == "shape") {
    auto x = tensor(*value);
    if (failed(x))
      return failure();
    auto list = std::make_shared<std::vector<Value>>();
    for (DimAttr dim : Graph::dimsOf(*x))
      list->push_back(Value(dim));
    return Value(std::move(list));
  }
  const Builtin *builtin = findBuiltin(name);
  bool isFunction =
      isTensor && builtin && builtin->kind == Builtin::Kind::Function;
  return graph.fail("expected a layer before '." + name + "', found " +
                    value->describe() +
                    (isFunction ? "; write " + name + "(x, ...)"
                     : isTensor ? std::string("; a tensor has .shape")
                                : std::string()));
}

} // namespace attune::dsl
