// Operators on numbers and tensors.
#include "frontends/dsl/Expander.h"

#include <cmath>

namespace attune::dsl {

using namespace mlir;
using Kind = nn::ElementwiseKind;

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

/// Whether `lhs op rhs`, if that is the same wherever in `difference` the
/// difference of both lies.
static std::optional<bool> decide(Operator op, Interval difference) {
  auto [min, max] = difference;
  auto known = [](bool isTrue, bool isFalse) {
    return isTrue || isFalse ? std::optional(isTrue) : std::nullopt;
  };
  auto isBelow = [&](int64_t n) { return known(max < n, min >= n); };
  auto isNotBelow = [&](int64_t n) { return known(min >= n, max < n); };
  bool isZero = min == 0 && max == 0, isNotZero = min > 0 || max < 0;
  switch (op) {
  case Operator::Equal:
    return known(isZero, isNotZero);
  case Operator::NotEqual:
    return known(isNotZero, isZero);
  case Operator::Less:
    return isBelow(0);
  case Operator::LessEqual:
    return isBelow(1);
  case Operator::Greater:
    return isNotBelow(1);
  default:
    return isNotBelow(0);
  }
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
    std::optional<bool> holds = decide(op, graph.bounds.of(difference));
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
    return value.isTensor() || value.is<std::shared_ptr<Loss>>();
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

} // namespace attune::dsl
