// Exact division of dim polynomials: what `Reshape` with -1 and the splitting
// of a merged dimension need, e.g. (B*P + B*S) / (P + S) = B.
#include "dialects/nn/DimPolynomial.h"

namespace attune::nn {

using namespace mlir;

// a / b as multisets of atoms; null if b is not contained in a.
static ArrayAttr divideMonomials(ArrayAttr a, ArrayAttr b) {
  SmallVector<Attribute> rest(a.begin(), a.end());
  for (Attribute atom : b) {
    auto *it = llvm::find(rest, atom);
    if (it == rest.end())
      return {};
    rest.erase(it);
  }
  return ArrayAttr::get(a.getContext(), rest);
}

DimAttr DimAttr::exactDiv(DimAttr divisor) const {
  if (!*this || !divisor || divisor.getCoefficients().empty())
    return {};
  MLIRContext *context = getContext();
  Term lead = terms(divisor).front();
  DimAttr rest = *this, quotient = constant(context, 0);
  // Each step removes the leading term of `rest`; the bound only guards against
  // orders that are not admissible once floordiv atoms mix with symbols.
  for (int step = 0; step < 64 && !rest.getCoefficients().empty(); ++step) {
    Term top = terms(rest).front();
    ArrayAttr monomial = divideMonomials(top.monomial, lead.monomial);
    if (!monomial || top.coefficient == INT64_MIN ||
        top.coefficient % lead.coefficient != 0)
      return {};
    DimAttr factor =
        canonical(context, {{top.coefficient / lead.coefficient, monomial}});
    quotient = quotient + factor;
    rest = rest - factor * divisor;
    if (!quotient || !rest)
      return {};
  }
  return rest.getCoefficients().empty() ? quotient : DimAttr();
}

} // namespace attune::nn
