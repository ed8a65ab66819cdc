// What an expression of a model gives.
//
// Numbers, texts and layers exist while the model is expanded; tensors are
// values of the nn function being built. An integer may hold symbols: `T` of
// `tokens: i64[B, T]` is a number like any other.
#ifndef ATTUNE_FRONTENDS_DSL_VALUE_H
#define ATTUNE_FRONTENDS_DSL_VALUE_H

#include "dialects/nn/NN.h"
#include "frontends/dsl/reader/Ast.h"
#include "frontends/dsl/reader/Builtins.h"

#include <map>
#include <variant>

namespace attune::dsl {

using nn::DimAttr;
using nn::Dims;

/// How a weight begins.
struct Init {
  enum class Kind {
    Constant,       ///< value
    Normal,         ///< mean 0, standard deviation value
    Uniform,        ///< in [-value, value)
    XavierUniform,  ///< gain value
    XavierNormal,   ///< gain value
    KaimingUniform, ///< torch's default: uniform in 1 / sqrt(inputs)
  };
  Kind kind = Kind::Constant;
  double value = 0;
};

/// A weight of the model.
struct Weight {
  std::string name;
  llvm::SmallVector<int64_t> shape;
  Init init;
  Span span; ///< Of the layer that has it.
};

struct Instance;
struct Loss;
class Value;

struct None {};
using List = std::shared_ptr<std::vector<Value>>;
using InstancePtr = std::shared_ptr<Instance>;

/// Something to call that is no layer: a def or a builtin, or what makes a
/// layer.
struct Callable {
  const Builtin *builtin = nullptr;
  const Function *function = nullptr;
  const Module *module = nullptr;
  InstancePtr self; ///< Of a def in a module.
};

class Value {
public:
  using Storage = std::variant<None, DimAttr, double, bool, std::string, List,
                               mlir::Value, const Weight *, InstancePtr, Init,
                               std::shared_ptr<Loss>, Callable>;

  Value() = default;
  template <typename T>
    requires std::is_constructible_v<Storage, T &&> &&
             (!std::is_same_v<std::decay_t<T>, Value>)
  Value(T &&content) : content(std::forward<T>(content)) {}

  template <typename T>
  const T *as() const {
    return std::get_if<T>(&content);
  }
  template <typename T>
  bool is() const {
    return std::holds_alternative<T>(content);
  }
  bool isNumber() const { return is<DimAttr>() || is<double>(); }
  /// Of the function that is built, or a weight that it loads.
  bool isTensor() const { return is<mlir::Value>() || is<const Weight *>(); }

  /// What it is, for errors: "the number 3", "f32[B, T, 64]".
  std::string describe() const;

private:
  Storage content;
};

/// A layer, a module or a list of them that has been made.
struct Instance {
  std::string path; ///< "h.0.attn"; empty for the model.
  const Module *module = nullptr;
  const Builtin *layer = nullptr; ///< Linear...
  std::map<std::string, Value, std::less<>> members;
  std::vector<Value> parts; ///< Of repeat and Sequential.
  double rate = 0, eps = 0;
};

/// The losses of all labels, and how many of them count.
struct Loss {
  mlir::Value sum;     ///< f32[]
  mlir::Value count;   ///< f32[]
  mlir::Value correct; ///< f32[], or null if there is no right or wrong.
};

/// f32[B, T, 64]
std::string describeType(mlir::Type type);
std::string describeDims(llvm::ArrayRef<DimAttr> dims);
std::string describeShape(llvm::StringRef element,
                          llvm::ArrayRef<DimAttr> dims);

} // namespace attune::dsl

#endif // ATTUNE_FRONTENDS_DSL_VALUE_H
