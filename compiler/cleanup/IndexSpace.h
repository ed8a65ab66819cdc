// Index variables with known ranges, and what can be proven of polynomials over
// them. The arithmetic below ElementExpr.
//
// An index is a #nn.dim over the model's dims and over the variables made here.
// Proofs hold wherever the element that the indices name exists, so each dim of
// the model may be taken as at least 1.
#pragma once

#include "dialects/nn/NN.h"

namespace attune::cleanup {

class IndexSpace {
public:
  explicit IndexSpace(mlir::MLIRContext *context) : context(context) {}

  /// A new variable in [0, extent); the constant 0 if the extent is 1.
  nn::DimAttr addVariable(nn::DimAttr extent);
  /// One variable for each dim.
  nn::Dims addVariables(llvm::ArrayRef<nn::DimAttr> extents);

  /// Whether `value` >= 0 wherever its element exists. False if unknown.
  bool isNonNegative(nn::DimAttr value) const;
  /// Whether `value` > 0.
  bool isPositive(nn::DimAttr value) const { return isNonNegative(value - 1); }
  /// Whether 0 <= index < extent.
  bool isInside(nn::DimAttr index, nn::DimAttr extent) const;

  /// The row-major position of an index.
  nn::DimAttr linearize(llvm::ArrayRef<nn::DimAttr> index,
                        llvm::ArrayRef<nn::DimAttr> dims) const;
  /// The index of a row-major position. A variable that spans two dims is split
  /// into floordiv and mod by the inner extent. Nothing if not provable.
  std::optional<nn::Dims> delinearize(nn::DimAttr position,
                                      llvm::ArrayRef<nn::DimAttr> dims);

  /// The extent of a variable, null if `name` is none.
  nn::DimAttr getExtent(llvm::StringRef name) const;
  /// Whether the variable `variable` occurs in `value`, also inside a part of a
  /// split variable.
  bool dependsOn(nn::DimAttr value, nn::DimAttr variable) const;
  /// The quotient and divisor if `value` is floordiv(variable, divisor).
  struct Quotient {
    nn::DimAttr variable, divisor;
  };
  std::optional<Quotient> asQuotient(nn::DimAttr value) const;

  mlir::MLIRContext *getContext() const { return context; }

private:
  // A variable, or a half of a split one: whole = high * divisor + low.
  struct Variable {
    nn::DimAttr extent;
    nn::DimAttr whole, divisor;
    bool isHigh = false;
  };

  nn::DimAttr make(Variable variable);
  std::optional<nn::DimAttr> splitOne(nn::DimAttr position, nn::DimAttr stride);
  /// Replaces low halves by whole - high * divisor.
  nn::DimAttr normalise(nn::DimAttr value) const;

  mlir::MLIRContext *context;
  llvm::StringMap<Variable> variables;
  unsigned next = 0;
};

} // namespace attune::cleanup
