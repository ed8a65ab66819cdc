//===- Parser.cpp - modules, functions and declarations -------------------===//
//
// The half of the parser that deals with directives; bodies are parsed in
// ParseStatement.cpp.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/ptx/Parser.h"
#include <algorithm>
#include <bit>

namespace attune::gpusim {

const Function *Module::find(std::string_view name) const {
  for (const Function &function : functions)
    if (function.name == name)
      return &function;
  return nullptr;
}

std::string Instruction::fullName() const {
  std::string name = opcode;
  for (const std::string &modifier : modifiers)
    name += "." + modifier;
  return name;
}

std::optional<Module> parseModule(std::string_view text, std::string &error) {
  detail::Parser parser(text);
  if (parser.parse())
    return std::move(parser.module);
  error = std::move(parser.error);
  return std::nullopt;
}

namespace detail {

void Parser::advance() { token = lexer.next(); }

bool Parser::fail(const std::string &message) {
  if (error.empty())
    error = "line " + std::to_string(token.line) + ": " + message;
  return false;
}

static std::string quoted(const Token &token) {
  if (token.kind == Token::End)
    return "the end of the text";
  std::string dot = token.kind == Token::Dotted ? "." : "";
  return "'" + dot + std::string(token.text.substr(0, 40)) + "'";
}

bool Parser::expect(char punctuation) {
  if (!token.is(punctuation))
    return fail(std::string("expected '") + punctuation + "' before " +
                quoted(token));
  advance();
  return true;
}

bool Parser::accept(char punctuation) {
  if (!token.is(punctuation))
    return false;
  advance();
  return true;
}

bool Parser::integer(uint64_t &value, std::string_view what) {
  if (token.kind != Token::Integer)
    return fail("expected " + std::string(what) + " instead of " +
                quoted(token));
  value = token.bits;
  advance();
  return true;
}

bool Parser::declare(std::string_view name, Symbol symbol) {
  if (!scopes.back().emplace(name, symbol).second)
    return fail("'" + std::string(name) + "' is declared twice");
  return true;
}

const Symbol *Parser::lookUp(std::string_view name) const {
  for (size_t i = scopes.size(); i-- > 0;)
    if (auto found = scopes[i].find(name); found != scopes[i].end())
      return &found->second;
  return nullptr;
}

/// Directives that say nothing about what the code computes.
static bool isIgnoredLine(std::string_view word) {
  return word == "file" || word == "loc" || word == "weak" ||
         word == "visible" || word == "common";
}

bool Parser::skipLine() {
  uint32_t line = token.line;
  while (token.kind != Token::End && token.line == line)
    advance();
  return true;
}

bool Parser::skipBlock() {
  advance();
  while (token.kind != Token::End && !token.is('{'))
    advance();
  while (token.kind != Token::End && !token.is('}'))
    advance();
  return expect('}');
}

bool Parser::parse() {
  while (token.kind != Token::End)
    if (!parseDirective())
      return false;
  if (module.version.empty())
    return fail("a PTX module begins with .version");
  return true;
}

bool Parser::parseDirective() {
  bool external = false;
  while (token.isDotted("visible") || token.isDotted("weak") ||
         token.isDotted("extern")) {
    external |= token.isDotted("extern");
    advance();
  }
  if (token.kind != Token::Dotted)
    return fail("expected a directive instead of " + quoted(token));
  std::string_view word = token.text;
  if (word == "entry" || word == "func")
    return parseFunction(word == "entry", external);
  if (auto space = spaceNamed(word);
      space && (*space == Space::Global || *space == Space::Const ||
                *space == Space::Shared)) {
    advance();
    return declareVariables(*space, external);
  }
  if (word == "version" || word == "target" || word == "address_size") {
    advance();
    // "8.0" is a decimal number; a target may be a list.
    std::string text(token.text);
    if (word == "address_size" && text != "64")
      return fail("only .address_size 64 is supported");
    if (word == "version")
      module.version = text;
    if (word == "target")
      module.target = text;
    return skipLine();
  }
  if (word == "section")
    return skipBlock();
  if (isIgnoredLine(word))
    return skipLine();
  if (word == "pragma") {
    advance();
    advance();
    return expect(';');
  }
  return fail("directive " + quoted(token) + " is not supported");
}

bool Parser::parseFunction(bool entry, bool external) {
  Function next;
  next.entry = entry;
  next.line = token.line;
  advance();
  scopes.emplace_back();
  if (token.is('(') && !parseParameters(next.results))
    return false;
  if (token.kind != Token::Identifier)
    return fail("expected the name of a function");
  next.name = token.text;
  advance();
  if (token.is('(') && !parseParameters(next.parameters))
    return false;
  if (!parseFunctionDirectives(next))
    return false;
  next.defined = token.is('{');
  if (!next.defined && !accept(';'))
    return fail("expected a body or ';' after " + next.name);
  if (!next.defined && !external && entry)
    return fail("entry " + next.name + " has no body");
  if (const Function *other = module.find(next.name);
      other && other->defined && next.defined)
    return fail("function " + next.name + " is defined twice");
  if (next.defined) {
    function = &next;
    if (!parseBody())
      return false;
    function = nullptr;
  }
  scopes.pop_back();
  module.functions.push_back(std::move(next));
  return true;
}

/// Also the results of a function, which nothing executes: a call is an error.
bool Parser::parseParameters(std::vector<Variable> &list) {
  if (!expect('('))
    return false;
  while (!token.is(')')) {
    if (!list.empty() && !expect(','))
      return false;
    Variable variable;
    if (!parseParameter(variable))
      return false;
    names.push_back(variable.name);
    list.push_back(std::move(variable));
    if (!declare(names.back(), {Operand::Parameter, uint32_t(list.size() - 1)}))
      return false;
  }
  advance();
  return true;
}

/// .param .align 4 .u64 .ptr .global .align 16 name[8]
bool Parser::parseParameter(Variable &variable) {
  if (!token.isDotted("param"))
    return fail("only .param parameters are supported, not " + quoted(token));
  advance();
  variable.space = Space::Param;
  return parseVariable(variable);
}

bool Parser::parseFunctionDirectives(Function &next) {
  while (token.kind == Token::Dotted) {
    std::string_view word = token.text;
    if (word == "reqntid" || word == "maxntid") {
      advance();
      if (!parseBlockSize(word == "reqntid" ? next.requiredBlock
                                            : next.maximumBlock))
        return false;
    } else if (word == "minnctapersm" || word == "maxnreg" ||
               word == "maxnctapersm") {
      advance();
      uint64_t ignored = 0;
      if (!integer(ignored, "a number"))
        return false;
    } else if (word == "noreturn") {
      advance();
    } else if (word == "pragma") {
      advance();
      advance();
      if (!expect(';'))
        return false;
    } else {
      return fail("directive " + quoted(token) + " is not supported");
    }
  }
  return true;
}

bool Parser::parseBlockSize(std::array<uint32_t, 3> &size) {
  size = {1, 1, 1};
  for (size_t i = 0; i < 3; ++i) {
    if (i && !accept(','))
      break;
    uint64_t value = 0;
    if (!integer(value, "a block size"))
      return false;
    if (value < 1 || value > 1024)
      return fail("a block has 1 to 1024 threads in each dimension");
    size[i] = uint32_t(value);
  }
  return true;
}

/// .reg .b32 %r<716>, %a;
bool Parser::declareRegisters() {
  advance();
  auto type = token.kind == Token::Dotted ? typeNamed(token.text)
                                          : std::optional<Type>();
  if (!type)
    return fail("expected the type of registers, not " + quoted(token));
  advance();
  do {
    if (token.kind != Token::Identifier)
      return fail("expected the name of a register");
    std::string_view name = token.text;
    advance();
    uint64_t count = 0;
    bool range = accept('<');
    if (range && (!integer(count, "a number of registers") || !expect('>')))
      return false;
    if (count > kMaxRegisters ||
        function->registers.size() + count >= kMaxRegisters)
      return fail("more than " + std::to_string(kMaxRegisters) +
                  " registers in a function");
    for (uint64_t i = 0; i < (range ? count : 1); ++i) {
      std::string full(name);
      if (range)
        full += std::to_string(i);
      names.push_back(full);
      if (!declare(names.back(), {Operand::RegisterRef,
                                  uint32_t(function->registers.size())}))
        return false;
      function->registers.push_back({full, *type});
    }
  } while (accept(','));
  return expect(';');
}

bool Parser::declareVariables(Space space, bool external) {
  do {
    Variable variable;
    variable.space = space;
    variable.external = external;
    if (!parseVariable(variable) || !addVariable(std::move(variable)))
      return false;
  } while (accept(','));
  return expect(';');
}

bool Parser::addVariable(Variable variable) {
  bool local = function != nullptr;
  auto &list = local ? function->variables : module.variables;
  uint64_t total = variable.size;
  for (const Variable &other : list)
    total += other.size;
  if (total > kMaxVariableBytes)
    return fail("variables of more than 256 MiB");
  names.push_back(variable.name);
  auto index = uint32_t(list.size());
  list.push_back(std::move(variable));
  return declare(names.back(),
                 {local ? Operand::LocalSymbol : Operand::GlobalSymbol, index});
}

/// .align 16 .b8 name[128] = {...}, after the state space.
bool Parser::parseVariable(Variable &variable) {
  variable.line = token.line;
  bool typed = false;
  while (token.kind == Token::Dotted) {
    std::string_view word = token.text;
    advance();
    if (word == "align") {
      uint64_t align = 0;
      if (!integer(align, "an alignment"))
        return false;
      if (!std::has_single_bit(align) || align > 4096)
        return fail("an alignment is a power of two up to 4096");
      // The alignment after .ptr is that of what it points to.
      if (!typed)
        variable.align = uint32_t(align);
    } else if (auto type = typeNamed(word); type && !typed) {
      variable.type = *type;
      typed = true;
    } else if (word != "ptr" && !spaceNamed(word)) {
      return fail("'." + std::string(word) + "' is not supported here");
    }
  }
  if (!typed || token.kind != Token::Identifier)
    return fail("expected a type and a name");
  variable.name = token.text;
  advance();
  variable.align =
      std::max(variable.align, std::max(1u, bytesOf(variable.type)));
  variable.size = std::max(1u, bytesOf(variable.type));
  return parseExtent(variable) && parseInitializer(variable);
}

bool Parser::parseExtent(Variable &variable) {
  while (accept('[')) {
    uint64_t count = 0;
    if (token.is(']')) {
      if (!variable.external)
        return fail("only an .extern variable has no size");
    } else if (!integer(count, "a size")) {
      return false;
    }
    if (__builtin_mul_overflow(variable.size, count, &variable.size) ||
        variable.size > kMaxVariableBytes)
      return fail("variable " + variable.name + " is larger than 256 MiB");
    if (!expect(']'))
      return false;
  }
  return true;
}

bool Parser::parseInitializer(Variable &variable) {
  if (!accept('='))
    return true;
  bool list = accept('{');
  unsigned width = std::max(1u, bytesOf(variable.type));
  variable.initial.assign(variable.size, std::byte(0));
  uint64_t at = 0;
  do {
    Operand value;
    if (!parseNumber(value))
      return false;
    if (width > 8 || at + width > variable.size)
      return fail("more initial values than " + variable.name +
                  " has room for");
    if (value.kind == Operand::Float64 && variable.type == Type::F32)
      value.bits =
          std::bit_cast<uint32_t>(float(std::bit_cast<double>(value.bits)));
    for (unsigned i = 0; i < width; ++i)
      variable.initial[at++] = std::byte(value.bits >> (8 * i));
  } while (list && accept(','));
  return !list || expect('}');
}

} // namespace detail
} // namespace attune::gpusim
