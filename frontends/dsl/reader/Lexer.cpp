// Text to tokens.
#include "frontends/dsl/reader/Token.h"

#include <array>

namespace attune::dsl {

namespace {

constexpr bool isDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool isLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

class Lexer {
public:
  Lexer(const Source &source, Errors &errors)
      : text(source.text()), errors(errors) {}

  std::vector<Token> run();

private:
  using Kind = Token::Kind;

  char peek(size_t ahead = 0) const {
    return at + ahead < text.size() ? text[at + ahead] : '\0';
  }
  void add(Kind kind, size_t begin) {
    tokens.push_back({kind,
                      {uint32_t(begin), uint32_t(at)},
                      text.substr(begin, at - begin)});
  }
  bool startsStatement() const;
  bool startLine();
  void endLine();
  void indent(size_t depth, size_t begin);
  void number();
  void string();
  bool symbol();
  void token();

  std::string_view text;
  Errors &errors;
  size_t at = 0;
  /// Open brackets: line breaks inside them are spaces.
  std::vector<char> brackets;
  std::vector<size_t> depths = {0};
  std::vector<Token> tokens;
};

/// Whether a line inside brackets cannot belong to them: a declaration, a def
/// or a return ends brackets that were left open above it, so that one
/// forgotten
/// ')' is one mistake.
bool Lexer::startsStatement() const {
  if (isLetter(peek()))
    return true;
  std::string_view rest = text.substr(at);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return rest.starts_with("return ") || rest.starts_with("def ");
}

/// Looks at the white space a line starts with; false at the end of the text.
bool Lexer::startLine() {
  size_t begin = at;
  while (peek() == ' ' || peek() == '\t')
    ++at;
  if (at == text.size())
    return false;
  bool blank = peek() == '\n' || peek() == '\r' || peek() == '#';
  if (blank)
    return true;
  std::string_view space = text.substr(begin, at - begin);
  if (size_t tab = space.find('\t'); tab != std::string_view::npos)
    errors.report({uint32_t(begin + tab), uint32_t(begin + tab + 1)},
                  "expected spaces before the first word of a line, found a "
                  "tab; use spaces");
  indent(at - begin, begin);
  return true;
}

void Lexer::indent(size_t depth, size_t begin) {
  constexpr size_t mostDepth = 64;
  if (depth > depths.back()) {
    if (depths.size() == mostDepth) {
      errors.report({uint32_t(begin), uint32_t(at)},
                    "expected at most 64 levels of lines inside each other; "
                    "write a def for the inner ones");
      return;
    }
    depths.push_back(depth);
    add(Kind::Indent, begin);
    return;
  }
  while (depth < depths.back()) {
    if (depth > depths[depths.size() - 2]) {
      // Counts as the deeper of the two.
      errors.report({uint32_t(begin), uint32_t(at)},
                    "expected the depth of a line above, found a depth between "
                    "two; move the line left or right");
      return;
    }
    depths.pop_back();
    add(Kind::Dedent, at);
  }
}

void Lexer::endLine() {
  bool empty = tokens.empty() || tokens.back().kind == Kind::Newline ||
               tokens.back().kind == Kind::Indent ||
               tokens.back().kind == Kind::Dedent;
  if (!empty)
    tokens.push_back(
        {Kind::Newline, {uint32_t(at), uint32_t(at)}, text.substr(at, 0)});
}

void Lexer::number() {
  size_t begin = at;
  while (isDigit(peek()))
    ++at;
  if (peek() == '.' && isDigit(peek(1))) {
    ++at;
    while (isDigit(peek()))
      ++at;
  }
  if (peek() == 'e' || peek() == 'E') {
    size_t sign = peek(1) == '-' || peek(1) == '+' ? 1 : 0;
    if (isDigit(peek(1 + sign))) {
      at += 1 + sign;
      while (isDigit(peek()))
        ++at;
    }
  }
  if (isLetter(peek())) {
    while (isLetter(peek()) || isDigit(peek()))
      ++at;
    errors.report({uint32_t(begin), uint32_t(at)},
                  "expected a number, found " +
                      quoted(text.substr(begin, at - begin)) +
                      "; a name starts with a letter");
  }
  add(Kind::Number, begin);
}

void Lexer::string() {
  size_t begin = at;
  char quote = text[at++];
  while (at < text.size() && peek() != quote && peek() != '\n')
    ++at;
  bool ends = peek() == quote;
  at += ends;
  Span span = {uint32_t(begin), uint32_t(at)};
  if (quote != '"')
    errors.report(span, "expected '\"' around a text, found single quotes");
  else if (!ends)
    errors.report(span, "expected '\"' at the end of a text, found the end of "
                        "the line; add '\"'");
  add(Kind::String, begin);
}

bool Lexer::symbol() {
  // Longer ones first.
  static constexpr std::array<std::string_view, 33> symbols = {
      "...", "**", "//", "->", "==", "!=", "<=", ">=", "+=", "-=", "*=",
      "/=",  "(",  ")",  "[",  "]",  "{",  "}",  ",",  ":",  "=",  "+",
      "-",   "*",  "/",  "%",  "@",  "<",  ">",  ".",  "|",  "&",  "~"};
  for (std::string_view symbol : symbols)
    if (text.substr(at).starts_with(symbol)) {
      size_t begin = at;
      at += symbol.size();
      add(Kind::Symbol, begin);
      if (symbol == "(" || symbol == "[")
        brackets.push_back(symbol[0]);
      else if ((symbol == ")" || symbol == "]") && !brackets.empty())
        brackets.pop_back();
      return true;
    }
  return false;
}

void Lexer::token() {
  size_t begin = at;
  char c = peek();
  if (isLetter(c)) {
    while (isLetter(peek()) || isDigit(peek()))
      ++at;
    return add(Kind::Name, begin);
  }
  if (isDigit(c) || (c == '.' && isDigit(peek(1))))
    return number();
  if (c == '"' || c == '\'')
    return string();
  if (symbol())
    return;
  // A whole run of strange bytes is one mistake.
  ++at;
  while (at < text.size() && static_cast<unsigned char>(peek()) >= 0x80)
    ++at;
  errors.report({uint32_t(begin), uint32_t(at)},
                "expected a name, a number or a symbol, found " +
                    quoted(text.substr(begin, at - begin)) + "; remove it");
}

std::vector<Token> Lexer::run() {
  bool atStart = true;
  while (at < text.size()) {
    if (atStart && !brackets.empty() && startsStatement()) {
      brackets.clear();
      endLine();
    }
    if (atStart && brackets.empty() && !startLine())
      break;
    atStart = false;
    char c = peek();
    if (c == '\n') {
      if (brackets.empty())
        endLine();
      atStart = true;
      ++at;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++at;
    } else if (c == '#') {
      while (at < text.size() && peek() != '\n')
        ++at;
    } else {
      token();
    }
  }
  at = text.size();
  if (!tokens.empty() && tokens.back().kind != Kind::Newline)
    add(Kind::Newline, at);
  for (; depths.size() > 1; depths.pop_back())
    add(Kind::Dedent, at);
  add(Kind::End, at);
  return std::move(tokens);
}

} // namespace

std::vector<Token> tokenize(const Source &source, Errors &errors) {
  return Lexer(source, errors).run();
}

} // namespace attune::dsl
