// Names, operators, members and indices.
#include "frontends/dsl/Expander.h"

#include <cmath>

namespace attune::dsl {

using namespace mlir;
using Kind = nn::ElementwiseKind;

/// Expressions inside each other over all calls: bounds the stack.
static constexpr unsigned mostNesting = 400;

MaybeValue Expander::evaluate(const Expression &expression, Frame &frame) {
  Span outer = graph.at;
  graph.at = expression.span;
  if (nesting >= mostNesting || ++steps > 2'000'000)
    return graph.fail("expected a model that is less deep or smaller; does a "
                      "def call itself?");
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

// ---- numbers ----

static std::optional<int64_t> integerPower(int64_t base, int64_t exponent) {
  int64_t result = 1;
  for (; exponent > 0; --exponent) {
    if (__builtin_mul_overflow(result, base, &result))
      return std::nullopt;
    if (result == 0 || (result == 1 && base == 1))
      return result;
  }
  return result;
}

MaybeValue Expander::integers(Operator op, DimAttr lhs, DimAttr rhs) {
  auto a = lhs.getConstant(), b = rhs.getConstant();
  DimAttr result;
  switch (op) {
  case Operator::Add:
    result = lhs + rhs;
    break;
  case Operator::Subtract:
    result = lhs - rhs;
    break;
  case Operator::Multiply:
    result = lhs * rhs;
    break;
  case Operator::FloorDivide:
  case Operator::Remainder:
    if (b == 0)
      return graph.fail("expected a divisor that is not 0");
    result = op == Operator::Remainder ? lhs.mod(rhs) : lhs.floorDiv(rhs);
    break;
  case Operator::Divide:
    if (!a || !b)
      return graph.fail("expected numbers that are known when the model is "
                        "compiled for '/', found " +
                        lhs.str() + " and " + rhs.str() +
                        "; // gives an integer");
    if (b == 0)
      return graph.fail("expected a divisor that is not 0");
    return Value(double(*a) / double(*b));
  case Operator::Power: {
    if (!a || !b)
      return graph.fail("expected numbers that are known when the model is "
                        "compiled for '**'");
    // A base of -1, 0 or 1 never overflows: bound the loop instead.
    bool small = *a >= -1 && *a <= 1;
    if (*b >= 0)
      if (auto power =
              integerPower(*a, small ? (*b > 2 ? 2 + *b % 2 : *b) : *b))
        return Value(graph.dim(*power));
    return Value(std::pow(double(*a), double(*b)));
  }
  default: {
    // What is known of symbols decides a comparison, or nothing does.
    DimAttr difference = lhs - rhs;
    if (!difference)
      return graph.fail("a number leaves 64 bits");
    Interval range = graph.bounds.of(difference);
    std::optional<bool> holds;
    switch (op) {
    case Operator::Equal:
    case Operator::NotEqual:
      if (range.min == 0 && range.max == 0)
        holds = true;
      else if (range.min > 0 || range.max < 0)
        holds = false;
      if (holds && op == Operator::NotEqual)
        holds = !*holds;
      break;
    case Operator::Less:
      if (range.max < 0 || range.min >= 0)
        holds = range.max < 0;
      break;
    case Operator::LessEqual:
      if (range.max <= 0 || range.min > 0)
        holds = range.max <= 0;
      break;
    case Operator::Greater:
      if (range.min > 0 || range.max <= 0)
        holds = range.min > 0;
      break;
    default:
      if (range.min >= 0 || range.max < 0)
        holds = range.min >= 0;
      break;
    }
    if (!holds)
      return graph.fail("expected a comparison that is decided when the model "
                        "is compiled, found " +
                        lhs.str() + " " + std::string(spelling(op)) + " " +
                        rhs.str());
    return Value(*holds);
  }
  }
  if (!result)
    return graph.fail("a number leaves 64 bits");
  return Value(result);
}

static Value realOf(Operator op, double a, double b) {
  switch (op) {
  case Operator::Add:
    return a + b;
  case Operator::Subtract:
    return a - b;
  case Operator::Multiply:
    return a * b;
  case Operator::Divide:
    return a / b;
  case Operator::FloorDivide:
    return std::floor(a / b);
  case Operator::Remainder:
    return a - b * std::floor(a / b);
  case Operator::Power:
    return std::pow(a, b);
  case Operator::Equal:
    return a == b;
  case Operator::NotEqual:
    return a != b;
  case Operator::Less:
    return a < b;
  case Operator::LessEqual:
    return a <= b;
  case Operator::Greater:
    return a > b;
  default:
    return a >= b;
  }
}

MaybeValue Expander::numbers(Operator op, const Value &lhs, const Value &rhs) {
  if (lhs.is<DimAttr>() && rhs.is<DimAttr>())
    return integers(op, *lhs.as<DimAttr>(), *rhs.as<DimAttr>());
  std::string what = "'" + std::string(spelling(op)) + "'";
  auto a = real(lhs, what);
  auto b = failed(a) ? a : real(rhs, what);
  if (failed(b))
    return failure();
  bool divides = op == Operator::Divide || op == Operator::FloorDivide ||
                 op == Operator::Remainder;
  if (divides && *b == 0)
    return graph.fail("expected a divisor that is not 0");
  Value result = realOf(op, *a, *b);
  if (result.is<double>() && !std::isfinite(*result.as<double>()))
    return graph.fail("expected a number, found the " + what + " of " +
                      lhs.describe() + " and " + rhs.describe() +
                      ", which has none");
  return result;
}

// ---- tensors ----

static std::optional<Kind> kindOf(Operator op) {
  switch (op) {
  case Operator::Add:
    return Kind::Add;
  case Operator::Subtract:
    return Kind::Sub;
  case Operator::Multiply:
    return Kind::Mul;
  case Operator::Divide:
    return Kind::Div;
  case Operator::Remainder:
    return Kind::Mod;
  case Operator::Power:
    return Kind::Pow;
  case Operator::Equal:
    return Kind::Equal;
  case Operator::Less:
    return Kind::Less;
  case Operator::LessEqual:
    return Kind::LessEqual;
  case Operator::Greater:
    return Kind::Greater;
  case Operator::GreaterEqual:
    return Kind::GreaterEqual;
  case Operator::And:
    return Kind::And;
  case Operator::Or:
    return Kind::Or;
  default:
    return std::nullopt;
  }
}

MaybeValue Expander::tensors(Operator op, const Value &lhs, const Value &rhs) {
  auto isTensor = [](const Value &value) {
    return value.is<mlir::Value>() || value.is<const Weight *>();
  };
  if ((!isTensor(lhs) && !lhs.isNumber()) ||
      (!isTensor(rhs) && !rhs.isNumber()))
    return graph.fail("expected numbers or tensors beside '" +
                      std::string(spelling(op)) + "', found " + lhs.describe() +
                      " and " + rhs.describe());
  MaybeTensor known = tensor(isTensor(lhs) ? lhs : rhs);
  if (failed(known))
    return failure();
  Type element = Graph::elementOf(*known);
  MaybeTensor a = tensor(lhs, element), b = failure();
  if (succeeded(a))
    b = tensor(rhs, element);
  if (failed(a) || failed(b))
    return failure();
  if (op == Operator::MatrixMultiply)
    return asValue(graph.matmul(*a, *b));
  bool isLogic = op == Operator::And || op == Operator::Or;
  bool compares = op == Operator::Equal || op == Operator::NotEqual;
  if (isLogic != element.isInteger(1) && !compares)
    return graph.fail(
        "expected " + Twine(isLogic ? "bool tensors" : "numbers") +
        " beside '" + std::string(spelling(op)) + "', found " +
        describeType(a->getType()) + " and " + describeType(b->getType()) +
        (isLogic ? "" : "; convert them by float(x) or int(x)"));
  if (op == Operator::NotEqual)
    return asValue(
        graph.apply(Kind::Not, {graph.elementwise(Kind::Equal, {*a, *b})}));
  if (op == Operator::FloorDivide) {
    if (isa<FloatType>(element))
      return asValue(
          graph.apply(Kind::Floor, {graph.elementwise(Kind::Div, {*a, *b})}));
    // Integers divide towards 0; without the remainder nothing is rounded.
    MaybeTensor rest = graph.elementwise(Kind::Mod, {*a, *b});
    return asValue(graph.apply(
        Kind::Div, {graph.apply(Kind::Sub, {*a, rest}), MaybeTensor(*b)}));
  }
  if (op == Operator::Divide && !isa<FloatType>(element))
    return graph.fail("expected f32 tensors beside '/', found " +
                      describeType(a->getType()) + " and " +
                      describeType(b->getType()) +
                      "; write // or convert them by float(x)");
  return asValue(graph.elementwise(*kindOf(op), {*a, *b}));
}

MaybeValue Expander::arithmetic(Operator op, const Value &lhs,
                                const Value &rhs) {
  if (lhs.isNumber() && rhs.isNumber() && op != Operator::MatrixMultiply)
    return numbers(op, lhs, rhs);
  bool compares = op == Operator::Equal || op == Operator::NotEqual;
  // Texts, flags and none are equal or not.
  auto isPlain = [](const Value &value) {
    return value.is<std::string>() || value.is<bool>() || value.is<None>() ||
           value.isNumber();
  };
  if (compares && (lhs.is<None>() || rhs.is<None>()))
    return Value((lhs.is<None>() && rhs.is<None>()) == (op == Operator::Equal));
  if (compares && isPlain(lhs) && isPlain(rhs)) {
    bool same = false;
    if (lhs.is<std::string>() && rhs.is<std::string>())
      same = *lhs.as<std::string>() == *rhs.as<std::string>();
    else if (lhs.is<bool>() && rhs.is<bool>())
      same = *lhs.as<bool>() == *rhs.as<bool>();
    return Value(same == (op == Operator::Equal));
  }
  return tensors(op, lhs, rhs);
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
  auto at = [&] {
    locate(frame.path + (frame.path.empty() ? "" : ".") + nameOf(expression.op),
           expression.span);
  };
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

// ---- members and indices ----

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
  bool isTensor = value->is<mlir::Value>() || value->is<const Weight *>();
  if (isTensor && name == "shape") {
    auto x = tensor(*value);
    if (failed(x))
      return failure();
    auto list = std::make_shared<std::vector<Value>>();
    for (DimAttr dim : Graph::dimsOf(*x))
      list->push_back(Value(dim));
    return Value(std::move(list));
  }
  return graph.fail("expected a layer before '." + name + "', found " +
                    value->describe() +
                    (isTensor ? "; a tensor has .shape" : ""));
}

MaybeValue Expander::indexList(const std::vector<Value> &list,
                               const Expression &expression, Frame &frame) {
  const Subscript &entry = expression.subscripts.front();
  graph.at = expression.inner;
  if (expression.subscripts.size() != 1 || entry.kind != Subscript::Kind::Index)
    return graph.fail("expected one index of a list");
  auto value = evaluate(*entry.first, frame);
  auto at = failed(value) ? FailureOr<int64_t>(failure())
                          : constant(*value, "the index of a list");
  if (failed(at))
    return failure();
  auto size = int64_t(list.size());
  if (*at < -size || *at >= size)
    return graph.fail("expected an index of a list of " + Twine(size) +
                      ", found " + Twine(*at));
  return list[size_t(*at < 0 ? *at + size : *at)];
}

MaybeTensor Expander::indexAxis(Tensor x, int64_t axis, const Subscript &entry,
                                Frame &frame) {
  DimAttr extent = nn::getDim(x, axis);
  // A number below 0 counts from the end.
  auto position = [&](const ExpressionPtr &expression,
                      DimAttr fallback) -> FailureOr<DimAttr> {
    if (!expression)
      return fallback;
    auto value = evaluate(*expression, frame);
    if (failed(value))
      return failure();
    graph.at = expression->span;
    if (!value->is<DimAttr>())
      return graph.fail("expected an integer, found " + value->describe());
    DimAttr number = *value->as<DimAttr>();
    if (number.getConstant().value_or(0) < 0)
      number = number + extent;
    return number;
  };
  if (entry.kind == Subscript::Kind::Index) {
    auto at = position(entry.first, {});
    if (failed(at))
      return failure();
    graph.at = entry.span;
    return graph.window(x, axis, *at, graph.dim(1));
  }
  int64_t step = 1;
  if (entry.step) {
    auto value = evaluate(*entry.step, frame);
    auto number = failed(value) ? FailureOr<int64_t>(failure())
                                : constant(*value, "a step");
    if (failed(number))
      return failure();
    step = *number;
    graph.at = entry.step->span;
    if (step < 1 || step > (int64_t{1} << 32))
      return graph.fail("expected a step of 1 or more, found " + Twine(step));
  }
  auto first = position(entry.first, graph.dim(0));
  auto last = failed(first) ? first : position(entry.last, extent);
  if (failed(last))
    return failure();
  graph.at = entry.span;
  DimAttr length = *first && *last ? *last - *first : DimAttr();
  if (!length || graph.bounds.of(length).max < 0)
    return graph.fail("expected a last position behind the first one, found " +
                      (*first ? first->str() : "?") + " to " +
                      (*last ? last->str() : "?"));
  return graph.window(x, axis, *first, length.ceilDiv(graph.dim(step)), step);
}

MaybeTensor Expander::indexTensor(Tensor x, const Expression &expression,
                                  Frame &frame) {
  const auto &entries = expression.subscripts;
  int64_t rank = Graph::rankOf(x);
  size_t given = size_t(llvm::count_if(entries, [](const Subscript &entry) {
    return entry.kind != Subscript::Kind::Ellipsis;
  }));
  graph.at = expression.inner;
  if (int64_t(given) > rank || entries.size() > given + 1)
    return graph.fail("expected at most " + Twine(rank) +
                      " indices and one '...' for " +
                      describeType(x.getType()));
  int64_t axis = 0;
  SmallVector<int64_t> dropped;
  for (const Subscript &entry : entries) {
    if (entry.kind == Subscript::Kind::Ellipsis) {
      axis += rank - int64_t(given);
      continue;
    }
    auto part = indexAxis(x, axis, entry, frame);
    if (failed(part))
      return failure();
    x = *part;
    if (entry.kind == Subscript::Kind::Index)
      dropped.push_back(axis);
    ++axis;
  }
  if (dropped.empty())
    return x;
  Dims dims;
  for (auto [i, dim] : llvm::enumerate(Graph::dimsOf(x)))
    if (!llvm::is_contained(dropped, int64_t(i)))
      dims.push_back(dim);
  return graph.reshape(x, dims);
}

MaybeValue Expander::index(const Expression &expression, Frame &frame) {
  auto value = evaluate(*expression.operands[0], frame);
  if (failed(value))
    return failure();
  if (value->is<List>())
    return indexList(**value->as<List>(), expression, frame);
  if (value->is<InstancePtr>() && !(*value->as<InstancePtr>())->parts.empty())
    return indexList((*value->as<InstancePtr>())->parts, expression, frame);
  Place place(graph);
  locate(frame.path + (frame.path.empty() ? "" : ".") + "index",
         expression.span);
  auto x = tensor(*value);
  if (failed(x))
    return failure();
  // A tensor as the one index picks entries of the first axis.
  const Subscript &entry = expression.subscripts.front();
  if (expression.subscripts.size() == 1 &&
      entry.kind == Subscript::Kind::Index && Graph::rankOf(*x) > 0) {
    auto at = evaluate(*entry.first, frame);
    if (failed(at))
      return failure();
    if (at->is<mlir::Value>())
      return asValue(graph.gather(*x, *at->as<mlir::Value>(), 0));
  }
  return asValue(indexTensor(*x, expression, frame));
}

} // namespace attune::dsl
