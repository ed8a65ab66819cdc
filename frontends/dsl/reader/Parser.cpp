// Declarations and statements.
#include "frontends/dsl/reader/Parser.h"

namespace attune::dsl {

/// If-statements inside each other.
static constexpr unsigned mostBlocks = 20;

// What a token is, for "found ...".
static std::string describe(const Token &token) {
  switch (token.kind) {
  case Token::Kind::Newline:
    return "the end of the line";
  case Token::Kind::Indent:
    return "a line that stands deeper";
  case Token::Kind::Dedent:
    return "the end of the block";
  case Token::Kind::End:
    return "the end of the file";
  case Token::Kind::String:
    return "a text";
  default:
    return quoted(token.text);
  }
}

bool Parser::fail(std::string_view expected, std::string_view advice) {
  std::string message = "expected ";
  message += expected;
  message += ", found " + describe(peek());
  if (!advice.empty())
    message += "; ";
  message += advice;
  // What is missing at the end of a line is shown behind its last word.
  Span span = peek().span;
  if (peek().kind == Kind::Newline || peek().kind == Kind::End ||
      peek().kind == Kind::Dedent)
    span = {before().end, before().end};
  return errors.report(span, message);
}

bool Parser::takeSymbol(std::string_view text) {
  if (!isSymbol(text))
    return false;
  take();
  return true;
}

bool Parser::takeWord(std::string_view text) {
  if (!isWord(text))
    return false;
  take();
  return true;
}

bool Parser::expectSymbol(std::string_view text, std::string_view after) {
  return takeSymbol(text) ||
         fail(quoted(text) + " after " + std::string(after), "");
}

bool Parser::expectClosing(const Token &open, std::string_view text,
                           bool inList) {
  return takeSymbol(text) || fail((inList ? "',' or " : "") + quoted(text) +
                                      " for this " + quoted(open.text),
                                  "");
}

bool Parser::expectName(std::string_view what, Name &name) {
  if (peek().kind != Kind::Name)
    return fail(what, "");
  Token token = take();
  name = {std::string(token.text), token.span};
  return true;
}

bool Parser::endStatement() {
  if (peek().kind == Kind::Newline) {
    take();
    return true;
  }
  return fail("the end of the line", "one statement stands on a line");
}

/// To the next line of this block, over lines that stand deeper.
void Parser::skipLine() {
  while (peek().kind != Kind::End && peek().kind != Kind::Newline &&
         peek().kind != Kind::Dedent)
    take();
  if (peek().kind == Kind::Newline)
    take();
  if (peek().kind == Kind::Indent)
    skipBlock();
}

void Parser::skipBlock() {
  unsigned open = 0;
  do {
    Kind kind = take().kind;
    open += kind == Kind::Indent;
    open -= kind == Kind::Dedent;
  } while (open > 0 && peek().kind != Kind::End);
}

template <typename Line>
bool Parser::block(std::string_view after, Line line) {
  if (!expectSymbol(":", after))
    return false;
  if (peek().kind != Kind::Newline)
    return fail("the end of the line after ':'",
                "what belongs to it stands deeper on the next lines");
  take();
  if (peek().kind != Kind::Indent)
    return errors.report(before(), "expected lines that stand deeper after "
                                   "this one; write what belongs to it there");
  take();
  while (peek().kind != Kind::Dedent && peek().kind != Kind::End) {
    if (peek().kind == Kind::Indent) {
      fail("a line as deep as the one above", "move it left");
      skipBlock();
    } else if (!line()) {
      skipLine();
    }
  }
  if (peek().kind == Kind::Dedent)
    take();
  return true;
}

// ---- declarations ----

File Parser::run() {
  File file;
  while (peek().kind != Kind::End)
    topLevel(file);
  return file;
}

void Parser::topLevel(File &file) {
  bool good;
  if (isWord("param"))
    good = parameterLine(file);
  else if (isWord("default"))
    good = defaultLine(file);
  else if (isWord("module") || isWord("model"))
    good = module(file);
  else if (isWord("def"))
    good = function(file.functions);
  else if (isWord("train"))
    good = train(file);
  else
    good = fail("param, default, def, module, model or train",
                peek().kind == Kind::Name && isSymbol("=", 1)
                    ? "a number of the model starts with param"
                    : "");
  if (good)
    return;
  skipLine();
  // A block that nobody wants any more.
  while (peek().kind == Kind::Indent || peek().kind == Kind::Dedent ||
         peek().kind == Kind::Newline)
    take();
}

bool Parser::parameterLine(File &file) {
  take();
  do {
    Parameter made;
    if (!expectName("the name of a parameter", made.name) ||
        !expectSymbol("=", "the name of a parameter") ||
        !expression(made.fallback))
      return false;
    file.parameters.push_back(std::move(made));
  } while (takeSymbol(","));
  return endStatement();
}

bool Parser::defaultLine(File &file) {
  take();
  Default made;
  if (!expectName("the name of a layer or module", made.layer))
    return false;
  if (!isSymbol("("))
    return fail("'(' after the name of a layer",
                "write default Linear(bias = false)");
  Span span;
  if (!arguments(made.arguments, span))
    return false;
  file.defaults.push_back(std::move(made));
  return endStatement();
}

bool Parser::module(File &file) {
  Module made;
  made.isModel = take().text == "model";
  if (!expectName("the name of a module", made.name))
    return false;
  if (isSymbol("(") && !parameters(made.parameters))
    return false;
  bool good = block("the head of a module", [&] {
    if (isWord("def"))
      return function(made.functions);
    Member member;
    if (!expectName("a member 'name = ...' or a def", member.name) ||
        !expectSymbol("=", "the name of a member") || !expression(member.value))
      return false;
    made.members.push_back(std::move(member));
    return endStatement();
  });
  if (good)
    file.modules.push_back(std::move(made));
  return good;
}

bool Parser::train(File &file) {
  Train made;
  made.span = take().span;
  if (!block("train", [&] { return trainLine(made); }))
    return false;
  if (file.train)
    return errors.report(made.span, "expected one train section, found two; "
                                    "make one of them");
  file.train = std::move(made);
  return true;
}

/// `labels: i64[B, T]` or `setting = value`.
bool Parser::trainLine(Train &train) {
  if (peek().kind == Kind::Name && isSymbol(":", 1)) {
    Parameter label;
    if (!parameter(label))
      return false;
    train.labels.push_back(std::move(label));
    return endStatement();
  }
  Member setting;
  if (!expectName("a label 'name: type' or a setting 'name = value'",
                  setting.name) ||
      !expectSymbol("=", "the name of a setting") || !expression(setting.value))
    return false;
  train.settings.push_back(std::move(setting));
  return endStatement();
}

bool Parser::function(std::vector<Function> &functions) {
  take();
  Function made;
  if (!expectName("the name of a function", made.name))
    return false;
  if (!isSymbol("("))
    return fail("'(' after the name of a function", "");
  if (!parameters(made.parameters) || !results(made.results) ||
      !statements("the head of a function", made.body))
    return false;
  functions.push_back(std::move(made));
  return true;
}

bool Parser::parameters(std::vector<Parameter> &list) {
  Token open = take();
  while (!isSymbol(")")) {
    Parameter made;
    if (!parameter(made))
      return false;
    list.push_back(std::move(made));
    if (!takeSymbol(","))
      break;
  }
  return expectClosing(open, ")", true);
}

bool Parser::parameter(Parameter &parameter) {
  if (!expectName("the name of a parameter", parameter.name))
    return false;
  if (takeSymbol(":")) {
    parameter.type.emplace();
    if (!type(*parameter.type))
      return false;
  }
  return !takeSymbol("=") || expression(parameter.fallback);
}

bool Parser::type(TensorType &type) {
  if (peek().kind != Kind::Name ||
      (peek().text != "f32" && peek().text != "i64" && peek().text != "bool"))
    return fail("a type: f32[...], i64[...] or bool[...]", "");
  expectName("", type.element);
  if (!isSymbol("["))
    return fail("'[' after the element type", "write f32[B, T], or f32[]");
  Token open = take();
  while (!isSymbol("]")) {
    TypeDim dim;
    if (!sum(dim.size) || (takeSymbol("<=") && !sum(dim.most)))
      return false;
    type.dims.push_back(std::move(dim));
    if (!takeSymbol(","))
      break;
  }
  if (!expectClosing(open, "]", true))
    return false;
  type.span = {type.element.span.begin, before().end};
  return true;
}

bool Parser::results(std::vector<Result> &results) {
  if (!takeSymbol("->"))
    return true;
  do {
    Result made;
    if (!expectName("the name of a result", made.name))
      return false;
    if (isSymbol(":") && peek(1).kind == Kind::Name) {
      take();
      made.type.emplace();
      if (!type(*made.type))
        return false;
    }
    results.push_back(std::move(made));
  } while (takeSymbol(","));
  return true;
}

// ---- statements ----

bool Parser::statements(std::string_view after, std::vector<Statement> &body) {
  if (nesting > mostBlocks)
    return errors.report(peek().span, "expected at most 20 blocks inside each "
                                      "other; write a def for the inner ones");
  ++nesting;
  bool good = block(after, [&] { return statement(body); });
  --nesting;
  return good;
}

bool Parser::statement(std::vector<Statement> &body) {
  Statement made{};
  made.span = peek().span;
  bool good;
  if (takeWord("return")) {
    made.kind = Statement::Kind::Return;
    do
      good = expression(made.values.emplace_back());
    while (good && takeSymbol(","));
    good = good && endStatement();
  } else if (isWord("if")) {
    good = conditional(made);
  } else {
    good = assignment(made);
  }
  if (!good)
    return false;
  body.push_back(std::move(made));
  return true;
}

bool Parser::conditional(Statement &statement) {
  statement.kind = Statement::Kind::If;
  take();
  statement.values.push_back(expression());
  if (!statement.values.back() ||
      !statements("the condition of 'if'", statement.then))
    return false;
  if (takeWord("else"))
    return statements("'else'", statement.otherwise);
  if (!isWord("elif"))
    return true;
  // An if inside an else, without its line.
  if (nesting > mostBlocks)
    return errors.report(peek().span, "expected at most 20 blocks inside each "
                                      "other; write a def for the inner ones");
  Statement other{};
  other.span = peek().span;
  ++nesting;
  bool good = conditional(other);
  --nesting;
  statement.otherwise.push_back(std::move(other));
  return good;
}

/// a = value, a, b = value, a += value
bool Parser::assignment(Statement &statement) {
  static constexpr std::pair<std::string_view, Operator> updates[] = {
      {"+=", Operator::Add},
      {"-=", Operator::Subtract},
      {"*=", Operator::Multiply},
      {"/=", Operator::Divide}};
  for (std::string_view word : {"for", "while"})
    if (isWord(word))
      return fail("a statement: name = value, return or if",
                  "layers repeat by name = repeat(i in 4, Layer()) in a "
                  "module");
  do {
    Name name;
    if (!expectName("a statement: name = value, return or if", name))
      return false;
    statement.targets.push_back(std::move(name));
  } while (takeSymbol(","));
  statement.kind = Statement::Kind::Assign;
  for (auto [text, op] : updates)
    if (isSymbol(text) && statement.targets.size() == 1) {
      statement.kind = Statement::Kind::Update;
      statement.op = op;
    }
  if (statement.kind == Statement::Kind::Update)
    take();
  else if (!takeSymbol("="))
    return fail("'=' after " + quoted(statement.targets.back().text),
                "a statement gives a name to a value, or returns one");
  statement.values.push_back(expression());
  return statement.values.back() && endStatement();
}

} // namespace attune::dsl
