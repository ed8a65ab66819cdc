// Whether bytes are UTF-8 (RFC 3629: no overlong forms, no surrogates).
#ifndef ATTUNE_FRONTENDS_ONNX_READER_UTF8_H
#define ATTUNE_FRONTENDS_ONNX_READER_UTF8_H

#include <cstddef>
#include <string_view>

namespace attune::onnx {

/// Length in bytes (1 to 4) of the well-formed sequence that `text` starts
/// with; 0 if there is none.
inline size_t utf8SequenceLength(std::string_view text) {
  auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  auto tail = [&](size_t i) { return i < text.size() && at(i) >> 6 == 2; };
  if (text.empty())
    return 0;
  unsigned char lead = at(0);
  if (lead < 0x80)
    return 1;
  if (lead >= 0xc2 && lead <= 0xdf)
    return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (!tail(1) || !tail(2) || (lead == 0xe0 && at(1) < 0xa0) ||
        (lead == 0xed && at(1) > 0x9f))
      return 0;
    return 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (!tail(1) || !tail(2) || !tail(3) || (lead == 0xf0 && at(1) < 0x90) ||
        (lead == 0xf4 && at(1) > 0x8f))
      return 0;
    return 4;
  }
  return 0;
}

inline bool isUtf8(std::string_view text) {
  while (!text.empty()) {
    size_t length = utf8SequenceLength(text);
    if (length == 0)
      return false;
    text.remove_prefix(length);
  }
  return true;
}

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_READER_UTF8_H
