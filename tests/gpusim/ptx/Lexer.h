//===- Lexer.h - PTX text as tokens ---------------------------------------===//
//
// Enters: any bytes. Leaves: tokens with their line; bytes that no token
// begins with are Invalid tokens, so nothing here can fail.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstdint>
#include <string_view>

namespace attune::gpusim {

struct Token {
  enum Kind : uint8_t {
    End,
    Invalid,
    Identifier,  ///< add, %r1, $L__BB0_1
    Dotted,      ///< .entry, .L2::128B, .x
    Integer,     ///< value in `bits`
    Float,       ///< a decimal literal; the double in `bits`
    Float32Bits, ///< 0f3F800000
    Float64Bits, ///< 0d...
    String,
    Punctuation, ///< one character
  };
  Kind kind = End;
  std::string_view text; ///< without the dot of a Dotted
  uint32_t line = 0;
  uint64_t bits = 0;
  bool adjacent = false; ///< nothing between this token and the one before

  bool is(char punctuation) const {
    return kind == Punctuation && text[0] == punctuation;
  }
  bool isWord(std::string_view word) const {
    return kind == Identifier && text == word;
  }
  bool isDotted(std::string_view word) const {
    return kind == Dotted && text == word;
  }
};

class Lexer {
public:
  explicit Lexer(std::string_view text) : text(text) {}
  Token next();

private:
  void skipSpace();
  bool startsWith(std::string_view prefix) const;
  void lexNumber(Token &token);
  bool lexFloatBits(Token &token);
  void lexInteger(Token &token);
  size_t scanName(size_t from) const;

  std::string_view text;
  size_t at = 0;
  uint32_t line = 1;
};

} // namespace attune::gpusim
