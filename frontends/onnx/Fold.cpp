// Elementwise functions of known elements.
#include "frontends/onnx/Ops.h"

#include "dialects/nn/ElementwiseKinds.h"

#include <cmath>

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;

/// C++ division rounds to zero, as ONNX's does; floorDiv on dims does not.
static DimAttr divide(DimAttr a, DimAttr b, const Symbols &symbols) {
  auto x = a.getConstant(), y = b.getConstant();
  if (y == 0 || (x == INT64_MIN && y == -1))
    return {};
  if (x && y)
    return symbols.constant(*x / *y);
  if (symbols.atLeast(a, 0) && symbols.atLeast(b, 1))
    return a.floorDiv(b);
  return {};
}

static DimAttr modulo(Kind kind, DimAttr a, DimAttr b, const Symbols &symbols) {
  auto x = a.getConstant(), y = b.getConstant();
  if (y == 0 || y == -1)
    return y == -1 ? symbols.constant(0) : DimAttr();
  if (x && y) {
    int64_t rest = *x % *y;
    if (kind == Kind::Mod && rest != 0 && (rest < 0) != (*y < 0))
      rest += *y;
    return symbols.constant(rest);
  }
  if (symbols.atLeast(a, 0) && symbols.atLeast(b, 1))
    return a.mod(b);
  return {};
}

std::optional<bool> Ops::compare(Kind kind, DimAttr lowest, DimAttr highest) {
  // Of a difference lhs - rhs between its two bounds.
  if (!lowest || !highest)
    return std::nullopt;
  auto low = symbols.lower(lowest), high = symbols.upper(highest);
  auto decide = [](bool yes, bool no) -> std::optional<bool> {
    return yes ? std::optional(true) : no ? std::optional(false) : std::nullopt;
  };
  bool negative = high && *high < 0, notPositive = high && *high <= 0;
  bool positive = low && *low > 0, notNegative = low && *low >= 0;
  switch (kind) {
  case Kind::Equal:
    return decide(notPositive && notNegative, negative || positive);
  case Kind::Less:
    return decide(negative, notNegative);
  case Kind::LessEqual:
    return decide(notPositive, positive);
  case Kind::Greater:
    return decide(positive, notPositive);
  case Kind::GreaterEqual:
    return decide(notNegative, negative);
  default:
    return std::nullopt;
  }
}

DimAttr Ops::foldInteger(Kind kind, ArrayRef<DimAttr> x) {
  auto truth = [&](unsigned i) -> std::optional<bool> {
    auto value = i < x.size() ? x[i].getConstant() : std::nullopt;
    return value ? std::optional(*value != 0) : std::nullopt;
  };
  std::optional<bool> a = truth(0), b = truth(1);
  auto boolean = [&](std::optional<bool> value) {
    return value ? dim(*value) : DimAttr();
  };
  switch (kind) {
  case Kind::Add:
    return x[0] + x[1];
  case Kind::Sub:
    return x[0] - x[1];
  case Kind::Mul:
    return x[0] * x[1];
  case Kind::Div:
    return divide(x[0], x[1], symbols);
  case Kind::Mod:
  case Kind::Fmod:
    return modulo(kind, x[0], x[1], symbols);
  case Kind::Max:
    return x[0].max(x[1]);
  case Kind::Min:
    return x[0].min(x[1]);
  case Kind::Neg:
    return dim(0) - x[0];
  case Kind::Abs:
    return symbols.atLeast(x[0], 0)            ? x[0]
           : symbols.atLeast(dim(0) - x[0], 0) ? dim(0) - x[0]
                                               : DimAttr();
  case Kind::Relu:
    return x[0].max(dim(0));
  case Kind::Equal:
  case Kind::Less:
  case Kind::LessEqual:
  case Kind::Greater:
  case Kind::GreaterEqual: {
    DimAttr difference = x[0] - x[1];
    return boolean(compare(kind, difference, difference));
  }
  case Kind::And:
    return a && b ? dim(*a && *b) : DimAttr();
  case Kind::Or:
    return a && b ? dim(*a || *b) : DimAttr();
  case Kind::Xor:
    return a && b ? dim(*a != *b) : DimAttr();
  case Kind::Not:
    return a ? dim(!*a) : DimAttr();
  case Kind::Select:
    return a ? x[*a ? 1 : 2] : DimAttr();
  default:
    return {};
  }
}

/// The function in double precision; NaN-free kinds only.
static std::optional<double> foldReal(Kind kind, ArrayRef<double> x) {
  switch (kind) {
  case Kind::Add:
    return x[0] + x[1];
  case Kind::Sub:
    return x[0] - x[1];
  case Kind::Mul:
    return x[0] * x[1];
  case Kind::Div:
    return x[0] / x[1];
  case Kind::Pow:
    return std::pow(x[0], x[1]);
  case Kind::Max:
    return std::fmax(x[0], x[1]);
  case Kind::Min:
    return std::fmin(x[0], x[1]);
  case Kind::Sqrt:
    return std::sqrt(x[0]);
  case Kind::Rsqrt:
    return 1 / std::sqrt(x[0]);
  case Kind::Reciprocal:
    return 1 / x[0];
  case Kind::Exp:
    return std::exp(x[0]);
  case Kind::Log:
    return std::log(x[0]);
  case Kind::Neg:
    return -x[0];
  case Kind::Abs:
    return std::fabs(x[0]);
  case Kind::Floor:
    return std::floor(x[0]);
  case Kind::Ceil:
    return std::ceil(x[0]);
  case Kind::Equal:
    return x[0] == x[1];
  case Kind::Less:
    return x[0] < x[1];
  case Kind::LessEqual:
    return x[0] <= x[1];
  case Kind::Greater:
    return x[0] > x[1];
  case Kind::GreaterEqual:
    return x[0] >= x[1];
  case Kind::Sin:
    return std::sin(x[0]);
  case Kind::Cos:
    return std::cos(x[0]);
  default:
    return std::nullopt;
  }
}

std::optional<Imported> Ops::foldIntegers(Kind kind, ArrayRef<Imported> inputs,
                                          Type element, const Dims &dims) {
  auto count = staticCount(dims, maxFolded);
  if (!count)
    return std::nullopt;
  SmallVector<Dims> operands;
  for (const Imported &x : inputs) {
    if (x.isKnown(Known::Kind::Affine) && !knownSplat(x) &&
        *count > maxExpandedRange)
      return std::nullopt;
    Imported spread = x;
    spread.dims = dims;
    auto known = knownIntegers(spread);
    if (!known || x.isFloat())
      return std::nullopt;
    operands.push_back(*known);
  }
  // Logic is bitwise on integers, of which dims know nothing.
  bool bitwise = kind == Kind::And || kind == Kind::Or || kind == Kind::Xor ||
                 kind == Kind::Not;
  if (bitwise && !inputs.front().isBool())
    return std::nullopt;
  Dims values;
  for (int64_t n = 0; n < *count; ++n) {
    Dims arguments;
    for (const Dims &operand : operands)
      arguments.push_back(operand[n]);
    DimAttr value = foldInteger(kind, arguments);
    if (!value)
      return std::nullopt;
    values.push_back(value);
  }
  return integers(element, dims, values);
}

std::optional<Imported> Ops::foldReals(Kind kind, ArrayRef<Imported> inputs,
                                       Type element, const Dims &dims) {
  auto count = staticCount(dims, maxFolded);
  if (!count)
    return std::nullopt;
  SmallVector<SmallVector<double>> operands;
  for (const Imported &x : inputs) {
    Imported spread = x;
    spread.dims = dims;
    auto known = knownReals(spread);
    // Half precision would need its own rounding of each step.
    if (!known || !(x.element.isF32() || x.element.isF64()))
      return std::nullopt;
    operands.push_back(*known);
  }
  Imported result;
  result.element = element;
  result.own = result.dims = dims;
  result.known.kind = Known::Kind::Reals;
  Dims truths;
  for (int64_t n = 0; n < *count; ++n) {
    SmallVector<double> arguments;
    for (const auto &operand : operands)
      arguments.push_back(operand[n]);
    auto value = foldReal(kind, arguments);
    if (!value)
      return std::nullopt;
    if (element.isInteger(1))
      truths.push_back(dim(*value != 0));
    else
      result.known.reals.push_back(element.isF32() ? double(float(*value))
                                                   : *value);
  }
  return element.isInteger(1) ? integers(element, dims, truths) : result;
}

DimAttr Ops::lowest(const Affine &form, ArrayRef<DimAttr> dims) {
  DimAttr sum = form.base;
  for (auto [step, extent] : llvm::zip(form.steps, dims)) {
    if (!sum || symbols.atLeast(step, 0))
      continue;
    if (!symbols.atLeast(dim(0) - step, 0))
      return {};
    sum = sum + step * (extent - 1);
  }
  return sum;
}

DimAttr Ops::highest(const Affine &form, ArrayRef<DimAttr> dims) {
  DimAttr sum = form.base;
  for (auto [step, extent] : llvm::zip(form.steps, dims)) {
    if (!sum || symbols.atLeast(dim(0) - step, 0))
      continue;
    if (!symbols.atLeast(step, 0))
      return {};
    sum = sum + step * (extent - 1);
  }
  return sum;
}

/// `form` over dims `from` as a form over `to`, which they broadcast to.
std::optional<Affine> Ops::spread(const Affine &form, ArrayRef<DimAttr> from,
                                  ArrayRef<DimAttr> to) const {
  Affine out{form.base, Dims(to.size(), dim(0))};
  for (size_t i = 0; i < from.size(); ++i)
    if (from[from.size() - 1 - i] == to[to.size() - 1 - i] &&
        from[from.size() - 1 - i].getConstant() != 1)
      out.steps[to.size() - 1 - i] = form.steps[from.size() - 1 - i];
  return out;
}

std::optional<Imported> Ops::foldAffine(Kind kind, ArrayRef<Imported> inputs,
                                        Type element, const Dims &dims) {
  SmallVector<Affine> forms;
  for (const Imported &x : inputs) {
    auto form = x.isFloat() ? std::nullopt : knownAffine(x);
    if (!form)
      return std::nullopt;
    forms.push_back(*spread(*form, x.own, dims));
  }
  auto combine = [&](auto function) -> std::optional<Imported> {
    Affine out{function(forms[0].base, forms[1].base), {}};
    for (auto [a, b] : llvm::zip(forms[0].steps, forms[1].steps))
      out.steps.push_back(function(a, b));
    bool fits =
        out.base && llvm::all_of(out.steps, [](DimAttr s) { return bool(s); });
    return fits ? std::optional(affine(element, dims, out)) : std::nullopt;
  };
  switch (kind) {
  case Kind::Add:
    return combine([](DimAttr a, DimAttr b) { return a + b; });
  case Kind::Sub:
    return combine([](DimAttr a, DimAttr b) { return a - b; });
  case Kind::Mul: {
    if (!forms[1].isSplat())
      std::swap(forms[0], forms[1]);
    if (!forms[1].isSplat())
      return std::nullopt;
    DimAttr factor = forms[1].base;
    return combine([&](DimAttr a, DimAttr) { return a * factor; });
  }
  case Kind::Equal:
  case Kind::Less:
  case Kind::LessEqual:
  case Kind::Greater:
  case Kind::GreaterEqual: {
    auto difference = combine([](DimAttr a, DimAttr b) { return a - b; });
    if (!difference)
      return std::nullopt;
    const Affine &form = difference->known.forms.front();
    auto truth = compare(kind, lowest(form, dims), highest(form, dims));
    if (!truth)
      return std::nullopt;
    return splat(element, dims, *truth);
  }
  default:
    return std::nullopt;
  }
}

std::optional<Imported> Ops::fold(Kind kind, ArrayRef<Imported> inputs,
                                  Type element, const Dims &dims) {
  if (auto folded = foldIntegers(kind, inputs, element, dims))
    return folded;
  if (auto folded = foldReals(kind, inputs, element, dims))
    return folded;
  return foldAffine(kind, inputs, element, dims);
}

} // namespace attune::onnx
