//===- TypedBuffer.h - buffers of f32, f16 or bf16 for tests ----*- C++ -*-===//
#pragma once
#include "llvm/ADT/APFloat.h"
#include <bit>
#include <cstring>
#include <string>
#include <vector>

namespace attune::target::common::testing {

enum class Scalar { F32, F16, BF16 };

/// Of "f32", "f16" or "bf16".
inline Scalar scalarNamed(const std::string &name) {
  return name == "f32"   ? Scalar::F32
         : name == "f16" ? Scalar::F16
                         : Scalar::BF16;
}

inline std::string nameOf(Scalar type) {
  return type == Scalar::F32 ? "f32" : type == Scalar::F16 ? "f16" : "bf16";
}

/// An f32 with 10 bits of fraction: to nearest, ties away from zero.
inline double roundedToTf32(double value) {
  auto bits = std::bit_cast<uint32_t>(float(value));
  return std::bit_cast<float>((bits + 0x1000) & 0xffffe000);
}

/// Elements of one type, seen as double. They start at a multiple of what any
/// access asks for, as tensors on a device do.
class TypedBuffer {
public:
  TypedBuffer() = default;
  TypedBuffer(Scalar type, int64_t size, double value)
      : type(type), count(size),
        storage(size * elementBytes(type) / sizeof(Line) + 1) {
    for (int64_t i = 0; i < size; ++i)
      set(i, value);
  }
  static int64_t elementBytes(Scalar type) {
    return type == Scalar::F32 ? 4 : 2;
  }
  int64_t size() const { return count; }
  void *bytes(int64_t from = 0) {
    return storage.front().bytes + from * elementBytes(type);
  }
  /// Whether every bit is the same.
  bool operator==(const TypedBuffer &other) const {
    return type == other.type && count == other.count &&
           !std::memcmp(storage.data(), other.storage.data(),
                        count * elementBytes(type));
  }

  double get(int64_t i) const {
    const unsigned char *place = storage.front().bytes + i * elementBytes(type);
    switch (type) {
    case Scalar::F32:
      return read<float>(place);
    case Scalar::F16:
      return double(read<_Float16>(place));
    case Scalar::BF16:
      return std::bit_cast<float>(uint32_t(read<uint16_t>(place)) << 16);
    }
    llvm_unreachable("unknown type");
  }
  std::vector<double> values() const {
    std::vector<double> result(size());
    for (int64_t i = 0; i < size(); ++i)
      result[i] = get(i);
    return result;
  }
  /// Rounds to nearest, even.
  void set(int64_t i, double value) {
    llvm::APFloat rounded(value);
    bool losesInfo;
    rounded.convert(semantics(), llvm::APFloat::rmNearestTiesToEven,
                    &losesInfo);
    auto bits = uint32_t(rounded.bitcastToAPInt().getZExtValue());
    std::memcpy(storage.front().bytes + i * elementBytes(type), &bits,
                elementBytes(type));
  }

  Scalar type = Scalar::F32;

private:
  struct alignas(64) Line {
    unsigned char bytes[64];
  };
  template <class T>
  static T read(const unsigned char *place) {
    T value;
    std::memcpy(&value, place, sizeof(T));
    return value;
  }
  const llvm::fltSemantics &semantics() const {
    return type == Scalar::F32   ? llvm::APFloat::IEEEsingle()
           : type == Scalar::F16 ? llvm::APFloat::IEEEhalf()
                                 : llvm::APFloat::BFloat();
  }
  int64_t count = 0;
  std::vector<Line> storage;
};

} // namespace attune::target::common::testing
