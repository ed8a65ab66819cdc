// Weights of a file that are no parameters. See ConstantWeights.h.
#include "compiler/differentiate/ConstantWeights.h"
#include "dialects/nn/reference/Array.h"
#include <cmath>

namespace attune::differentiate {

using namespace mlir;

// Larger ones are no tables.
static constexpr int64_t kMostElements = int64_t(1) << 24;

static std::optional<nn::Array> valuesOf(nn::WeightOp weight) {
  auto value = weight.getValueAttr();
  if (!value || weight.getTensorType().getNumElements() > kMostElements)
    return std::nullopt;
  auto array = nn::Array::fromAttribute(value);
  if (failed(array))
    return std::nullopt;
  return std::move(*array);
}

bool holdsMask(nn::WeightOp weight) {
  // No parameter has such a value; few would be zeros and this.
  constexpr double kHidden = -1e4, kHiddenBesideZeros = -50;
  auto array = valuesOf(weight);
  if (!array)
    return false;
  auto values = array->floats();
  if (llvm::any_of(values,
                   [](double x) { return !std::isfinite(x) || x <= kHidden; }))
    return true;
  auto other = llvm::find_if(values, [](double x) { return x != 0; });
  return other != values.end() && *other <= kHiddenBesideZeros &&
         llvm::all_of(values, [&](double x) { return x == 0 || x == *other; });
}

static bool isUnit(double a, double b) {
  return std::abs(a * a + b * b - 1) < 1e-4;
}

// In a row: sine and cosine of an angle side by side, or half a row apart.
static bool pairsInRows(ArrayRef<double> x, int64_t columns) {
  if (columns % 2)
    return false;
  auto arePairs = [&](int64_t step, int64_t apart) {
    for (size_t row = 0; row < x.size(); row += columns)
      for (int64_t i = 0; i < columns / 2; ++i)
        if (!isUnit(x[row + i * step], x[row + i * step + apart]))
          return false;
    return true;
  };
  return arePairs(2, 1) || arePairs(1, columns / 2);
}

bool holdsSinusoids(nn::WeightOp weight, ArrayRef<nn::WeightOp> others) {
  constexpr int64_t kFewest = 8; // fewer may be chance
  auto type = weight.getTensorType();
  auto array = valuesOf(weight);
  if (!array || type.getRank() < 2 || type.getNumElements() < kFewest)
    return false;
  auto values = array->floats();
  if (llvm::any_of(values, [](double x) { return std::abs(x) > 1 + 1e-4; }))
    return false;
  if (pairsInRows(values, type.getShape().back()))
    return true;
  return llvm::any_of(others, [&](nn::WeightOp other) {
    if (other == weight || other.getTensorType() != type)
      return false;
    auto beside = valuesOf(other);
    return beside &&
           llvm::all_of(llvm::zip(values, beside->floats()), [](auto pair) {
             return isUnit(std::get<0>(pair), std::get<1>(pair));
           });
  });
}

} // namespace attune::differentiate
