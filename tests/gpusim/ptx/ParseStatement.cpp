//===- ParseStatement.cpp - the bodies of functions -----------------------===//
//
// Blocks, labels and instructions. Names are resolved here, so that nothing
// later looks at text: labels when their scope closes, all others at once.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/ptx/Parser.h"

namespace attune::gpusim::detail {

bool Parser::parseBody() { return parseBlock(0) && closeScope(); }

/// The statements between { and }, in the innermost scope.
bool Parser::parseBlock(unsigned nesting) {
  if (nesting > kMaxDepth)
    return fail("blocks are nested too deep");
  if (!expect('{'))
    return false;
  while (!token.is('}')) {
    if (token.kind == Token::End)
      return fail("the function has no closing '}'");
    if (!parseStatement(nesting))
      return false;
  }
  advance();
  return true;
}

void Parser::resolve(const Pending &use, uint32_t label) {
  if (use.inTable) {
    function->branchTables[use.instruction][use.operand] = label;
    return;
  }
  Operand &operand =
      function->instructions[use.instruction].operands[use.operand];
  operand.kind = Operand::Label;
  operand.index = label;
}

/// What the innermost scope does not know may be a label of the one around it.
bool Parser::closeScope() {
  std::vector<Pending> open = std::move(pending.back());
  pending.pop_back();
  bool outermost = pending.empty();
  for (Pending &use : open) {
    auto found = scopes.back().find(use.name);
    if (found != scopes.back().end() && found->second.kind == Operand::Label) {
      resolve(use, found->second.index);
    } else if (outermost) {
      error = "line " + std::to_string(use.line) + ": '" +
              std::string(use.name) + "' is not declared";
      return false;
    } else {
      pending.back().push_back(use);
    }
  }
  if (outermost)
    pending.resize(1);
  return true;
}

bool Parser::parseStatement(unsigned nesting) {
  if (token.is('{')) {
    scopes.emplace_back();
    pending.emplace_back();
    if (!parseBlock(nesting + 1) || !closeScope())
      return false;
    scopes.pop_back();
    return true;
  }
  if (accept(';'))
    return true;
  if (token.kind != Token::Dotted)
    return parseInstruction();
  if (token.isDotted("reg"))
    return declareRegisters();
  if (auto space = spaceNamed(token.text); space && *space != Space::Generic) {
    advance();
    return declareVariables(*space, false);
  }
  if (token.isDotted("loc") || token.isDotted("file"))
    return skipLine();
  if (token.isDotted("pragma")) {
    advance();
    advance();
    return expect(';');
  }
  return fail("directive '." + std::string(token.text) + "' is not supported");
}

bool Parser::parseLabel(std::string_view name) {
  if (!expect(':'))
    return false;
  if (token.isDotted("branchtargets"))
    return parseBranchTable(name);
  auto index = uint32_t(function->labels.size());
  function->labels.push_back(uint32_t(function->instructions.size()));
  return declare(name, {Operand::Label, index});
}

/// name: .branchtargets L1, L2; already past the ':'. The labels mostly follow.
bool Parser::parseBranchTable(std::string_view name) {
  advance();
  auto index = uint32_t(function->branchTables.size());
  auto &table = function->branchTables.emplace_back();
  do {
    if (token.kind != Token::Identifier)
      return fail("expected a label");
    pending.back().push_back(
        {token.text, token.line, index, uint32_t(table.size()), true});
    table.push_back(0);
    advance();
  } while (accept(','));
  return expect(';') && declare(name, {Operand::BranchTable, index});
}

/// @!%p1, already past the '@'.
bool Parser::parseGuard(Instruction &instruction) {
  instruction.guardNegated = accept('!');
  const Symbol *symbol =
      token.kind == Token::Identifier ? lookUp(token.text) : nullptr;
  if (!symbol || symbol->kind != Operand::RegisterRef ||
      function->registers[symbol->index].type != Type::Pred)
    return fail("a guard must be a predicate register");
  instruction.guard = int32_t(symbol->index);
  advance();
  return true;
}

bool Parser::parseInstruction() {
  Instruction next;
  if (accept('@') && !parseGuard(next))
    return false;
  if (token.kind != Token::Identifier)
    return fail("expected an instruction");
  std::string_view name = token.text;
  next.line = token.line;
  advance();
  if (token.is(':') && next.guard < 0)
    return parseLabel(name);
  next.opcode = name;
  for (; token.kind == Token::Dotted && token.adjacent; advance())
    next.modifiers.emplace_back(token.text);
  function->instructions.push_back(std::move(next));
  while (!token.is(';')) {
    Instruction &current = function->instructions.back();
    if (!current.operands.empty() && !expect(','))
      return false;
    if (current.operands.size() > 16)
      return fail("too many operands");
    // A call begins with a list and has no comma where it returns nothing.
    current.operands.emplace_back();
    Operand operand;
    if (!parseOperand(operand))
      return false;
    function->instructions.back().operands.back() = std::move(operand);
  }
  return expect(';');
}

/// One operand: a|b, !p, or a primary.
bool Parser::parseOperand(Operand &operand) {
  if (depth > kMaxDepth)
    return fail("operands are nested too deep");
  bool negated = accept('!');
  if (!parsePrimary(operand))
    return false;
  operand.negated = negated;
  if (!token.is('|'))
    return true;
  advance();
  Operand pair, second;
  if (!parsePrimary(second))
    return false;
  pair.kind = Operand::Pair;
  pair.elements = {std::move(operand), std::move(second)};
  operand = std::move(pair);
  return true;
}

bool Parser::parsePrimary(Operand &operand) {
  if (token.is('['))
    return parseMemory(operand);
  if (token.is('{'))
    return parseList(operand, Operand::Vector, '}');
  if (token.is('('))
    return parseList(operand, Operand::List, ')');
  if (token.kind == Token::Identifier)
    return parseName(operand);
  return parseNumber(operand);
}

bool Parser::parseList(Operand &operand, Operand::Kind kind, char close) {
  advance();
  operand.kind = kind;
  ++depth;
  while (!token.is(close)) {
    if (!operand.elements.empty() && !expect(','))
      return false;
    // Long vectors are those of wgmma.
    if (operand.elements.size() >= 256)
      return fail("a list of more than 256 operands");
    Operand element;
    if (!parseOperand(element))
      return false;
    operand.elements.push_back(std::move(element));
  }
  --depth;
  advance();
  return true;
}

bool Parser::parseName(Operand &operand) {
  std::string_view name = token.text;
  if (name == "_") {
    advance();
    return true;
  }
  if (const Symbol *symbol = lookUp(name)) {
    operand.kind = symbol->kind;
    operand.index = symbol->index;
    advance();
    bool address = symbol->kind == Operand::LocalSymbol ||
                   symbol->kind == Operand::GlobalSymbol ||
                   symbol->kind == Operand::Parameter;
    // mov.b64 d, variable+8; in brackets the offset is that of the access.
    return depth || !address || parseOffset(operand.offset);
  }
  operand.name = name;
  advance();
  if (name[0] == '%' || name == "WARP_SZ") {
    operand.kind = Operand::Special;
    if (token.kind == Token::Dotted && token.adjacent) {
      operand.name += "." + std::string(token.text);
      advance();
    }
    return true;
  }
  if (module.find(operand.name)) {
    operand.kind = Operand::FunctionName;
    return true;
  }
  if (depth > 0)
    return fail("'" + operand.name + "' is not declared");
  auto instruction = uint32_t(function->instructions.size() - 1);
  auto place = uint32_t(function->instructions.back().operands.size() - 1);
  pending.back().push_back({name, token.line, instruction, place});
  return true;
}

/// +8, -8, +-8 or nothing
bool Parser::parseOffset(int64_t &offset) {
  if (!token.is('+') && !token.is('-'))
    return true;
  bool minus = token.is('-');
  advance();
  minus ^= accept('-');
  uint64_t value = 0;
  if (!integer(value, "an offset"))
    return false;
  if (value > uint64_t(1) << 40)
    return fail("the offset is too large");
  offset = minus ? -int64_t(value) : int64_t(value);
  return true;
}

/// [base], [base+8], [base+-8], [8]
bool Parser::parseMemory(Operand &operand) {
  advance();
  operand.kind = Operand::Memory;
  operand.elements.emplace_back();
  ++depth;
  if (!parsePrimary(operand.elements[0]))
    return false;
  --depth;
  return parseOffset(operand.offset) && expect(']');
}

bool Parser::parseNumber(Operand &operand) {
  bool minus = accept('-');
  switch (token.kind) {
  case Token::Integer:
    operand.kind = Operand::Integer;
    operand.bits = minus ? 0 - token.bits : token.bits;
    break;
  case Token::Float32Bits:
    operand.kind = Operand::Float32;
    operand.bits = token.bits ^ (minus ? uint64_t(1) << 31 : 0);
    break;
  case Token::Float:
  case Token::Float64Bits:
    operand.kind = Operand::Float64;
    operand.bits = token.bits ^ (minus ? uint64_t(1) << 63 : 0);
    break;
  default:
    return fail("expected an operand instead of '" +
                std::string(token.text.substr(0, 40)) + "'");
  }
  advance();
  return true;
}

} // namespace attune::gpusim::detail
