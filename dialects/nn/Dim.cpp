// Arithmetic of canonical dim polynomials. Every operation ends in `canonical`,
// which sorts and merges terms; uniquing by the context does the rest.
#include "dialects/nn/DimPolynomial.h"

namespace attune::nn {

using namespace mlir;

// Atoms are ordered by kind, then text: the order must not depend on pointers,
// else two runs would print differently.
static bool atomLess(Attribute a, Attribute b) {
  auto symbolA = dyn_cast<StringAttr>(a), symbolB = dyn_cast<StringAttr>(b);
  if (symbolA && symbolB)
    return symbolA.getValue() < symbolB.getValue();
  if (symbolA || symbolB)
    return bool(symbolA);
  return atomText(a) < atomText(b);
}

bool monomialLess(ArrayAttr a, ArrayAttr b) {
  if (a == b)
    return false;
  if (a.size() != b.size())
    return a.size() > b.size();
  for (auto [x, y] : llvm::zip(a, b))
    if (x != y)
      return atomLess(x, y);
  return false;
}

// Dims of models have a handful of terms and factors. A file may ask for more:
// powers of sums grow without end, and so does the time to compute with them.
static constexpr size_t kMostTerms = 256, kMostProducts = 4096;
static constexpr size_t kMostFactors = 62; // 2 to a higher power has no value.
static constexpr int64_t kMostAtoms = 4096;

// Takes the atoms of `dim`, nested ones included, off `budget`, and stops when
// it is spent: terms share what is nested in them, so that a walk to the end
// could take exponential time.
static void countAtoms(DimAttr dim, int64_t &budget) {
  for (ArrayAttr monomial : dim.getMonomials())
    for (Attribute atom : monomial) {
      if (--budget < 0)
        return;
      if (auto op = dyn_cast<DimOpAttr>(atom)) {
        countAtoms(op.getLhs(), budget);
        countAtoms(op.getRhs(), budget);
      }
    }
}

static bool isSmall(ArrayRef<DimAttr> dims) {
  int64_t budget = kMostAtoms;
  for (DimAttr dim : dims)
    countAtoms(dim, budget);
  return budget >= 0;
}

DimAttr canonical(MLIRContext *context, SmallVector<Term> terms) {
  llvm::sort(terms, [](const Term &a, const Term &b) {
    return monomialLess(a.monomial, b.monomial);
  });
  SmallVector<int64_t> coefficients;
  SmallVector<ArrayAttr> monomials;
  for (const Term &term : terms) {
    if (!monomials.empty() && monomials.back() == term.monomial) {
      if (__builtin_add_overflow(coefficients.back(), term.coefficient,
                                 &coefficients.back()))
        return {};
    } else {
      if (!coefficients.empty() && coefficients.back() == 0) {
        coefficients.pop_back();
        monomials.pop_back();
      }
      coefficients.push_back(term.coefficient);
      monomials.push_back(term.monomial);
    }
  }
  if (!coefficients.empty() && coefficients.back() == 0) {
    coefficients.pop_back();
    monomials.pop_back();
  }
  if (monomials.size() > kMostTerms ||
      llvm::any_of(monomials, [](ArrayAttr monomial) {
        return monomial.size() > kMostFactors;
      }))
    return {};
  return DimAttr::get(context, coefficients, monomials);
}

SmallVector<Term> terms(DimAttr dim) {
  SmallVector<Term> result;
  for (auto [coefficient, monomial] :
       llvm::zip(dim.getCoefficients(), dim.getMonomials()))
    result.push_back({coefficient, monomial});
  return result;
}

ArrayAttr multiplyMonomials(ArrayAttr a, ArrayAttr b) {
  SmallVector<Attribute> atoms(a.begin(), a.end());
  atoms.append(b.begin(), b.end());
  llvm::sort(atoms, atomLess);
  return ArrayAttr::get(a.getContext(), atoms);
}

DimAttr DimAttr::constant(MLIRContext *context, int64_t value) {
  return canonical(context, {{value, ArrayAttr::get(context, {})}});
}

static DimAttr fromAtom(Attribute atom) {
  MLIRContext *context = atom.getContext();
  return DimAttr::get(context, {1}, {ArrayAttr::get(context, {atom})});
}

DimAttr DimAttr::symbol(MLIRContext *context, StringRef name) {
  return fromAtom(StringAttr::get(context, name));
}

std::optional<int64_t> DimAttr::getConstant() const {
  if (getCoefficients().empty())
    return 0;
  if (getCoefficients().size() == 1 && getMonomials().front().empty())
    return getCoefficients().front();
  return std::nullopt;
}

StringRef DimAttr::getSymbol() const {
  if (getCoefficients().size() != 1 || getCoefficients().front() != 1 ||
      getMonomials().front().size() != 1)
    return {};
  auto name = dyn_cast<StringAttr>(getMonomials().front()[0]);
  return name ? name.getValue() : StringRef();
}

DimAttr DimAttr::operator+(DimAttr other) const {
  if (!*this || !other)
    return {};
  SmallVector<Term> sum = terms(*this);
  sum.append(terms(other));
  return canonical(getContext(), sum);
}

DimAttr DimAttr::operator*(DimAttr other) const {
  if (!*this || !other)
    return {};
  if (getMonomials().size() * other.getMonomials().size() > kMostProducts)
    return {};
  SmallVector<Term> product;
  for (const Term &a : terms(*this))
    for (const Term &b : terms(other)) {
      int64_t coefficient;
      if (__builtin_mul_overflow(a.coefficient, b.coefficient, &coefficient))
        return {};
      product.push_back(
          {coefficient, multiplyMonomials(a.monomial, b.monomial)});
    }
  return canonical(getContext(), product);
}

DimAttr DimAttr::operator-(DimAttr other) const { return *this + other * -1; }

DimAttr DimAttr::operator+(int64_t other) const {
  return *this ? *this + constant(getContext(), other) : DimAttr();
}
DimAttr DimAttr::operator-(int64_t other) const {
  return *this ? *this - constant(getContext(), other) : DimAttr();
}
DimAttr DimAttr::operator*(int64_t other) const {
  return *this ? *this * constant(getContext(), other) : DimAttr();
}

static int64_t floorDivide(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

// The value of `kind` on constants; nothing where it is undefined.
static std::optional<int64_t> apply(DimOpKind kind, int64_t a, int64_t b) {
  switch (kind) {
  case DimOpKind::Max:
    return std::max(a, b);
  case DimOpKind::Min:
    return std::min(a, b);
  case DimOpKind::FloorDiv:
  case DimOpKind::Mod:
    if (b == 0 || (a == INT64_MIN && b == -1))
      return std::nullopt;
    return kind == DimOpKind::FloorDiv ? floorDivide(a, b)
                                       : a - floorDivide(a, b) * b;
  }
  llvm_unreachable("unknown dim operation");
}

static DimAttr makeOp(DimOpKind kind, DimAttr lhs, DimAttr rhs) {
  if (!lhs || !rhs)
    return {};
  MLIRContext *context = lhs.getContext();
  auto a = lhs.getConstant(), b = rhs.getConstant();
  if (a && b) {
    auto value = apply(kind, *a, *b);
    return value ? DimAttr::constant(context, *value) : DimAttr();
  }
  if (!isSmall({lhs, rhs}))
    return {};
  return fromAtom(DimOpAttr::get(context, kind, lhs, rhs));
}

DimAttr DimAttr::floorDiv(DimAttr divisor) const {
  if (DimAttr quotient = exactDiv(divisor))
    return quotient;
  return makeOp(DimOpKind::FloorDiv, *this, divisor);
}

DimAttr DimAttr::ceilDiv(DimAttr divisor) const {
  if (DimAttr quotient = exactDiv(divisor))
    return quotient;
  return (*this + divisor - 1).floorDiv(divisor);
}

DimAttr DimAttr::mod(DimAttr divisor) const {
  if (exactDiv(divisor))
    return constant(getContext(), 0);
  return makeOp(DimOpKind::Mod, *this, divisor);
}

// a - b decides when it is constant: max(S + 1, S) is S + 1.
DimAttr DimAttr::max(DimAttr other) const {
  if (DimAttr difference = *this - other)
    if (auto value = difference.getConstant())
      return *value >= 0 ? *this : other;
  return makeOp(DimOpKind::Max, *this, other);
}

DimAttr DimAttr::min(DimAttr other) const {
  if (DimAttr difference = *this - other)
    if (auto value = difference.getConstant())
      return *value <= 0 ? *this : other;
  return makeOp(DimOpKind::Min, *this, other);
}

static std::optional<int64_t>
evaluateAtom(Attribute atom, const llvm::StringMap<int64_t> &symbols) {
  if (auto name = dyn_cast<StringAttr>(atom)) {
    auto it = symbols.find(name.getValue());
    return it == symbols.end() ? std::nullopt : std::optional(it->second);
  }
  auto op = cast<DimOpAttr>(atom);
  auto a = op.getLhs().evaluate(symbols), b = op.getRhs().evaluate(symbols);
  return a && b ? apply(op.getKind(), *a, *b) : std::nullopt;
}

std::optional<int64_t>
DimAttr::evaluate(const llvm::StringMap<int64_t> &symbols) const {
  int64_t sum = 0;
  for (const Term &term : terms(*this)) {
    int64_t product = term.coefficient;
    for (Attribute atom : term.monomial) {
      auto value = evaluateAtom(atom, symbols);
      if (!value || __builtin_mul_overflow(product, *value, &product))
        return std::nullopt;
    }
    if (__builtin_add_overflow(sum, product, &sum))
      return std::nullopt;
  }
  return sum;
}

static DimAttr substituteAtom(Attribute atom,
                              const llvm::StringMap<DimAttr> &symbols) {
  if (auto name = dyn_cast<StringAttr>(atom)) {
    auto it = symbols.find(name.getValue());
    return it == symbols.end() ? fromAtom(atom) : it->second;
  }
  auto op = cast<DimOpAttr>(atom);
  DimAttr lhs = op.getLhs().substitute(symbols),
          rhs = op.getRhs().substitute(symbols);
  switch (op.getKind()) {
  case DimOpKind::FloorDiv:
    return lhs.floorDiv(rhs);
  case DimOpKind::Mod:
    return lhs.mod(rhs);
  case DimOpKind::Max:
    return lhs.max(rhs);
  case DimOpKind::Min:
    return lhs.min(rhs);
  }
  llvm_unreachable("unknown dim operation");
}

DimAttr DimAttr::substitute(const llvm::StringMap<DimAttr> &symbols) const {
  DimAttr sum = constant(getContext(), 0);
  for (const Term &term : terms(*this)) {
    DimAttr product = constant(getContext(), term.coefficient);
    for (Attribute atom : term.monomial)
      product = product * substituteAtom(atom, symbols);
    sum = sum + product;
  }
  return sum;
}

void DimAttr::collectSymbols(llvm::SetVector<StringRef> &symbols) const {
  for (ArrayAttr monomial : getMonomials())
    for (Attribute atom : monomial) {
      if (auto name = dyn_cast<StringAttr>(atom)) {
        symbols.insert(name.getValue());
        continue;
      }
      cast<DimOpAttr>(atom).getLhs().collectSymbols(symbols);
      cast<DimOpAttr>(atom).getRhs().collectSymbols(symbols);
    }
}

} // namespace attune::nn
