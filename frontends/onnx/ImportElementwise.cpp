// Elementwise operators: arithmetic, comparisons, logic, activations, casts.
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/Constants.h"

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
  bool trains = node.has(2) && node.ops.knownSplat(node.in(2)) != 0;
  if (trains && !(node.has(1) && node.ops.knownSplat(node.in(1)) == 0))
    return node.fail("dropout in training mode; export the model for inference "
                     "(in PyTorch model.eval() and TrainingMode.EVAL). Dropout "
                     "is for models in .attn");
  if (failed(node.set(0, node.in(0))))
    return failure();
  return node.set(1,
                  node.ops.splat(node.ops.b.getI1Type(), node.in(0).dims, 1));
}

static LogicalResult importCast(Binder &node) {
  int64_t to = node.integer("to");
  Type type = elementTypeOf(to, node.ops.b);
  if (!type)
    return node.fail("cast to data type " + Twine(to));
  return node.set(0, node.ops.cast(node.in(0), type));
}

static LogicalResult importCastLike(Binder &node) {
  return node.set(0, node.ops.cast(node.in(0), node.in(1).element));
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
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  bool low = node.integer("detect_negative", 1) != 0,
       high = node.integer("detect_positive", 1) != 0;
  if (low && high)
    return importUnary<Kind::IsInf>(node);
  if (!low && !high)
    return node.set(0, ops.splat(ops.b.getI1Type(), x.dims, 0));
  double infinity = std::numeric_limits<double>::infinity();
  return node.set(
      0, ops.apply(Kind::Equal,
                   {x, ops.scalar(x.element, high ? infinity : -infinity)}));
}

/// Bit by bit on integers; nn has the kinds of logic for both.
template <Kind kind>
static LogicalResult importBitwise(Binder &node) {
  if (node.in(0).isFloat() || node.in(0).isBool())
    return node.fail("expected integers");
  return importBinary<kind>(node);
}

/// ~x is -1 - x.
static LogicalResult importBitwiseNot(Binder &node) {
  const Imported &x = node.in(0);
  if (x.isFloat() || x.isBool())
    return node.fail("expected integers");
  return node.set(
      0, node.ops.apply(Kind::Sub, {node.ops.scalar(x.element, -1), x}));
}

static LogicalResult importTan(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  return node.set(0, ops.apply(Kind::Div, {ops.apply(Kind::Sin, {x}),
                                           ops.apply(Kind::Cos, {x})}));
}

/// (exp(x) +- exp(-x)) / 2.
template <Kind kind>
static LogicalResult importHyperbolic(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  Result up = ops.apply(Kind::Exp, {x});
  Result down = ops.apply(Kind::Exp, {ops.apply(Kind::Neg, {x})});
  return node.set(0, ops.apply(Kind::Mul, {ops.apply(kind, {up, down}),
                                           ops.scalar(x.element, 0.5)}));
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
  table.add("Max", 6, importVariadic<Kind::Max>);
  table.add("Min", 6, importVariadic<Kind::Min>);
  table.add("Sum", 6, importVariadic<Kind::Add>);
  table.add("Mean", 6, importMean);
  table.add("BitwiseAnd", 18, importBitwise<Kind::And>);
  table.add("BitwiseOr", 18, importBitwise<Kind::Or>);
  table.add("BitwiseXor", 18, importBitwise<Kind::Xor>);
  table.add("BitwiseNot", 18, importBitwiseNot);
  table.add("Tan", 7, importTan);
  table.add("Sinh", 9, importHyperbolic<Kind::Sub>);
  table.add("Cosh", 9, importHyperbolic<Kind::Add>);
  table.add("Where", 9, importWhere);
  table.add("Clip", 6, importClip);
  table.add("Cast", 6, importCast);
  table.add("CastLike", 15, importCastLike);
  table.add("Identity", 1, importIdentity);
  table.add("Dropout", 7, importDropout);
}

} // namespace attune::onnx
