//===- Utf8.h - code points of UTF-8 --------------------------------------===//
//
// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstddef>
#include <string_view>

namespace attune::train {

inline constexpr char32_t kCodePoints = 0x110000;

/// Bytes (1 to 4) of the code point that `text` starts with; 0 if there is
/// none.
inline size_t readCodePoint(std::string_view text, char32_t &out) {
  if (text.empty())
    return 0;
  auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) {
    out = lead;
    return 1;
  }
  if (lead < 0xc2 || lead > 0xf4)
    return 0;
  size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (text.size() < length)
    return 0;
  char32_t value = lead & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    if (byte >> 6 != 2)
      return 0;
    value = value << 6 | (byte & 0x3f);
  }
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  bool isSurrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < least[length] || value >= kCodePoints || isSurrogate)
    return 0;
  out = value;
  return length;
}

inline bool isUtf8(std::string_view text) {
  char32_t ignored = 0;
  while (!text.empty()) {
    size_t length = readCodePoint(text, ignored);
    if (length == 0)
      return false;
    text.remove_prefix(length);
  }
  return true;
}

} // namespace attune::train
