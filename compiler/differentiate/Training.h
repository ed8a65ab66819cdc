// How a model is trained: the module attribute `nn.training`, read once.
#pragma once

#include "dialects/nn/Weights.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attune::differentiate {

/// Names of functions, weights and attributes that the parts of training agree
/// on.
namespace names {
inline constexpr llvm::StringLiteral training = "nn.training";
inline constexpr llvm::StringLiteral name = "nn.name";
} // namespace names

enum class Optimizer { AdamW, Sgd };

/// What `nn.training` may say, with PyTorch's defaults.
struct Training {
  Optimizer optimizer = Optimizer::AdamW;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  /// 0.01 for AdamW, 0 for SGD.
  double weightDecay = 0;
  double momentum = 0;
  /// The largest norm of all gradients together, if any.
  std::optional<double> clip;
  /// How much of the average of the weights stays in each step, if there is
  /// one.
  std::optional<double> average;
  /// Globs of the weights that are trained; empty: all.
  llvm::SmallVector<std::string> trainable;
};

/// Reads the attribute of `module`; what is wrong with it is an error, all at
/// once. Without the attribute all is as by default.
mlir::FailureOr<Training> readTraining(mlir::ModuleOp module);

/// The weights that training changes: parameters with a gradient.
llvm::SmallVector<nn::WeightOp> trainedWeights(mlir::ModuleOp module);

/// `@w.grad` of a weight `@w`, and the like; null if there is none.
nn::WeightOp stateOf(const mlir::SymbolTable &symbols, nn::WeightOp weight,
                     llvm::StringRef suffix);

/// Makes it, behind `weight`. An error if the name is taken.
mlir::FailureOr<nn::WeightOp> addState(mlir::SymbolTable &symbols,
                                       nn::WeightOp weight,
                                       llvm::StringRef suffix,
                                       nn::StateKind kind);

/// Appends an argument that users know by `name`.
mlir::Value addArgument(mlir::func::FuncOp function, llvm::StringRef name,
                        mlir::Type type);

/// Results to be. A function gets them all at once, since every change of its
/// results makes a new type and a new list of attributes, as long as they are.
class Results {
public:
  /// Under a name, or as the new value of a weight.
  void add(llvm::StringRef name, mlir::Value value);
  void addUpdate(nn::WeightOp weight, mlir::Value value);

  /// Behind those that `function` has, in the order in which they were added.
  void appendTo(mlir::func::FuncOp function) const;

private:
  void add(mlir::StringAttr key, mlir::Attribute attribute, mlir::Value value);

  llvm::SmallVector<mlir::Value> values;
  llvm::SmallVector<mlir::DictionaryAttr> attributes;
};

/// The outputs by the weights that they update.
llvm::StringMap<mlir::OpOperand *> updatesOf(mlir::func::FuncOp function);

/// The number of the result of that name, if there is one.
std::optional<unsigned> resultNamed(mlir::func::FuncOp function,
                                    llvm::StringRef name);
/// The argument of that name; null if there is none.
mlir::Value argumentNamed(mlir::func::FuncOp function, llvm::StringRef name);

} // namespace attune::differentiate
