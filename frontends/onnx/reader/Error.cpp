// Formats the one-line messages of Error.h.
#include "frontends/onnx/reader/Error.h"

#include "frontends/onnx/reader/Utf8.h"

#include <vector>

namespace attune::onnx {

// Enough to recognise a name, short enough for one line of a terminal.
static constexpr size_t maxShown = 120;

std::string quoted(std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out = "'";
  size_t at = 0;
  while (at < text.size() && at < maxShown) {
    auto byte = static_cast<unsigned char>(text[at]);
    size_t length = utf8SequenceLength(text.substr(at));
    bool printable = byte >= 0x80 ? length > 0 : byte >= 0x20 && byte < 0x7f;
    if (byte == '\'' || byte == '\\') {
      out += '\\';
      out += text[at++];
    } else if (printable) {
      out += text.substr(at, length);
      at += length;
    } else {
      out += "\\x";
      out += hex[byte >> 4];
      out += hex[byte & 15];
      ++at;
    }
  }
  out += '\'';
  if (at < text.size())
    out += "... (" + std::to_string(text.size()) + " bytes)";
  return out;
}

bool ErrorSink::report(const Frame *where, std::string_view complaint) {
  if (any())
    return false;
  std::vector<const Frame *> chain;
  for (; where; where = where->outer)
    chain.push_back(where);
  message = file + ": ";
  for (auto frame = chain.rbegin(); frame != chain.rend(); ++frame) {
    message += (*frame)->kind;
    if ((*frame)->name && !(*frame)->name->empty())
      message += ' ' + quoted(*(*frame)->name);
    else if ((*frame)->name)
      message += " #" + std::to_string((*frame)->index);
    if ((*frame)->op && !(*frame)->op->empty())
      message += " (" + quoted(*(*frame)->op) + ")";
    message += ": ";
  }
  message += complaint;
  return false;
}

std::string describeMismatch(std::string_view field, std::string_view expected,
                             std::string_view found, std::string_view advice) {
  std::string out(field);
  out += ": expected ";
  out += expected;
  out += ", found ";
  out += found;
  out += "; ";
  out += advice;
  return out;
}

} // namespace attune::onnx
