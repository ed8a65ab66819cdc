// Builtin functions of each element and along axes, and losses.
#include "frontends/dsl/Functions.h"

#include <cmath>

namespace attune::dsl {

using namespace mlir;
using Kind = nn::ElementwiseKind;

// ---- functions of one number or of each element ----

namespace {
struct Unary {
  StringRef name;
  Kind kind;
  double (*number)(double); ///< Null: tensors only.
};
} // namespace

static const Unary unaries[] = {
    {"relu", Kind::Relu, nullptr},
    {"silu", Kind::Silu, nullptr},
    {"sigmoid", Kind::Sigmoid, nullptr},
    {"softplus", Kind::Softplus, nullptr},
    {"tanh", Kind::Tanh, std::tanh},
    {"erf", Kind::Erf, std::erf},
    {"exp", Kind::Exp, std::exp},
    {"log", Kind::Log, std::log},
    {"sqrt", Kind::Sqrt, std::sqrt},
    {"rsqrt", Kind::Rsqrt, [](double x) { return 1 / std::sqrt(x); }},
    {"abs", Kind::Abs, std::fabs},
    {"sign", Kind::Sign, nullptr},
    {"floor", Kind::Floor, std::floor},
    {"ceil", Kind::Ceil, std::ceil},
    {"round", Kind::Round, std::nearbyint},
    {"sin", Kind::Sin, std::sin},
    {"cos", Kind::Cos, std::cos},
};

MaybeValue callUnary(Call &call) {
  const Unary *row = llvm::find_if(unaries, [&](const Unary &unary) {
    return unary.name == StringRef(call.builtin.name);
  });
  const Value *value = call.get("x");
  if (value && value->isNumber() && row->number) {
    auto x = call.real("x", 0);
    if (failed(x))
      return failure();
    double result = row->number(*x);
    if (!std::isfinite(result))
      return call.wrong("x", "a number that the function is defined for");
    return Value(result);
  }
  auto x = call.tensor("x");
  if (failed(x))
    return failure();
  bool anyNumber = row->kind == Kind::Abs || row->kind == Kind::Sign;
  Type element = Graph::elementOf(*x);
  if (element.isInteger(1) || (!anyNumber && !isa<FloatType>(element)))
    return call.wrong("x", "an f32 tensor");
  return asValue(call.graph.elementwise(row->kind, {*x}));
}

static MaybeValue callGelu(Call &call) {
  auto x = call.tensor("x");
  if (failed(x))
    return failure();
  if (!Graph::elementOf(*x).isF32())
    return call.wrong("x", "an f32 tensor");
  Kind kind = Kind::GeluErf;
  if (call.has("approximate")) {
    auto text = call.text("approximate");
    if (failed(text))
      return failure();
    if (*text != "none" && *text != "tanh")
      return call.wrong("approximate", "\"none\" or \"tanh\"");
    if (*text == "tanh")
      kind = Kind::GeluTanh;
  }
  return asValue(call.graph.elementwise(kind, {*x}));
}

static bool isTensor(const Value *value) { return value && value->isTensor(); }

static MaybeValue callExtremum(Call &call) {
  bool isMax = call.builtin.name == "maximum";
  const Value *a = call.get("a"), *b = call.get("b");
  if (a && b && a->is<DimAttr>() && b->is<DimAttr>()) {
    DimAttr x = *a->as<DimAttr>(), y = *b->as<DimAttr>();
    DimAttr result = isMax ? x.max(y) : x.min(y);
    return result ? MaybeValue(Value(result))
                  : MaybeValue(call.graph.fail("a number leaves 64 bits"));
  }
  if (a && b && a->isNumber() && b->isNumber()) {
    auto x = call.real("a", 0), y = call.real("b", 0);
    if (failed(x) || failed(y))
      return failure();
    return Value(isMax ? std::max(*x, *y) : std::min(*x, *y));
  }
  auto known = call.tensor(isTensor(a) ? "a" : "b");
  if (failed(known))
    return failure();
  Type element = Graph::elementOf(*known);
  auto x = call.tensor("a", element), y = call.tensor("b", element);
  if (failed(x) || failed(y))
    return failure();
  if (element.isInteger(1))
    return call.wrong("a", "numbers");
  return asValue(
      call.graph.elementwise(isMax ? Kind::Max : Kind::Min, {*x, *y}));
}

/// where(condition, a, b); numbers take the other side's type, or f32.
static MaybeValue callWhere(Call &call) {
  const Value *given = call.get("condition");
  if (given && given->is<bool>()) {
    const Value *chosen = call.get(*given->as<bool>() ? "a" : "b");
    return chosen ? *chosen : Value();
  }
  auto condition = call.tensor("condition");
  if (failed(condition))
    return failure();
  if (!Graph::elementOf(*condition).isInteger(1))
    return call.wrong("condition", "a bool tensor");
  const Value *a = call.get("a"), *b = call.get("b");
  Type element = call.graph.b.getF32Type();
  if (isTensor(a) || isTensor(b)) {
    auto known = call.tensor(isTensor(a) ? "a" : "b");
    if (failed(known))
      return failure();
    element = Graph::elementOf(*known);
  }
  auto x = call.tensor("a", element), y = call.tensor("b", element);
  if (failed(x) || failed(y))
    return failure();
  return asValue(call.graph.elementwise(Kind::Select, {*condition, *x, *y}));
}

static MaybeValue callCast(Call &call) {
  bool toFloat = call.builtin.name == "float";
  const Value *value = call.get("x");
  if (value && value->isNumber()) {
    auto x = call.real("x", 0);
    if (failed(x))
      return failure();
    if (toFloat)
      return Value(*x);
    if (std::fabs(*x) > 1e15)
      return call.wrong("x", "a number below 1e15");
    return Value(call.graph.dim(int64_t(*x)));
  }
  auto x = call.tensor("x");
  if (failed(x))
    return failure();
  Builder &b = call.graph.b;
  if (failed(call.graph.spend()))
    return failure();
  return Value(call.graph.cast(*x, toFloat ? Type(b.getF32Type())
                                           : Type(b.getI64Type())));
}

// ---- along axes ----

static MaybeValue callReduce(Call &call) {
  auto x = call.tensor("x");
  if (failed(x))
    return failure();
  int64_t rank = Graph::rankOf(*x);
  FailureOr<SmallVector<int64_t>> axes =
      call.has("axis") ? call.axes("axis", rank)
                       : llvm::to_vector(llvm::seq<int64_t>(0, rank));
  auto keepdims = call.flag("keepdims", false);
  if (failed(axes) || failed(keepdims))
    return failure();
  auto kind = *nn::symbolizeReduceKind(StringRef(call.builtin.name));
  return asValue(call.graph.reduce(kind, *x, *axes, *keepdims));
}

static MaybeValue callSoftmax(Call &call) {
  auto x = call.tensor("x");
  if (failed(x))
    return failure();
  auto axis = call.axis("axis", Graph::rankOf(*x), -1);
  if (failed(axis))
    return failure();
  return asValue(call.graph.softmax(*x, *axis));
}

static MaybeValue callNorm(Call &call) {
  bool layer = call.builtin.name == "layer_norm";
  auto x = call.tensor("x");
  auto weight = call.optionalTensor("weight");
  auto bias = layer ? call.optionalTensor("bias") : MaybeTensor(Tensor());
  auto eps = call.real("eps", 1e-5);
  if (failed(x) || failed(weight) || failed(bias) || failed(eps))
    return failure();
  for (Tensor part : {*weight, *bias})
    if (part && Graph::rankOf(part) != 1)
      return call.wrong("weight", "an f32 tensor of one dim");
  return asValue(
      call.graph.norm(layer ? nn::NormKind::Layer : nn::NormKind::Rms, *x, *eps,
                      *weight, *bias));
}

static MaybeValue callLinear(Call &call) {
  auto x = call.tensor("x"), weight = call.tensor("weight");
  auto bias = call.optionalTensor("bias");
  if (failed(x) || failed(weight) || failed(bias))
    return failure();
  return asValue(call.graph.linear(*x, *weight, *bias));
}

// ---- random ----

static MaybeValue callDropout(Call &call) {
  auto x = call.tensor("x");
  auto rate = call.real("rate", 0);
  if (failed(x) || failed(rate))
    return failure();
  Dims dims = Graph::dimsOf(*x);
  // A path is dropped for whole samples.
  if (call.builtin.name == "drop_path")
    for (size_t i = 1; i < dims.size(); ++i)
      dims[i] = call.graph.dim(1);
  return asValue(call.graph.dropout(*x, *rate, dims));
}

// ---- inits ----

static MaybeValue callInit(Call &call) {
  StringRef name = call.builtin.name;
  auto number = [&](StringRef parameter, double fallback,
                    Init::Kind kind) -> MaybeValue {
    auto value = call.real(parameter, fallback);
    if (failed(value))
      return failure();
    return Value(Init{kind, *value});
  };
  if (name == "constant")
    return number("value", 0, Init::Kind::Constant);
  if (name == "normal")
    return number("std", 1, Init::Kind::Normal);
  if (name == "uniform")
    return number("bound", 1, Init::Kind::Uniform);
  if (name == "xavier_uniform")
    return number("gain", 1, Init::Kind::XavierUniform);
  if (name == "xavier_normal")
    return number("gain", 1, Init::Kind::XavierNormal);
  return Value(Init{Init::Kind::KaimingUniform, 0});
}

// ---- the table ----

BuiltinFunction findFunction(StringRef name) {
  static const llvm::StringMap<BuiltinFunction> functions = [] {
    llvm::StringMap<BuiltinFunction> table;
    for (const Unary &unary : unaries)
      table[unary.name] = callUnary;
    table["gelu"] = callGelu;
    table["maximum"] = table["minimum"] = callExtremum;
    table["where"] = callWhere;
    table["float"] = table["int"] = callCast;
    for (StringRef name : {"sum", "mean", "max", "min"})
      table[name] = callReduce;
    table["softmax"] = callSoftmax;
    table["layer_norm"] = table["rms_norm"] = callNorm;
    table["linear"] = callLinear;
    table["dropout"] = table["drop_path"] = callDropout;
    for (const Builtin &builtin : builtins())
      if (builtin.kind == Builtin::Kind::Init)
        table[StringRef(builtin.name)] = callInit;
    table["attention"] = callAttention;
    table["cross_entropy"] = callCrossEntropy;
    table["mse"] = callMeanSquaredError;
    addShapeFunctions(table);
    return table;
  }();
  return functions.lookup(name);
}

} // namespace attune::dsl
