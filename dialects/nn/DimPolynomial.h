// The terms of a dim, shared by its arithmetic, division and syntax. Private to
// the nn dialect.
#pragma once

#include "dialects/nn/NN.h"

namespace attune::nn {

struct Term {
  int64_t coefficient;
  mlir::ArrayAttr monomial;
};

/// The terms of `dim`, in canonical order.
llvm::SmallVector<Term> terms(DimAttr dim);

/// Sorts and merges `terms`; null if a coefficient overflows or the result is
/// larger than any model's arithmetic needs.
DimAttr canonical(mlir::MLIRContext *context, llvm::SmallVector<Term> terms);

/// Higher degree first, then by the atoms' text: a total order, and admissible
/// for polynomial division among monomials of the dims that occur.
bool monomialLess(mlir::ArrayAttr a, mlir::ArrayAttr b);

mlir::ArrayAttr multiplyMonomials(mlir::ArrayAttr a, mlir::ArrayAttr b);

/// `S`, `floordiv(S, 2)`.
std::string atomText(mlir::Attribute atom);

} // namespace attune::nn
