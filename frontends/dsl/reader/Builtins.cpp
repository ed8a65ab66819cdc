// The table of builtins.
#include "frontends/dsl/reader/Builtins.h"

namespace attune::dsl {

using Kind = Builtin::Kind;

static constexpr Builtin table[] = {
    // Layers.
    {"Linear", Kind::Layer, "inputs outputs | bias init bias_init"},
    {"Embedding", Kind::Layer, "count width | init"},
    {"LayerNorm", Kind::Layer, "width | eps bias"},
    {"RMSNorm", Kind::Layer, "width | eps"},
    {"Dropout", Kind::Layer, "rate"},
    {"Parameter", Kind::Layer, "shape | init"},
    {"Sequential", Kind::Layer, "| ..."},
    // Inits.
    {"zeros", Kind::Init, ""},
    {"ones", Kind::Init, ""},
    {"constant", Kind::Init, "value"},
    {"normal", Kind::Init, "std"},
    {"uniform", Kind::Init, "bound"},
    {"xavier_uniform", Kind::Init, "| gain"},
    {"xavier_normal", Kind::Init, "| gain"},
    {"kaiming_uniform", Kind::Init, ""},
    // Attention and its parts.
    {"attention", Kind::Function,
     "query key value | causal mask key_mask bias scale window softcap "
     "dropout"},
    {"softmax", Kind::Function, "x | axis"},
    {"linear", Kind::Function, "x weight | bias"},
    {"layer_norm", Kind::Function, "x | weight bias eps"},
    {"rms_norm", Kind::Function, "x | weight eps"},
    {"dropout", Kind::Function, "x rate"},
    {"drop_path", Kind::Function, "x rate"},
    // Losses.
    {"cross_entropy", Kind::Function, "logits labels | smoothing ignore"},
    {"mse", Kind::Function, "x target"},
    // Activations and other functions of each element.
    {"relu", Kind::Function, "x"},
    {"gelu", Kind::Function, "x | approximate"},
    {"silu", Kind::Function, "x"},
    {"sigmoid", Kind::Function, "x"},
    {"tanh", Kind::Function, "x"},
    {"softplus", Kind::Function, "x"},
    {"erf", Kind::Function, "x"},
    {"exp", Kind::Function, "x"},
    {"log", Kind::Function, "x"},
    {"sqrt", Kind::Function, "x"},
    {"rsqrt", Kind::Function, "x"},
    {"abs", Kind::Function, "x"},
    {"sign", Kind::Function, "x"},
    {"floor", Kind::Function, "x"},
    {"ceil", Kind::Function, "x"},
    {"round", Kind::Function, "x"},
    {"sin", Kind::Function, "x"},
    {"cos", Kind::Function, "x"},
    {"maximum", Kind::Function, "a b"},
    {"minimum", Kind::Function, "a b"},
    {"where", Kind::Function, "condition a b"},
    {"float", Kind::Function, "x"},
    {"int", Kind::Function, "x"},
    // Along axes.
    {"sum", Kind::Function, "x | axis keepdims"},
    {"mean", Kind::Function, "x | axis keepdims"},
    {"max", Kind::Function, "x | axis keepdims"},
    {"min", Kind::Function, "x | axis keepdims"},
    // Shapes.
    {"rearrange", Kind::Function, "x pattern | ..."},
    {"reshape", Kind::Function, "x shape"},
    {"transpose", Kind::Function, "x | axes"},
    {"expand", Kind::Function, "x shape"},
    {"concat", Kind::Function, "parts axis"},
    {"pad", Kind::Function, "x axis before after | value"},
    {"roll", Kind::Function, "x shift axis"},
    {"gather", Kind::Function, "x indices | axis"},
    {"arange", Kind::Function, "count"},
    {"full", Kind::Function, "shape value"},
    // Constants.
    {"true", Kind::Constant, ""},
    {"false", Kind::Constant, ""},
    {"none", Kind::Constant, ""},
};

static constexpr std::string_view settings[] = {
    "loss",         "optimizer", "beta1", "beta2", "epsilon",
    "weight_decay", "momentum",  "clip",  "ema",   "trainable"};

std::vector<std::string_view> Builtin::parameters() const {
  std::vector<std::string_view> names;
  for (size_t at = 0; at < signature.size();) {
    size_t end = std::min(signature.find(' ', at), signature.size());
    std::string_view word = signature.substr(at, end - at);
    if (word != "|" && word != "...")
      names.push_back(word);
    at = end + 1;
  }
  return names;
}

size_t Builtin::required() const {
  size_t bar = signature.find('|');
  if (bar == std::string_view::npos)
    return parameters().size();
  return Builtin{name, kind, signature.substr(0, bar)}.parameters().size();
}

std::span<const Builtin> builtins() { return table; }

const Builtin *findBuiltin(std::string_view name) {
  for (const Builtin &builtin : table)
    if (builtin.name == name)
      return &builtin;
  return nullptr;
}

std::span<const std::string_view> trainSettings() { return settings; }

} // namespace attune::dsl
