// Elementwise operators: arithmetic, comparisons, logic, activations, casts.
#include "frontends/onnx/Binder.h"

#include <cmath>
#include <limits>

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;

template <Kind kind>
static LogicalResult importUnary(Binder &node) {
  return node.set(0, node.ops.elementwise(kind, {node.in(0)}));
}

template <Kind kind>
static LogicalResult importBinary(Binder &node) {
  return node.set(0, node.ops.elementwise(kind, {node.in(0), node.in(1)}));
}

/// Max, Min, Sum, Mean of any number of operands.
template <Kind kind>
static LogicalResult importVariadic(Binder &node) {
  Result all = node.in(0);
  for (size_t i = 1; i < node.count() && succeeded(all); ++i)
    all = node.ops.elementwise(kind, {*all, node.in(i)});
  return node.set(0, all);
}

static LogicalResult importMean(Binder &node) {
  if (failed(importVariadic<Kind::Add>(node)))
    return failure();
  const Imported sum = *node.results()[0];
  return node.set(
      0, node.ops.elementwise(
             Kind::Div,
             {sum, node.ops.scalar(sum.element, double(node.count()))}));
}

static LogicalResult importPow(Binder &node) {
  // The exponent may have another type; the result has the base's.
  Result exponent = node.ops.cast(node.in(1), node.in(0).element);
  if (failed(exponent))
    return failure();
  return node.set(0, node.ops.elementwise(Kind::Pow, {node.in(0), *exponent}));
}

static LogicalResult importMod(Binder &node) {
  Kind kind = node.integer("fmod") ? Kind::Fmod : Kind::Mod;
  return node.set(0, node.ops.elementwise(kind, {node.in(0), node.in(1)}));
}

static LogicalResult importWhere(Binder &node) {
  return node.set(0, node.ops.elementwise(
                         Kind::Select, {node.in(0), node.in(1), node.in(2)}));
}

static LogicalResult importIdentity(Binder &node) {
  return node.set(0, node.in(0));
}

static LogicalResult importDropout(Binder &node) {
  // Opset 12 made training an input; before, the node only occurs in inference.
  if (node.has(2) && node.ops.knownSplat(node.in(2)) != 0)
    return node.fail("dropout in training mode");
  if (failed(node.set(0, node.in(0))))
    return failure();
  return node.set(1,
                  node.ops.splat(node.ops.b.getI1Type(), node.in(0).dims, 1));
}

/// The MLIR type of a TensorProto.DataType that nn has.
static Type typeOf(int64_t number, OpBuilder &b) {
  switch (number) {
  case 1:
    return b.getF32Type();
  case 3:
    return b.getIntegerType(8);
  case 5:
    return b.getIntegerType(16);
  case 6:
    return b.getI32Type();
  case 7:
    return b.getI64Type();
  case 9:
    return b.getI1Type();
  case 10:
    return b.getF16Type();
  case 11:
    return b.getF64Type();
  case 16:
    return b.getBF16Type();
  default:
    return {};
  }
}

static LogicalResult importCast(Binder &node) {
  int64_t to = node.integer("to");
  Type type = typeOf(to, node.ops.b);
  if (!type)
    return node.fail("cast to data type " + Twine(to));
  return node.set(0, node.ops.cast(node.in(0), type));
}

static LogicalResult importCastLike(Binder &node) {
  return node.set(0, node.ops.cast(node.in(0), node.in(1).element));
}

static LogicalResult importGelu(Binder &node) {
  Kind kind =
      node.text("approximate") == "tanh" ? Kind::GeluTanh : Kind::GeluErf;
  return node.set(0, node.ops.elementwise(kind, {node.in(0)}));
}

/// x * sigmoid(alpha x); Swish and Hugging Face's quick GELU.
static LogicalResult importSwish(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  double alpha = node.real("alpha", 1);
  if (alpha == 1)
    return node.set(0, ops.elementwise(Kind::Silu, {x}));
  Result scaled = ops.elementwise(Kind::Mul, {x, ops.scalar(x.element, alpha)});
  Result gate =
      failed(scaled) ? scaled : ops.elementwise(Kind::Sigmoid, {*scaled});
  if (failed(gate))
    return failure();
  return node.set(0, ops.elementwise(Kind::Mul, {x, *gate}));
}

static LogicalResult importLeakyRelu(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  Result scaled = ops.elementwise(
      Kind::Mul, {x, ops.scalar(x.element, node.real("alpha"))});
  Result negative = ops.elementwise(Kind::Less, {x, ops.scalar(x.element, 0)});
  if (failed(scaled) || failed(negative))
    return failure();
  return node.set(0, ops.elementwise(Kind::Select, {*negative, *scaled, x}));
}

/// gamma * (x where x > 0, else alpha (exp(x / beta) - 1)).
static LogicalResult importExponentialUnit(Binder &node, double alpha,
                                           double beta, double gamma) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto number = [&](double value) { return ops.scalar(x.element, value); };
  // The exponent of what is not selected stays finite.
  Result y = ops.elementwise(Kind::Min, {x, number(0)});
  if (succeeded(y))
    y = ops.elementwise(Kind::Div, {*y, number(beta)});
  if (succeeded(y))
    y = ops.elementwise(Kind::Exp, {*y});
  if (succeeded(y))
    y = ops.elementwise(Kind::Sub, {*y, number(1)});
  if (succeeded(y))
    y = ops.elementwise(Kind::Mul, {*y, number(alpha)});
  Result positive = ops.elementwise(Kind::Greater, {x, number(0)});
  if (failed(y) || failed(positive))
    return failure();
  y = ops.elementwise(Kind::Select, {*positive, x, *y});
  if (succeeded(y))
    y = ops.elementwise(Kind::Mul, {*y, number(gamma)});
  return node.set(0, y);
}

static LogicalResult importElu(Binder &node) {
  return importExponentialUnit(node, node.real("alpha", 1), 1, 1);
}
static LogicalResult importSelu(Binder &node) {
  return importExponentialUnit(node, node.real("alpha"), 1, node.real("gamma"));
}
static LogicalResult importCelu(Binder &node) {
  double alpha = node.real("alpha", 1);
  if (alpha == 0)
    return node.fail("an alpha of 0");
  return importExponentialUnit(node, alpha, alpha, 1);
}

/// x where x >= 0, else slope * x; the slope broadcasts to x.
static LogicalResult importPRelu(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  Result scaled = ops.elementwise(Kind::Mul, {x, node.in(1)});
  Result negative = ops.elementwise(Kind::Less, {x, ops.scalar(x.element, 0)});
  if (failed(scaled) || failed(negative))
    return failure();
  return node.set(0, ops.elementwise(Kind::Select, {*negative, *scaled, x}));
}

/// max(0, min(1, alpha x + beta)), times x for HardSwish.
static LogicalResult importHardSigmoid(Binder &node, double alpha, double beta,
                                       bool swish) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto number = [&](double value) { return ops.scalar(x.element, value); };
  Result y = ops.elementwise(Kind::Mul, {x, number(alpha)});
  if (succeeded(y))
    y = ops.elementwise(Kind::Add, {*y, number(beta)});
  if (succeeded(y))
    y = ops.elementwise(Kind::Min, {*y, number(1)});
  if (succeeded(y))
    y = ops.elementwise(Kind::Max, {*y, number(0)});
  if (succeeded(y) && swish)
    y = ops.elementwise(Kind::Mul, {x, *y});
  return node.set(0, y);
}

static LogicalResult importHardSigmoidNode(Binder &node) {
  return importHardSigmoid(node, node.real("alpha"), node.real("beta"), false);
}

static LogicalResult importHardSwish(Binder &node) {
  return importHardSigmoid(node, 1.0 / 6, 0.5, true);
}

/// Clip: bounds are attributes before opset 11, optional inputs since.
static LogicalResult importClip(Binder &node) {
  Ops &ops = node.ops;
  Result y = node.in(0);
  Type element = y->element;
  auto bound = [&](size_t i, StringRef name, Kind kind) {
    if (failed(y))
      return;
    if (node.has(i))
      y = ops.elementwise(kind, {*y, node.in(i)});
    else if (node.hasAttribute(name) &&
             std::fabs(node.real(name)) < std::numeric_limits<float>::max())
      y = ops.elementwise(kind, {*y, ops.scalar(element, node.real(name))});
  };
  bound(1, "min", Kind::Max);
  bound(2, "max", Kind::Min);
  return node.set(0, y);
}

static LogicalResult importIsInf(Binder &node) {
  if (!node.integer("detect_negative", 1) ||
      !node.integer("detect_positive", 1))
    return node.fail("IsInf of one sign only");
  return importUnary<Kind::IsInf>(node);
}

static LogicalResult importMish(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  Result y = ops.elementwise(Kind::Softplus, {x});
  if (succeeded(y))
    y = ops.elementwise(Kind::Tanh, {*y});
  if (succeeded(y))
    y = ops.elementwise(Kind::Mul, {x, *y});
  return node.set(0, y);
}

void registerElementwise(ImportTable &table) {
  table.add("Abs", 1, importUnary<Kind::Abs>);
  table.add("Neg", 1, importUnary<Kind::Neg>);
  table.add("Sign", 9, importUnary<Kind::Sign>);
  table.add("Exp", 1, importUnary<Kind::Exp>);
  table.add("Log", 1, importUnary<Kind::Log>);
  table.add("Sqrt", 1, importUnary<Kind::Sqrt>);
  table.add("Reciprocal", 1, importUnary<Kind::Reciprocal>);
  table.add("Erf", 9, importUnary<Kind::Erf>);
  table.add("Tanh", 1, importUnary<Kind::Tanh>);
  table.add("Sigmoid", 1, importUnary<Kind::Sigmoid>);
  table.add("Sin", 7, importUnary<Kind::Sin>);
  table.add("Cos", 7, importUnary<Kind::Cos>);
  table.add("Floor", 1, importUnary<Kind::Floor>);
  table.add("Ceil", 1, importUnary<Kind::Ceil>);
  table.add("Round", 11, importUnary<Kind::Round>);
  table.add("Relu", 1, importUnary<Kind::Relu>);
  table.add("Softplus", 1, importUnary<Kind::Softplus>);
  table.add("Not", 1, importUnary<Kind::Not>);
  table.add("IsNaN", 9, importUnary<Kind::IsNan>);
  table.add("IsInf", 10, importIsInf);
  table.add("Gelu", 20, importGelu);
  table.add("Swish", 24, importSwish);
  table.add("Mish", 18, importMish);
  table.add("LeakyRelu", 1, importLeakyRelu);
  table.add("PRelu", 7, importPRelu);
  table.add("Elu", 1, importElu);
  table.add("Selu", 1, importSelu);
  table.add("Celu", 12, importCelu);
  table.add("HardSigmoid", 1, importHardSigmoidNode);
  table.add("HardSwish", 14, importHardSwish);
  // Version 7 brought NumPy's broadcasting; older models say how in attributes.
  table.add("Add", 7, importBinary<Kind::Add>);
  table.add("Sub", 7, importBinary<Kind::Sub>);
  table.add("Mul", 7, importBinary<Kind::Mul>);
  table.add("Div", 7, importBinary<Kind::Div>);
  table.add("Pow", 7, importPow);
  table.add("Mod", 10, importMod);
  table.add("And", 7, importBinary<Kind::And>);
  table.add("Or", 7, importBinary<Kind::Or>);
  table.add("Xor", 7, importBinary<Kind::Xor>);
  table.add("Equal", 7, importBinary<Kind::Equal>);
  table.add("Less", 7, importBinary<Kind::Less>);
  table.add("LessOrEqual", 12, importBinary<Kind::LessEqual>);
  table.add("Greater", 7, importBinary<Kind::Greater>);
  table.add("GreaterOrEqual", 12, importBinary<Kind::GreaterEqual>);
  table.add("Max", 8, importVariadic<Kind::Max>);
  table.add("Min", 8, importVariadic<Kind::Min>);
  table.add("Sum", 8, importVariadic<Kind::Add>);
  table.add("Mean", 8, importMean);
  table.add("Where", 9, importWhere);
  table.add("Clip", 6, importClip);
  table.add("Cast", 6, importCast);
  table.add("CastLike", 15, importCastLike);
  table.add("Identity", 1, importIdentity);
  table.add("Dropout", 7, importDropout);
}

} // namespace attune::onnx
