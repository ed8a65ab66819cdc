// Weights of a file that are no parameters. See ConstantWeights.h.
#include "compiler/differentiate/ConstantWeights.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include <cmath>

namespace attune::differentiate {

using namespace mlir;

namespace {
/// Elements of an f32 weight, read where they lie: a model has many large ones,
/// and most are told from a table by the first few.
class Elements {
public:
  explicit Elements(nn::WeightOp weight) {
    auto value = weight.getValueAttr();
    if (auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(value)) {
      if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
        bytes = blob->getData();
    } else if (auto dense = dyn_cast_or_null<DenseElementsAttr>(value)) {
      own.assign(dense.getValues<float>().begin(),
                 dense.getValues<float>().end());
      bytes = ArrayRef(reinterpret_cast<const char *>(own.data()),
                       own.size() * sizeof(float));
    }
  }
  Elements(const Elements &) = delete;

  int64_t size() const { return int64_t(bytes.size() / sizeof(float)); }
  float operator[](int64_t i) const {
    float value = 0;
    std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    return value;
  }
  template <typename Is>
  bool any(Is is) const {
    for (int64_t i = 0; i < size(); ++i)
      if (is((*this)[i]))
        return true;
    return false;
  }

private:
  ArrayRef<char> bytes;
  std::vector<float> own;
};
} // namespace

bool holdsMask(nn::WeightOp weight) {
  // No parameter has such a value; few would be zeros and this.
  constexpr float kHidden = -1e4F, kHiddenBesideZeros = -50;
  Elements elements(weight);
  if (elements.any([](float x) { return !std::isfinite(x) || x <= kHidden; }))
    return true;
  float other = 0;
  bool isSeveral = elements.any([&](float x) {
    if (other == 0)
      other = x;
    return x != 0 && x != other;
  });
  return !isSeveral && other <= kHiddenBesideZeros;
}

static bool isUnit(float a, float b) {
  return std::abs(a * a + b * b - 1) < 1e-4F;
}

// In a row: sine and cosine of an angle side by side, or half a row apart.
static bool pairsInRows(const Elements &x, int64_t columns) {
  if (columns < 2 || columns % 2)
    return false;
  auto lie = [&](int64_t step, int64_t apart) {
    for (int64_t row = 0; row + columns <= x.size(); row += columns)
      for (int64_t i = 0; i < columns / 2; ++i)
        if (!isUnit(x[row + i * step], x[row + i * step + apart]))
          return false;
    return true;
  };
  return lie(2, 1) || lie(1, columns / 2);
}

/// Takes what it compares from `left`.
static bool arePairs(const Elements &x, const Elements &y, int64_t &left) {
  if (x.size() != y.size())
    return false;
  for (int64_t i = 0; i < x.size(); ++i)
    if (--left < 0 || !isUnit(x[i], y[i]))
      return false;
  return true;
}

// Ones beside zeros are pairs too, but scales and shifts that begin so; a table
// has angles between.
static bool mayBeTable(const Elements &x) {
  bool isBetween = false;
  bool isBeyond = x.any([&](float value) {
    float size = std::abs(value);
    isBetween |= size > 0.01F && size < 0.99F;
    return !(size <= 1 + 1e-4F);
  });
  return isBetween && !isBeyond;
}

bool holdsSinusoids(nn::WeightOp weight, ArrayRef<nn::WeightOp> others) {
  constexpr int64_t kFewest = 8; // fewer may be chance
  // A file could hold any number of near pairs.
  constexpr int64_t kMostCompared = int64_t(1) << 20;
  auto type = weight.getTensorType();
  Elements elements(weight);
  if (type.getRank() < 2 || elements.size() < kFewest ||
      elements.size() != type.getNumElements() || !mayBeTable(elements))
    return false;
  if (pairsInRows(elements, type.getShape().back()))
    return true;
  int64_t left = std::max(kMostCompared, 2 * elements.size());
  return llvm::any_of(others, [&](nn::WeightOp other) {
    return other != weight && other.getTensorType() == type &&
           arePairs(elements, Elements(other), left);
  });
}

} // namespace attune::differentiate
