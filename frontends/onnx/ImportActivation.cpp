// Activations that are formulas of simpler functions.
#include "frontends/onnx/Binder.h"

#include <limits>

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;

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

/// x where x > alpha, else 0.
static LogicalResult importThresholdedRelu(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto number = [&](double value) { return ops.scalar(x.element, value); };
  Result above = ops.apply(Kind::Greater, {x, number(node.real("alpha"))});
  return node.set(0, ops.apply(Kind::Select, {above, x, number(0)}));
}

/// x + bias below -lambd, x - bias above lambd, else 0.
static LogicalResult importShrink(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto number = [&](double value) { return ops.scalar(x.element, value); };
  double lambda = node.real("lambd", 0.5), bias = node.real("bias");
  Result above = ops.apply(Kind::Greater, {x, number(lambda)});
  Result below = ops.apply(Kind::Less, {x, number(-lambda)});
  Result lowered = ops.apply(Kind::Sub, {x, number(bias)});
  Result raised = ops.apply(Kind::Add, {x, number(bias)});
  Result inner = ops.apply(Kind::Select, {below, raised, number(0)});
  return node.set(0, ops.apply(Kind::Select, {above, lowered, inner}));
}

/// x / (1 + |x|).
static LogicalResult importSoftsign(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  Result size = ops.apply(
      Kind::Add, {ops.apply(Kind::Abs, {x}), ops.scalar(x.element, 1)});
  return node.set(0, ops.apply(Kind::Div, {x, size}));
}

void registerActivation(ImportTable &table) {
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
  table.add("ThresholdedRelu", 10, importThresholdedRelu);
  table.add("Shrink", 9, importShrink);
  table.add("Softsign", 1, importSoftsign);
}

} // namespace attune::onnx
