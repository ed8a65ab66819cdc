// Storage and data movement of evaluator arrays.
#include "dialects/nn/reference/Array.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/APFloat.h"
#include <numeric>

namespace attune::nn {

using namespace mlir;

Extents rowMajorStrides(ArrayRef<int64_t> shape) {
  Extents strides(shape.size(), 1);
  for (int64_t axis = int64_t(shape.size()) - 2; axis >= 0; --axis)
    strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

int64_t storageBytes(Type elementType) {
  return llvm::divideCeil(elementType.getIntOrFloatBitWidth(), 8);
}

Array::Array(Type elementType, ArrayRef<int64_t> shape)
    : elementType(elementType), shape(shape) {
  if (isFloat())
    floatData = std::make_shared<std::vector<double>>(size());
  else
    intData = std::make_shared<std::vector<int64_t>>(size());
}

int64_t Array::size() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1),
                         std::multiplies<>());
}

bool Array::isFloat() const { return isa<FloatType>(elementType); }

Array Array::reshaped(ArrayRef<int64_t> newShape) const {
  Array result = *this;
  result.shape = Extents(newShape);
  return result;
}

// Copies one strided window; the innermost dimension is the tight loop.
template <typename T>
static void copyStrided(const T *from, T *to, ArrayRef<int64_t> shape,
                        ArrayRef<int64_t> strides) {
  if (shape.empty()) {
    *to = *from;
    return;
  }
  int64_t inner = shape.back(), innerStride = strides.back();
  forEachIndex(shape.drop_back(), [&](ArrayRef<int64_t> index, int64_t row) {
    const T *source = from;
    for (size_t axis = 0; axis < index.size(); ++axis)
      source += index[axis] * strides[axis];
    T *target = to + row * inner;
    for (int64_t i = 0; i < inner; ++i)
      target[i] = source[i * innerStride];
  });
}

Array Array::gathered(ArrayRef<int64_t> newShape, int64_t offset,
                      ArrayRef<int64_t> strides) const {
  Array result(elementType, newShape);
  if (result.size() == 0)
    return result;
  if (isFloat())
    copyStrided(floatData->data() + offset, result.floatData->data(), newShape,
                strides);
  else
    copyStrided(intData->data() + offset, result.intData->data(), newShape,
                strides);
  return result;
}

Array Array::transposed(ArrayRef<int64_t> permutation) const {
  Extents strides = rowMajorStrides(shape), newShape, newStrides;
  for (int64_t axis : permutation) {
    newShape.push_back(shape[axis]);
    newStrides.push_back(strides[axis]);
  }
  return gathered(newShape, 0, newStrides);
}

Array Array::broadcasted(ArrayRef<int64_t> newShape) const {
  if (newShape == ArrayRef<int64_t>(shape))
    return *this;
  Extents strides = rowMajorStrides(shape), newStrides(newShape.size(), 0);
  size_t lead = newShape.size() - shape.size();
  for (size_t axis = 0; axis < shape.size(); ++axis)
    newStrides[lead + axis] = shape[axis] == 1 ? 0 : strides[axis];
  return gathered(newShape, 0, newStrides);
}

// ---- storage types ----

template <typename Storage, typename T>
static void widen(ArrayRef<char> bytes, std::vector<T> &values) {
  for (size_t i = 0; i < values.size(); ++i) {
    Storage value;
    std::memcpy(&value, bytes.data() + i * sizeof(Storage), sizeof(Storage));
    values[i] = T(value);
  }
}

template <typename Storage, typename T>
static void narrow(const std::vector<T> &values, std::vector<char> &bytes) {
  for (size_t i = 0; i < values.size(); ++i) {
    Storage value = Storage(values[i]);
    std::memcpy(bytes.data() + i * sizeof(Storage), &value, sizeof(Storage));
  }
}

static double halfToDouble(uint16_t bits, const llvm::fltSemantics &semantics) {
  llvm::APFloat value(semantics, llvm::APInt(16, bits));
  return value.convertToDouble();
}

static uint16_t doubleToHalf(double value,
                             const llvm::fltSemantics &semantics) {
  llvm::APFloat half(value);
  bool lossy;
  half.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &lossy);
  return half.bitcastToAPInt().getZExtValue();
}

FailureOr<Array> Array::fromBytes(Type elementType, ArrayRef<int64_t> shape,
                                  ArrayRef<char> bytes) {
  Array array(elementType, shape);
  if (int64_t(bytes.size()) < array.size() * storageBytes(elementType))
    return failure();
  if (elementType.isF64())
    widen<double>(bytes, *array.floatData);
  else if (elementType.isF32())
    widen<float>(bytes, *array.floatData);
  else if (auto type = dyn_cast<FloatType>(elementType);
           type && type.getWidth() == 16) {
    widen<uint16_t>(bytes, *array.floatData);
    for (double &value : *array.floatData)
      value = halfToDouble(uint16_t(value), type.getFloatSemantics());
  } else if (elementType.isInteger(64))
    widen<int64_t>(bytes, *array.intData);
  else if (elementType.isInteger(32))
    widen<int32_t>(bytes, *array.intData);
  else if (elementType.isInteger(16))
    widen<int16_t>(bytes, *array.intData);
  else if (elementType.isInteger(8))
    widen<int8_t>(bytes, *array.intData);
  else if (elementType.isInteger(1)) {
    widen<uint8_t>(bytes, *array.intData);
    for (int64_t &value : *array.intData)
      value = value != 0;
  } else
    return failure();
  return array;
}

std::vector<char> Array::toBytes() const {
  std::vector<char> bytes(size() * storageBytes(elementType));
  if (elementType.isF64())
    narrow<double>(*floatData, bytes);
  else if (elementType.isF32())
    narrow<float>(*floatData, bytes);
  else if (auto type = dyn_cast<FloatType>(elementType)) {
    std::vector<int64_t> halves;
    for (double value : *floatData)
      halves.push_back(doubleToHalf(value, type.getFloatSemantics()));
    narrow<uint16_t>(halves, bytes);
  } else if (elementType.isInteger(64))
    narrow<int64_t>(*intData, bytes);
  else if (elementType.isInteger(32))
    narrow<int32_t>(*intData, bytes);
  else if (elementType.isInteger(16))
    narrow<int16_t>(*intData, bytes);
  else
    narrow<int8_t>(*intData, bytes);
  return bytes;
}

static FailureOr<Array> fromDense(DenseElementsAttr dense) {
  Type elementType = dense.getElementType();
  Array array(elementType, dense.getType().getShape());
  if (isa<FloatType>(elementType)) {
    auto toDouble = [](const APFloat &value) {
      APFloat wide = value;
      bool lossy;
      wide.convert(llvm::APFloat::IEEEdouble(),
                   llvm::APFloat::rmNearestTiesToEven, &lossy);
      return wide.convertToDouble();
    };
    llvm::transform(dense.getValues<APFloat>(), array.floats().begin(),
                    toDouble);
    return array;
  }
  if (!isa<IntegerType>(elementType))
    return failure();
  bool isBool = elementType.isInteger(1);
  llvm::transform(
      dense.getValues<APInt>(), array.ints().begin(), [&](const APInt &value) {
        return isBool ? int64_t(value.getZExtValue()) : value.getSExtValue();
      });
  return array;
}

FailureOr<Array> Array::fromAttribute(ElementsAttr attribute) {
  if (auto dense = dyn_cast<DenseElementsAttr>(attribute))
    return fromDense(dense);
  auto resource = dyn_cast<DenseResourceElementsAttr>(attribute);
  AsmResourceBlob *blob =
      resource ? resource.getRawHandle().getBlob() : nullptr;
  if (!blob)
    return failure();
  return fromBytes(attribute.getElementType(),
                   attribute.getShapedType().getShape(), blob->getData());
}

DenseElementsAttr Array::toAttribute() const {
  auto type = RankedTensorType::get(shape, elementType);
  if (elementType.isInteger(1)) {
    SmallVector<bool> values;
    for (int64_t value : ints())
      values.push_back(value != 0);
    return DenseElementsAttr::get(type, values);
  }
  std::vector<char> bytes = toBytes();
  return DenseElementsAttr::getFromRawBuffer(type, bytes);
}

} // namespace attune::nn
