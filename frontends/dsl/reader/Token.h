// The words of a model.
#ifndef ATTUNE_FRONTENDS_DSL_READER_TOKEN_H
#define ATTUNE_FRONTENDS_DSL_READER_TOKEN_H

#include "frontends/dsl/reader/Source.h"

namespace attune::dsl {

struct Token {
  enum class Kind {
    Name,    ///< Of the user, or a keyword.
    Number,  ///< 12, 0.5, 1e-5
    String,  ///< "b t d -> b (t d)"; the span has the quotes
    Symbol,  ///< ( ) [ ] , : = += + - * / // % ** @ == ...
    Newline, ///< The end of a statement.
    Indent,  ///< The next line stands deeper.
    Dedent,  ///< One level of lines has ended.
    End,
  };
  Kind kind = Kind::End;
  Span span;
  std::string_view text; ///< Of the source.
};

/// Splits the text into tokens, as Python does: line breaks inside brackets do
/// not count, and the depth of a line's first word gives Indent and Dedent. The
/// last token is End. What is no token is reported and left out.
std::vector<Token> tokenize(const Source &source, Errors &errors);

} // namespace attune::dsl

#endif // ATTUNE_FRONTENDS_DSL_READER_TOKEN_H
