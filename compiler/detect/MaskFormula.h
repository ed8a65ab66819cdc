// A mask as a formula over conditions, and what each condition means.
//
// Enters: an additive mask such as where(a and b, 0, -inf). Leaves: its fill
// value and the conjunction of conditions under which a score is visible, each
// one known as causal, window, key padding or something else. Private to
// detect/.
#pragma once

#include "compiler/detect/Matchers.h"

namespace attune::detect {

/// A literal: `condition`, or its negation.
struct Literal {
  mlir::Value condition;
  bool negated = false;
};

/// A score is visible where all conjuncts hold; each conjunct is a disjunction
/// of conjunctions, given as nodes of a small tree.
struct Formula {
  enum class Kind { True, False, Atom, And, Or };
  Kind kind = Kind::True;
  Literal atom;
  llvm::SmallVector<std::shared_ptr<const Formula>> parts;
};
using FormulaRef = std::shared_ptr<const Formula>;

/// `value` as where(formula, 0, fill), through selects, and, or, not.
struct MaskTerm {
  FormulaRef visible;
  double fill;
};
std::optional<MaskTerm> asMaskTerm(mlir::Value value);

/// The conjuncts of a formula; none if it always holds.
llvm::SmallVector<FormulaRef> conjuncts(const FormulaRef &formula);

/// The formula as an i1 tensor.
mlir::Value buildFormula(mlir::OpBuilder &builder, mlir::Location location,
                         const FormulaRef &formula);

/// Variables of a score's index (b, h, i, j) and the dims they run over.
struct ScoreIndex {
  explicit ScoreIndex(mlir::MLIRContext *context, nn::Dims dims);
  cleanup::IndexSpace space;
  nn::Dims dims;      // B, H, S, T
  nn::Dims variables; // b, h, i, j
};

/// What a conjunct says.
struct MaskMeaning {
  enum class Kind {
    Always,
    Never,
    Causal, // j <= i + offset
    Window, // j >= i - offset
    Key,    // depends on (b, j) only
    Other,
  };
  Kind kind = Kind::Other;
  nn::DimAttr offset;
};
MaskMeaning classify(const FormulaRef &conjunct, ScoreIndex &index);

} // namespace attune::detect
