//===- HalfFloats.h - buffers of f32, f16 or bf16 for tests -----*- C++ -*-===//
#pragma once
#include "llvm/ADT/APFloat.h"
#include <bit>
#include <cstring>
#include <new>
#include <string>
#include <vector>

namespace attune::target::cuda::testing {

enum class Scalar { F32, F16, BF16 };

inline std::string nameOf(Scalar type) {
  return type == Scalar::F32 ? "f32" : type == Scalar::F16 ? "f16" : "bf16";
}

/// Gives memory aligned as a device gives it: where a buffer begins within a
/// sector is the same on the emulated one.
template <class T>
struct DeviceAligned {
  using value_type = T;
  static constexpr std::align_val_t kAlign{256};
  DeviceAligned() = default;
  template <class U>
  DeviceAligned(const DeviceAligned<U> &) {}
  T *allocate(size_t count) {
    return static_cast<T *>(::operator new(count * sizeof(T), kAlign));
  }
  void deallocate(T *data, size_t) { ::operator delete(data, kAlign); }
  bool operator==(const DeviceAligned &) const { return true; }
};

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
    const unsigned char *place = &storage[i * elementBytes(type)];
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
    std::memcpy(&storage[i * elementBytes(type)], &bits, elementBytes(type));
  }

  Scalar type = Scalar::F32;

private:
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
  std::vector<unsigned char, DeviceAligned<unsigned char>> storage;
};

} // namespace attune::target::cuda::testing
