// Decodes tags, varints and lengths.
#include "frontends/onnx/reader/Wire.h"

namespace attune::onnx {

const char *wireTypeName(WireType type) {
  switch (type) {
  case WireType::Varint:
    return "a varint";
  case WireType::Fixed64:
    return "64 bits";
  case WireType::Bytes:
    return "a length-delimited field";
  case WireType::Fixed32:
    return "32 bits";
  }
  return "nothing";
}

static bool fail(WireError &error, const char *expected, const char *found,
                 const std::byte *at) {
  error = {expected, found, at};
  return false;
}

bool takeVarint(std::span<const std::byte> &bytes, uint64_t &value,
                WireError &error) {
  const std::byte *start = bytes.data();
  value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    auto byte = static_cast<uint64_t>(bytes[i]);
    // The tenth byte holds the 64th bit and nothing more.
    if (i == 9 && byte > 1)
      return fail(error, "a varint of at most 64 bits", "a longer one", start);
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      bytes = bytes.subspan(i + 1);
      return true;
    }
  }
  return fail(error, "the rest of a varint", "the end of the enclosing message",
              start);
}

bool WireCursor::take(size_t length, WireField &field, WireError &error) {
  if (length > rest.size())
    return fail(error, "a field inside its message",
                "a length past the end of it", field.start);
  field.bytes = rest.first(length);
  rest = rest.subspan(length);
  return true;
}

bool WireCursor::next(WireField &field, WireError &error) {
  field.start = rest.data();
  uint64_t tag;
  if (!takeVarint(rest, tag, error))
    return false;
  if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
    return fail(error, "a field number from 1 to 536870911", "another",
                field.start);
  field.number = static_cast<uint32_t>(tag >> 3);
  field.varint = 0;
  switch (tag & 7) {
  case 0: {
    field.type = WireType::Varint;
    std::span<const std::byte> before = rest;
    if (!takeVarint(rest, field.varint, error))
      return false;
    field.bytes = before.first(before.size() - rest.size());
    return true;
  }
  case 1:
    field.type = WireType::Fixed64;
    return take(8, field, error);
  case 2: {
    field.type = WireType::Bytes;
    uint64_t length;
    if (!takeVarint(rest, length, error))
      return false;
    if (length > rest.size())
      return fail(error, "a field inside its message",
                  "a length past the end of it", field.start);
    return take(static_cast<size_t>(length), field, error);
  }
  case 5:
    field.type = WireType::Fixed32;
    return take(4, field, error);
  default:
    return fail(error, "wire type 0, 1, 2 or 5", "another", field.start);
  }
}

} // namespace attune::onnx
