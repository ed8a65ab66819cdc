//===- Parser.h - PTX text to a Module ------------------------------------===//
//
// Enters: any text. Leaves: a Module, or one sentence that begins with
// "line N: ". Registers, variables and labels are resolved in their scopes.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/ptx/Lexer.h"
#include "tests/gpusim/ptx/Module.h"
#include <deque>
#include <optional>
#include <unordered_map>

namespace attune::gpusim {

/// Limits that hostile text runs into before memory does.
inline constexpr uint64_t kMaxRegisters = 1 << 16;
inline constexpr uint64_t kMaxVariableBytes = uint64_t(1) << 28;
inline constexpr unsigned kMaxDepth = 64;

std::optional<Module> parseModule(std::string_view text, std::string &error);

namespace detail {

/// What a name means in a scope.
struct Symbol {
  Operand::Kind kind = Operand::Sink;
  uint32_t index = 0;
};
using Scope = std::unordered_map<std::string_view, Symbol>;

/// Recursive descent with one token of look-ahead. Each function returns false
/// after it has set `error`.
class Parser {
public:
  explicit Parser(std::string_view text) : lexer(text) { advance(); }
  bool parse();

  Module module;
  std::string error;

private:
  // Parser.cpp: the module and its declarations.
  bool parseDirective();
  bool parseFunction(bool entry, bool external);
  bool parseParameters(std::vector<Variable> &list);
  bool parseParameter(Variable &variable);
  bool parseFunctionDirectives(Function &function);
  bool parseBlockSize(std::array<uint32_t, 3> &size);
  bool skipLine();
  bool skipBlock();
  bool declareRegisters();
  bool declareVariables(Space space, bool external);
  bool parseVariable(Variable &variable);
  bool parseExtent(Variable &variable);
  bool parseInitializer(Variable &variable);
  bool addVariable(Variable variable);

  // ParseStatement.cpp: the body of a function.
  bool parseBody();
  bool parseBlock(unsigned depth);
  bool parseStatement(unsigned depth);
  bool parseLabel(std::string_view name);
  bool parseBranchTable(std::string_view name);
  bool parseInstruction();
  bool parseGuard(Instruction &instruction);
  bool parseOperand(Operand &operand);
  bool parsePrimary(Operand &operand);
  bool parseName(Operand &operand);
  bool parseMemory(Operand &operand);
  bool parseOffset(int64_t &offset);
  bool parseList(Operand &operand, Operand::Kind kind, char close);
  bool parseNumber(Operand &operand);
  bool closeScope();
  struct Pending;
  void resolve(const Pending &use, uint32_t label);

  // Tokens.
  void advance();
  bool fail(const std::string &message);
  bool expect(char punctuation);
  bool accept(char punctuation);
  bool integer(uint64_t &value, std::string_view what);
  bool declare(std::string_view name, Symbol symbol);
  const Symbol *lookUp(std::string_view name) const;

  Lexer lexer;
  Token token;
  std::vector<Scope> scopes{1};
  Function *function = nullptr; ///< whose body is parsed
  /// Names that scopes refer to; a deque, so that they stay where they are.
  std::deque<std::string> names;
  unsigned depth = 0; ///< of nested operands

  /// Uses of names not yet declared, which must become labels, per scope:
  /// operands of instructions, or entries of branch tables.
  struct Pending {
    std::string_view name;
    uint32_t line = 0, instruction = 0, operand = 0;
    bool inTable = false; ///< `instruction` is a table
  };
  std::vector<std::vector<Pending>> pending{1};
};

} // namespace detail
} // namespace attune::gpusim
