// The protobuf wire format: a byte range as a sequence of tagged fields.
//
// Knows nothing of ONNX and allocates nothing; every length is checked against
// the range before it is used.
// Source: protobuf.dev/programming-guides/encoding (proto2 and proto3 alike).
#ifndef ATTUNE_FRONTENDS_ONNX_READER_WIRE_H
#define ATTUNE_FRONTENDS_ONNX_READER_WIRE_H

#include <cstddef>
#include <cstdint>
#include <span>

namespace attune::onnx {

enum class WireType : uint8_t {
  Varint = 0,
  Fixed64 = 1,
  Bytes = 2,
  Fixed32 = 5
};

/// "a varint", "64 bits", "a length-delimited field", "32 bits".
const char *wireTypeName(WireType type);

struct WireField {
  uint32_t number = 0;
  WireType type = WireType::Varint;
  uint64_t varint = 0;              ///< The value, for Varint.
  std::span<const std::byte> bytes; ///< The encoded value, without its length.
  const std::byte *start = nullptr; ///< Of the tag; for messages.
};

/// What was wrong with the encoding, and where.
struct WireError {
  const char *expected = nullptr; ///< Null: nothing is wrong.
  const char *found = nullptr;
  const std::byte *at = nullptr;
};

/// Reads a varint from the front of `bytes` and removes it.
bool takeVarint(std::span<const std::byte> &bytes, uint64_t &value,
                WireError &error);

class WireCursor {
public:
  explicit WireCursor(std::span<const std::byte> bytes) : rest(bytes) {}

  bool done() const { return rest.empty(); }
  /// Reads one field. On failure returns false and fills `error`.
  bool next(WireField &field, WireError &error);

private:
  bool take(size_t length, WireField &field, WireError &error);

  std::span<const std::byte> rest;
};

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_READER_WIRE_H
