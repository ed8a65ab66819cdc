//===- Lexer.cpp - PTX text as tokens -------------------------------------===//
//
// Comments, names, dotted words and the number forms of the PTX manual.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/ptx/Lexer.h"
#include <bit>
#include <charconv>

namespace attune::gpusim {

static bool isDigit(char c) { return c >= '0' && c <= '9'; }
static bool isLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static bool isNameStart(char c) {
  return isLetter(c) || c == '_' || c == '$' || c == '%';
}
static bool isNameRest(char c) {
  return isLetter(c) || isDigit(c) || c == '_' || c == '$';
}

bool Lexer::startsWith(std::string_view prefix) const {
  return text.substr(at).starts_with(prefix);
}

void Lexer::skipSpace() {
  while (at < text.size()) {
    char c = text[at];
    if (c == '\n')
      ++line;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f') {
      ++at;
    } else if (startsWith("//")) {
      while (at < text.size() && text[at] != '\n')
        ++at;
    } else if (startsWith("/*")) {
      size_t end = text.find("*/", at + 2);
      size_t stop = end == text.npos ? text.size() : end + 2;
      for (; at < stop; ++at)
        line += text[at] == '\n';
    } else {
      return;
    }
  }
}

size_t Lexer::scanName(size_t from) const {
  while (from < text.size() && isNameRest(text[from]))
    ++from;
  return from;
}

/// 0fXXXXXXXX and 0dXXXXXXXXXXXXXXXX: the bits of a float or double.
bool Lexer::lexFloatBits(Token &token) {
  size_t digits = startsWith("0f") || startsWith("0F")   ? 8
                  : startsWith("0d") || startsWith("0D") ? 16
                                                         : 0;
  if (!digits || text.size() - at < 2 + digits)
    return false;
  const char *first = text.data() + at + 2;
  auto [end, error] = std::from_chars(first, first + digits, token.bits, 16);
  if (error != std::errc() || end != first + digits)
    return false;
  token.kind = digits == 8 ? Token::Float32Bits : Token::Float64Bits;
  at += 2 + digits;
  return true;
}

void Lexer::lexInteger(Token &token) {
  int base = 10;
  size_t start = at;
  if (startsWith("0x") || startsWith("0X"))
    base = 16, start += 2;
  else if (startsWith("0b") || startsWith("0B"))
    base = 2, start += 2;
  else if (startsWith("0"))
    base = 8;
  const char *end = text.data() + text.size();
  auto [stop, error] =
      std::from_chars(text.data() + start, end, token.bits, base);
  token.kind = error == std::errc() ? Token::Integer : Token::Invalid;
  at = size_t(stop - text.data());
  if (at < text.size() && (text[at] == 'U' || text[at] == 'u'))
    ++at;
}

void Lexer::lexNumber(Token &token) {
  if (lexFloatBits(token))
    return;
  double value = 0;
  const char *first = text.data() + at;
  size_t stop = at;
  while (stop < text.size() && isDigit(text[stop]))
    ++stop;
  bool decimal = stop < text.size() &&
                 (text[stop] == '.' || text[stop] == 'e' || text[stop] == 'E');
  if (!decimal)
    return lexInteger(token);
  auto [end, error] = std::from_chars(first, text.data() + text.size(), value);
  token.kind = error == std::errc() ? Token::Float : Token::Invalid;
  token.bits = std::bit_cast<uint64_t>(value);
  at = size_t(end - text.data());
}

Token Lexer::next() {
  Token token;
  size_t before = at;
  skipSpace();
  token.adjacent = at == before;
  token.line = line;
  if (at >= text.size())
    return token;
  size_t start = at;
  char c = text[at];
  if (isNameStart(c)) {
    token.kind = Token::Identifier;
    at = scanName(at + 1);
  } else if (c == '.' && at + 1 < text.size() && isNameRest(text[at + 1])) {
    token.kind = Token::Dotted;
    at = scanName(at + 1);
    while (startsWith("::")) // .L2::128B
      at = scanName(at + 2);
  } else if (isDigit(c)) {
    lexNumber(token);
    if (at == start)
      ++at;
    // 0x12zz is no number followed by a name.
    if (size_t rest = scanName(at); rest != at)
      token.kind = Token::Invalid, at = rest;
  } else if (c == '"') {
    size_t end = text.find_first_of("\"\n", at + 1);
    bool closed = end != text.npos && text[end] == '"';
    token.kind = closed ? Token::String : Token::Invalid;
    at = closed ? end + 1 : text.size();
  } else {
    bool known =
        std::string_view("{}()[],;:|!@=+-<>").find(c) != std::string_view::npos;
    token.kind = known ? Token::Punctuation : Token::Invalid;
    ++at;
  }
  token.text = text.substr(start, at - start);
  if (token.kind == Token::Dotted)
    token.text.remove_prefix(1);
  return token;
}

} // namespace attune::gpusim
