// Expressions, by precedence.
#include "frontends/dsl/reader/Parser.h"

#include <array>
#include <charconv>

namespace attune::dsl {

/// Expressions inside each other. Walks over a tree recurse this deep.
static constexpr unsigned mostDepth = 100;

std::string_view spelling(Operator op) {
  static constexpr std::array<std::string_view, 18> texts = {
      "or", "and", "not", "==", "!=", "<", "<=", ">", ">=",
      "+",  "-",   "*",   "/",  "//", "%", "@",  "-", "**"};
  return texts[size_t(op)];
}

ExpressionPtr Parser::make(Expression::Kind kind, Span span) {
  auto made = std::make_unique<Expression>();
  made->kind = kind;
  made->span = made->inner = span;
  return made;
}

bool Parser::deepen(Expression &parent, const Expression *child) {
  if (!child)
    return true;
  parent.depth = std::max(parent.depth, child->depth + 1);
  return parent.depth <= mostDepth ||
         errors.report(child->span,
                       "expected at most 100 expressions inside each other; "
                       "give some of them names");
}

bool Parser::adopt(Expression &parent, ExpressionPtr child) {
  if (!child)
    return false;
  bool good = deepen(parent, child.get());
  parent.operands.push_back(std::move(child));
  return good;
}

ExpressionPtr Parser::runExpression() {
  ExpressionPtr value = expression();
  return value && endStatement() ? std::move(value) : nullptr;
}

namespace {
/// Sums the depth of the parser's own recursion.
struct Nested {
  explicit Nested(unsigned &depth) : depth(depth) { ++depth; }
  ~Nested() { --depth; }
  unsigned &depth;
};
} // namespace

/// value [if condition else other]
ExpressionPtr Parser::expression() {
  Nested nested(nesting);
  if (nesting > mostDepth) {
    errors.report(peek().span,
                  "expected at most 100 expressions inside each other; give "
                  "some of them names");
    return nullptr;
  }
  ExpressionPtr value = binary(0);
  if (!value || !isWord("if"))
    return value;
  auto choice = make(Expression::Kind::Conditional, value->span);
  choice->inner = take().span;
  ExpressionPtr condition = binary(0);
  if (!condition)
    return nullptr;
  if (!takeWord("else")) {
    fail("'else' after the condition of 'if'",
         "write VALUE if CONDITION else OTHER");
    return nullptr;
  }
  ExpressionPtr other = expression();
  if (!adopt(*choice, std::move(value)) ||
      !adopt(*choice, std::move(condition)) ||
      !adopt(*choice, std::move(other)))
    return nullptr;
  choice->span.end = choice->operands[2]->span.end;
  return choice;
}

namespace {
struct Row {
  std::string_view text;
  Operator op;
};
constexpr Row orRow[] = {{"or", Operator::Or}};
constexpr Row andRow[] = {{"and", Operator::And}};
constexpr Row compareRows[] = {
    {"==", Operator::Equal},  {"!=", Operator::NotEqual},
    {"<", Operator::Less},    {"<=", Operator::LessEqual},
    {">", Operator::Greater}, {">=", Operator::GreaterEqual}};
constexpr Row sumRows[] = {{"+", Operator::Add}, {"-", Operator::Subtract}};
constexpr Row productRows[] = {{"*", Operator::Multiply},
                               {"/", Operator::Divide},
                               {"//", Operator::FloorDivide},
                               {"%", Operator::Remainder},
                               {"@", Operator::MatrixMultiply}};
/// Operators of two operands, weakest first.
constexpr std::array<std::pair<const Row *, size_t>, 5> levels = {
    {{orRow, 1},
     {andRow, 1},
     {compareRows, 6},
     {sumRows, 2},
     {productRows, 5}}};
} // namespace

static const Row *rowOf(unsigned level, const Token &token) {
  if (token.kind != Token::Kind::Name && token.kind != Token::Kind::Symbol)
    return nullptr;
  auto [rows, count] = levels[level];
  for (size_t i = 0; i < count; ++i)
    if (rows[i].text == token.text)
      return &rows[i];
  return nullptr;
}

ExpressionPtr Parser::binary(unsigned level) {
  if (level == levels.size())
    return unary();
  // `not` binds weaker than comparisons.
  if (level == 2 && isWord("not")) {
    Nested nested(nesting);
    auto made = make(Expression::Kind::Unary, take().span);
    made->op = Operator::Not;
    if (nesting > mostDepth) {
      errors.report(made->span, "expected at most 100 expressions inside each "
                                "other; give some of them names");
      return nullptr;
    }
    if (!adopt(*made, binary(level)))
      return nullptr;
    made->span.end = made->operands[0]->span.end;
    return made;
  }
  ExpressionPtr left = binary(level + 1);
  while (left) {
    const Row *row = rowOf(level, peek());
    if (!row)
      break;
    auto made = make(Expression::Kind::Binary, left->span);
    made->inner = take().span;
    made->op = row->op;
    if (!adopt(*made, std::move(left)) || !adopt(*made, binary(level + 1)))
      return nullptr;
    made->span.end = made->operands[1]->span.end;
    left = std::move(made);
  }
  return left;
}

ExpressionPtr Parser::unary() {
  if (!isSymbol("-"))
    return power();
  Nested nested(nesting);
  auto made = make(Expression::Kind::Unary, take().span);
  made->op = Operator::Negate;
  if (nesting > mostDepth) {
    errors.report(made->span, "expected at most 100 expressions inside each "
                              "other; give some of them names");
    return nullptr;
  }
  if (!adopt(*made, unary()))
    return nullptr;
  made->span.end = made->operands[0]->span.end;
  return made;
}

/// a ** b, where b may have a sign.
ExpressionPtr Parser::power() {
  ExpressionPtr base = postfix();
  if (!base || !isSymbol("**"))
    return base;
  Nested nested(nesting);
  auto made = make(Expression::Kind::Binary, base->span);
  made->inner = take().span;
  made->op = Operator::Power;
  if (nesting > mostDepth) {
    errors.report(made->inner, "expected at most 100 expressions inside each "
                               "other; give some of them names");
    return nullptr;
  }
  if (!adopt(*made, std::move(base)) || !adopt(*made, unary()))
    return nullptr;
  made->span.end = made->operands[1]->span.end;
  return made;
}

/// x.member, x[...], x(...), any number of times.
ExpressionPtr Parser::postfix() {
  ExpressionPtr value = primary();
  while (value) {
    Expression::Kind kind;
    if (isSymbol("."))
      kind = Expression::Kind::Member;
    else if (isSymbol("["))
      kind = Expression::Kind::Index;
    else if (isSymbol("("))
      kind = Expression::Kind::Call;
    else
      break;
    auto made = make(kind, value->span);
    if (!adopt(*made, std::move(value)))
      return nullptr;
    if (kind == Expression::Kind::Call) {
      if (!arguments(made->arguments, made->inner))
        return nullptr;
      for (const Argument &argument : made->arguments)
        if (!deepen(*made, argument.value.get()))
          return nullptr;
    } else if (kind == Expression::Kind::Index) {
      if (!subscripts(*made))
        return nullptr;
    } else {
      take();
      // A repeated module's parts are called by number: h.0.
      Name name;
      if (!expectName("the name of a member after '.'", name))
        return nullptr;
      made->text = name.text;
      made->inner = name.span;
    }
    made->span.end = before().end;
    value = std::move(made);
  }
  return value;
}

ExpressionPtr Parser::primary() {
  const Token token = peek();
  if (token.kind == Kind::Number)
    return number();
  if (token.kind == Kind::String) {
    auto text = make(Expression::Kind::Text, take().span);
    std::string_view quoted = token.text;
    quoted.remove_prefix(1);
    if (quoted.ends_with('"'))
      quoted.remove_suffix(1);
    text->text = quoted;
    return text;
  }
  if (isWord("repeat") && isSymbol("(", 1))
    return repeat();
  if (token.kind == Kind::Name) {
    for (std::string_view word : {"if", "else", "elif", "in", "return", "def",
                                  "module", "model", "and", "or", "not"})
      if (token.text == word) {
        fail("a value", "'" + std::string(word) + "' has a meaning of its own");
        return nullptr;
      }
    auto name = make(Expression::Kind::Name, take().span);
    name->text = token.text;
    return name;
  }
  if (isSymbol("["))
    return list();
  if (isSymbol("(")) {
    Token open = take();
    ExpressionPtr inside = expression();
    if (!inside || !expectClosing(open, ")", false))
      return nullptr;
    inside->span = join(open.span, before());
    return inside;
  }
  fail("a value", "write a name, a number, a text or '('");
  return nullptr;
}

ExpressionPtr Parser::number() {
  Token token = take();
  bool real = token.text.find_first_of(".eE") != std::string_view::npos;
  auto made = make(real ? Expression::Kind::Real : Expression::Kind::Integer,
                   token.span);
  const char *begin = token.text.data(), *end = begin + token.text.size();
  if (real) {
    auto [rest, code] = std::from_chars(begin, end, made->real);
    if (code != std::errc()) {
      errors.report(token.span, "expected a number that a double holds");
      return nullptr;
    }
    return made;
  }
  auto [rest, code] = std::from_chars(begin, end, made->integer);
  if (code != std::errc()) {
    errors.report(token.span, "expected an integer of 64 bits");
    return nullptr;
  }
  return made;
}

ExpressionPtr Parser::list() {
  Token open = take();
  auto made = make(Expression::Kind::List, open.span);
  while (!isSymbol("]")) {
    if (!adopt(*made, expression()))
      return nullptr;
    if (!takeSymbol(","))
      break;
  }
  if (!expectClosing(open, "]", true))
    return nullptr;
  made->span.end = before().end;
  return made;
}

/// repeat(i in depth, Block(i)) or repeat(depth, Block())
ExpressionPtr Parser::repeat() {
  auto made = make(Expression::Kind::Repeat, take().span);
  Token open = take();
  if (peek().kind == Kind::Name && isWord("in", 1)) {
    Token variable = take();
    made->text = variable.text;
    made->inner = variable.span;
    take();
  }
  if (!adopt(*made, expression()))
    return nullptr;
  if (!expectSymbol(",", "the number of repetitions") ||
      !adopt(*made, expression()) || !expectClosing(open, ")", false))
    return nullptr;
  made->span.end = before().end;
  return made;
}

bool Parser::arguments(std::vector<Argument> &arguments, Span &span) {
  Token open = take();
  while (!isSymbol(")")) {
    Argument argument;
    if (peek().kind == Kind::Name && isSymbol("=", 1)) {
      Token name = take();
      argument.name = Name{std::string(name.text), name.span};
      take();
    }
    argument.value = expression();
    if (!argument.value)
      return false;
    arguments.push_back(std::move(argument));
    if (!takeSymbol(","))
      break;
  }
  if (!expectClosing(open, ")", true))
    return false;
  span = {open.span.begin, before().end};
  return true;
}

bool Parser::subscript(Subscript &entry) {
  entry.span = peek().span;
  if (takeSymbol("...")) {
    entry.kind = Subscript::Kind::Ellipsis;
    return true;
  }
  if (!isSymbol(":") && !expression(entry.first))
    return false;
  if (takeSymbol(":")) {
    entry.kind = Subscript::Kind::Slice;
    auto ends = [&] { return isSymbol(",") || isSymbol("]") || isSymbol(":"); };
    if (!ends() && !expression(entry.last))
      return false;
    if (takeSymbol(":") && !ends() && !expression(entry.step))
      return false;
  }
  entry.span.end = before().end;
  return true;
}

bool Parser::subscripts(Expression &index) {
  Token open = take();
  do {
    Subscript entry;
    if (!subscript(entry) || !deepen(index, entry.first.get()) ||
        !deepen(index, entry.last.get()) || !deepen(index, entry.step.get()))
      return false;
    index.subscripts.push_back(std::move(entry));
  } while (takeSymbol(",") && !isSymbol("]"));
  if (!expectClosing(open, "]", true))
    return false;
  index.inner = {open.span.begin, before().end};
  return true;
}

} // namespace attune::dsl
