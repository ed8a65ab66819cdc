//===- HalfFloats.h - buffers of f32, f16 or bf16 for tests -----*- C++ -*-===//
#pragma once
#include "llvm/ADT/APFloat.h"
#include <cstring>
#include <string>
#include <vector>

namespace attune::target::cuda::testing {

enum class Scalar { F32, F16, BF16 };

inline std::string nameOf(Scalar type) {
  return type == Scalar::F32 ? "f32" : type == Scalar::F16 ? "f16" : "bf16";
}

/// Elements of one type, seen as double.
class Buffer {
public:
  Buffer() = default;
  Buffer(Scalar type, int64_t size, double value)
      : type(type), storage(size * elementBytes(type)) {
    for (int64_t i = 0; i < size; ++i)
      set(i, value);
  }
  static int64_t elementBytes(Scalar type) {
    return type == Scalar::F32 ? 4 : 2;
  }
  int64_t size() const { return storage.size() / elementBytes(type); }
  void *bytes() { return storage.data(); }

  double get(int64_t i) const {
    uint32_t bits = 0;
    std::memcpy(&bits, &storage[i * elementBytes(type)], elementBytes(type));
    llvm::APFloat value(semantics(), llvm::APInt(8 * elementBytes(type), bits));
    return convert(value, llvm::APFloat::IEEEdouble()).convertToDouble();
  }
  /// Rounds to nearest, even.
  void set(int64_t i, double value) {
    auto bits = uint32_t(convert(llvm::APFloat(value), semantics())
                             .bitcastToAPInt()
                             .getZExtValue());
    std::memcpy(&storage[i * elementBytes(type)], &bits, elementBytes(type));
  }

  Scalar type = Scalar::F32;

private:
  const llvm::fltSemantics &semantics() const {
    return type == Scalar::F32   ? llvm::APFloat::IEEEsingle()
           : type == Scalar::F16 ? llvm::APFloat::IEEEhalf()
                                 : llvm::APFloat::BFloat();
  }
  static llvm::APFloat convert(llvm::APFloat value,
                               const llvm::fltSemantics &to) {
    bool losesInfo;
    value.convert(to, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
    return value;
  }
  std::vector<unsigned char> storage;
};

} // namespace attune::target::cuda::testing
