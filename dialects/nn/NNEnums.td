// Kinds of the parametrised nn ops. One row here is one meaning; the tables in
// ElementwiseKinds.h (arity, types) and reference/ (values) have the same rows.
#ifndef ATTUNE_NN_ENUMS_TD
#define ATTUNE_NN_ENUMS_TD

include "mlir/IR/EnumAttr.td"
include "dialects/nn/NNBase.td"

class NN_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::attune::nn";
  let genSpecializedAttr = 0;
}
class NN_EnumAttr<NN_Enum info, string attrMnemonic>
    : EnumAttr<NN_Dialect, info, attrMnemonic> {
  let assemblyFormat = "$value";
}

def NN_DimOpKind : NN_Enum<"DimOpKind", "non-polynomial dim operation", [
  I32EnumAttrCase<"FloorDiv", 0, "floordiv">, I32EnumAttrCase<"Mod", 1, "mod">,
  I32EnumAttrCase<"Max", 2, "max">, I32EnumAttrCase<"Min", 3, "min">]>;

def NN_ElementwiseKind : NN_Enum<"ElementwiseKind", "scalar function applied to each element", [
  // One operand.
  I32EnumAttrCase<"Abs", 0, "abs">, I32EnumAttrCase<"Neg", 1, "neg">,
  I32EnumAttrCase<"Sign", 2, "sign">, I32EnumAttrCase<"Exp", 3, "exp">,
  I32EnumAttrCase<"Log", 4, "log">, I32EnumAttrCase<"Sqrt", 5, "sqrt">,
  I32EnumAttrCase<"Rsqrt", 6, "rsqrt">, I32EnumAttrCase<"Reciprocal", 7, "reciprocal">,
  I32EnumAttrCase<"Erf", 8, "erf">, I32EnumAttrCase<"Tanh", 9, "tanh">,
  I32EnumAttrCase<"Sigmoid", 10, "sigmoid">, I32EnumAttrCase<"Sin", 11, "sin">,
  I32EnumAttrCase<"Cos", 12, "cos">, I32EnumAttrCase<"Floor", 13, "floor">,
  I32EnumAttrCase<"Ceil", 14, "ceil">, I32EnumAttrCase<"Round", 15, "round">,
  I32EnumAttrCase<"Relu", 16, "relu">,
  // x * Phi(x), with Phi the normal distribution function (Hendrycks & Gimpel 2016).
  I32EnumAttrCase<"GeluErf", 17, "gelu_erf">,
  // Its approximation 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
  I32EnumAttrCase<"GeluTanh", 18, "gelu_tanh">,
  I32EnumAttrCase<"Silu", 19, "silu">, I32EnumAttrCase<"Not", 20, "not">,
  I32EnumAttrCase<"IsNan", 21, "is_nan">, I32EnumAttrCase<"IsInf", 22, "is_inf">,
  // Converts to the element type `to`: floats to integers truncate, anything to
  // i1 is `!= 0`, i1 to a number is 0 or 1.
  I32EnumAttrCase<"Cast", 23, "cast">,
  I32EnumAttrCase<"Softplus", 24, "softplus">,
  // Two operands.
  I32EnumAttrCase<"Add", 32, "add">, I32EnumAttrCase<"Sub", 33, "sub">,
  I32EnumAttrCase<"Mul", 34, "mul">, I32EnumAttrCase<"Div", 35, "div">,
  I32EnumAttrCase<"Pow", 36, "pow">, I32EnumAttrCase<"Max", 37, "max">,
  I32EnumAttrCase<"Min", 38, "min">,
  // Remainder with the sign of the divisor (`mod`) or of the dividend (`fmod`).
  I32EnumAttrCase<"Mod", 39, "mod">, I32EnumAttrCase<"Fmod", 40, "fmod">,
  I32EnumAttrCase<"And", 41, "and">, I32EnumAttrCase<"Or", 42, "or">,
  I32EnumAttrCase<"Xor", 43, "xor">, I32EnumAttrCase<"Equal", 44, "equal">,
  I32EnumAttrCase<"Less", 45, "less">, I32EnumAttrCase<"LessEqual", 46, "less_equal">,
  I32EnumAttrCase<"Greater", 47, "greater">,
  I32EnumAttrCase<"GreaterEqual", 48, "greater_equal">,
  // Three operands: condition, value where true, value where false.
  I32EnumAttrCase<"Select", 64, "select">]>;

def NN_ReduceKind : NN_Enum<"ReduceKind", "how elements of a reduced axis combine", [
  I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Mean", 1, "mean">,
  I32EnumAttrCase<"Max", 2, "max">, I32EnumAttrCase<"Min", 3, "min">,
  I32EnumAttrCase<"Prod", 4, "prod">]>;

def NN_NormKind : NN_Enum<"NormKind", "statistics a norm removes", [
  I32EnumAttrCase<"Layer", 0, "layer">, I32EnumAttrCase<"Rms", 1, "rms">]>;

// Which corner of the score matrix the causal diagonal starts from. They differ
// when query and key lengths do: a decode step over a cache is bottom-right.
def NN_CausalKind : NN_Enum<"CausalKind", "alignment of the causal mask", [
  I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"TopLeft", 1, "top_left">,
  I32EnumAttrCase<"BottomRight", 2, "bottom_right">]>;

def NN_GroupKind : NN_Enum<"GroupKind", "kernel family that computes a group", [
  I32EnumAttrCase<"Contraction", 0, "contraction">, I32EnumAttrCase<"Attention", 1, "attention">,
  I32EnumAttrCase<"Row", 2, "row">, I32EnumAttrCase<"Map", 3, "map">,
  I32EnumAttrCase<"Scatter", 4, "scatter">,
  I32EnumAttrCase<"AttentionBackward", 5, "attention_backward">]>;

// What a weight is where it lives in memory that outlasts a run.
def NN_StateKind : NN_Enum<"StateKind", "part of a model's state", [
  I32EnumAttrCase<"Parameter", 0, "parameter">, I32EnumAttrCase<"Gradient", 1, "gradient">,
  I32EnumAttrCase<"Optimizer", 2, "optimizer">, I32EnumAttrCase<"Average", 3, "average">]>;

def NN_ElementwiseKindAttr : NN_EnumAttr<NN_ElementwiseKind, "elementwise_kind">;
def NN_ReduceKindAttr : NN_EnumAttr<NN_ReduceKind, "reduce_kind">;
def NN_NormKindAttr : NN_EnumAttr<NN_NormKind, "norm_kind">;
def NN_CausalKindAttr : NN_EnumAttr<NN_CausalKind, "causal_kind">;
def NN_StateKindAttr : NN_EnumAttr<NN_StateKind, "state_kind">;
def NN_GroupKindAttr : NN_EnumAttr<NN_GroupKind, "group_kind">;

#endif // ATTUNE_NN_ENUMS_TD
