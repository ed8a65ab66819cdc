//===- TypedBuffer.h - floats of any type in memory -------------*- C++ -*-===//
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace attune::target::common::testing {

/// Elements of type f32, f16 or bf16 as a kernel sees them.
struct TypedBuffer {
  TypedBuffer(std::string element, int64_t size)
      : element(std::move(element)), bytes(size * width()) {}

  int64_t width() const { return element == "f32" ? 4 : 2; }
  int64_t size() const { return int64_t(bytes.size()) / width(); }

  float get(int64_t index) const {
    if (element == "f32")
      return read<float>(index);
    if (element == "f16")
      return float(read<_Float16>(index));
    return std::bit_cast<float>(uint32_t(read<uint16_t>(index)) << 16);
  }
  /// Rounds to nearest even.
  void set(int64_t index, float value) {
    if (element == "f32")
      return write(index, value);
    if (element == "f16")
      return write(index, _Float16(value));
    auto bits = std::bit_cast<uint32_t>(value);
    if (value == value)
      bits += 0x7fff + (bits >> 16 & 1);
    write(index, uint16_t(bits >> 16));
  }

  std::string element;
  std::vector<char> bytes;

private:
  template <class T>
  T read(int64_t index) const {
    T value;
    std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
    return value;
  }
  template <class T>
  void write(int64_t index, T value) {
    std::memcpy(bytes.data() + index * sizeof(T), &value, sizeof(T));
  }
};

} // namespace attune::target::common::testing
