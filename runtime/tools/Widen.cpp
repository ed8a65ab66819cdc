//===- Widen.cpp - the same values in a wider dtype -----------------------===//
//
// Tokenizers and datasets give i32, published weights are f16 or bf16.
//
//===----------------------------------------------------------------------===//
#include "runtime/tools/Tensor.h"
#include <bit>
#include <cmath>
#include <cstring>

namespace attune::tools {

bool isNarrower(attune_dtype from, attune_dtype to) {
  switch (from) {
  case ATTUNE_I32:
  case ATTUNE_U32:
    return to == ATTUNE_I64;
  case ATTUNE_I8:
  case ATTUNE_U8:
  case ATTUNE_I16:
  case ATTUNE_U16:
    return to == ATTUNE_I64 || to == ATTUNE_I32;
  case ATTUNE_F16:
  case ATTUNE_BF16:
    return to == ATTUNE_F32;
  default:
    return false;
  }
}

namespace {
struct Half {
  uint16_t bits;
  operator float() const {
    uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = bits >> 10 & 31,
             fraction = bits & 1023;
    if (exponent == 0) // denormal: exact as a product
      return std::copysign(float(fraction) * 0x1p-24f,
                           std::bit_cast<float>(sign));
    uint32_t wide = exponent == 31 ? 255 : exponent + 127 - 15;
    return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
  }
};
/// The upper half of a float.
struct Brain {
  uint16_t bits;
  operator float() const { return std::bit_cast<float>(uint32_t(bits) << 16); }
};
} // namespace

template <typename From, typename To>
static void convert(const Tensor &tensor, std::vector<std::byte> &out) {
  size_t count = tensor.data.size() / sizeof(From);
  out.resize(count * sizeof(To));
  for (size_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, tensor.data.data() + i * sizeof value, sizeof value);
    // An int8 is a number here, and keeps its sign.
    To wide = To(value); // NOLINT(bugprone-signed-char-misuse)
    std::memcpy(out.data() + i * sizeof wide, &wide, sizeof wide);
  }
}

template <typename To>
static void convertIntegers(const Tensor &tensor, std::vector<std::byte> &out) {
  switch (tensor.dtype) {
  case ATTUNE_I8:
    return convert<int8_t, To>(tensor, out);
  case ATTUNE_U8:
    return convert<uint8_t, To>(tensor, out);
  case ATTUNE_I16:
    return convert<int16_t, To>(tensor, out);
  case ATTUNE_U16:
    return convert<uint16_t, To>(tensor, out);
  case ATTUNE_I32:
    return convert<int32_t, To>(tensor, out);
  default:
    return convert<uint32_t, To>(tensor, out);
  }
}

Tensor widened(const Tensor &tensor, attune_dtype to) {
  Tensor result;
  result.dtype = to;
  result.dims = tensor.dims;
  result.origin = tensor.origin;
  if (tensor.dtype == ATTUNE_F16)
    convert<Half, float>(tensor, result.data);
  else if (tensor.dtype == ATTUNE_BF16)
    convert<Brain, float>(tensor, result.data);
  else if (to == ATTUNE_I32)
    convertIntegers<int32_t>(tensor, result.data);
  else
    convertIntegers<int64_t>(tensor, result.data);
  return result;
}

} // namespace attune::tools
