// Recursive descent over the tokens of a model. Private to the reader.
//
// A function that fails has reported why and gives null or false. After a
// mistake the parser goes on with the next line, so that one run shows the
// mistakes of all lines.
#ifndef ATTUNE_FRONTENDS_DSL_READER_PARSER_H
#define ATTUNE_FRONTENDS_DSL_READER_PARSER_H

#include "frontends/dsl/reader/Ast.h"
#include "frontends/dsl/reader/Token.h"

namespace attune::dsl {

class Parser {
public:
  Parser(std::vector<Token> tokens, Errors &errors)
      : tokens(std::move(tokens)), errors(errors) {}

  /// The whole file; call once.
  File run();
  /// A text that is one expression; null if it is none.
  ExpressionPtr runExpression();

private:
  using Kind = Token::Kind;

  // Tokens.
  const Token &peek(size_t ahead = 0) const {
    return tokens[std::min(at + ahead, tokens.size() - 1)];
  }
  Token take() {
    Token token = peek();
    at += at + 1 < tokens.size();
    return token;
  }
  bool isSymbol(std::string_view text, size_t ahead = 0) const {
    return peek(ahead).kind == Kind::Symbol && peek(ahead).text == text;
  }
  bool isWord(std::string_view text, size_t ahead = 0) const {
    return peek(ahead).kind == Kind::Name && peek(ahead).text == text;
  }
  bool takeSymbol(std::string_view text);
  bool takeWord(std::string_view text);
  bool expectSymbol(std::string_view text, std::string_view after);
  /// The ')' or ']' of the bracket `open`.
  bool expectClosing(const Token &open, std::string_view text, bool inList);
  bool expectName(std::string_view what, Name &name);
  bool fail(std::string_view expected, std::string_view advice);
  bool endStatement();
  void skipLine();
  void skipBlock();
  Span before() const { return tokens[at ? at - 1 : 0].span; }

  // Declarations (Parser.cpp).
  void topLevel(File &file);
  bool parameterLine(File &file);
  bool defaultLine(File &file);
  bool module(File &file);
  bool train(File &file);
  bool trainLine(Train &train);
  bool function(std::vector<Function> &functions);
  bool parameters(std::vector<Parameter> &list);
  bool parameter(Parameter &parameter);
  bool type(TensorType &type);
  bool results(std::vector<Result> &results);
  /// `:`, a line break and lines that stand deeper, each read by `line`.
  template <typename Line>
  bool block(std::string_view after, Line line);

  // Statements (Parser.cpp).
  bool statement(std::vector<Statement> &body);
  bool assignment(Statement &statement);
  bool conditional(Statement &statement);
  bool statements(std::string_view after, std::vector<Statement> &body);

  // Expressions (ParseExpression.cpp).
  static constexpr unsigned sumLevel = 3;
  ExpressionPtr expression();
  /// The same into `value`; false on failure.
  bool expression(ExpressionPtr &value) {
    value = expression();
    return value != nullptr;
  }
  /// Sums and products alone: a bound `<=` may follow.
  bool sum(ExpressionPtr &value) {
    value = binary(sumLevel);
    return value != nullptr;
  }
  ExpressionPtr binary(unsigned level);
  ExpressionPtr unary();
  ExpressionPtr power();
  ExpressionPtr postfix();
  ExpressionPtr primary();
  ExpressionPtr list();
  ExpressionPtr repeat();
  ExpressionPtr number();
  bool arguments(std::vector<Argument> &arguments, Span &span);
  bool subscripts(Expression &index);
  bool subscript(Subscript &entry);
  ExpressionPtr make(Expression::Kind kind, Span span);
  /// Takes over `child`; false if too many stand inside each other.
  bool adopt(Expression &parent, ExpressionPtr child);
  bool deepen(Expression &parent, const Expression *child);

  std::vector<Token> tokens;
  Errors &errors;
  size_t at = 0;
  /// Of calls of the parser inside each other.
  unsigned nesting = 0;
};

} // namespace attune::dsl

#endif // ATTUNE_FRONTENDS_DSL_READER_PARSER_H
