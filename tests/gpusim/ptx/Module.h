//===- Module.h - a parsed PTX module -------------------------------------===//
//
// What the parser leaves: functions as flat lists of instructions whose names
// are resolved to indices. Nothing here knows what an instruction does.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/ptx/Type.h"
#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace attune::gpusim {

/// A variable of any state space, or a parameter.
struct Variable {
  std::string name;
  Space space = Space::Global;
  Type type = Type::B8;
  uint64_t size = 0; ///< bytes; 0 for `.extern .shared x[]`
  uint32_t align = 1;
  bool external = false;
  uint32_t line = 0;
  std::vector<std::byte> initial; ///< empty: zero (globals)
};

struct Register {
  std::string name;
  Type type = Type::B32;
};

struct Operand {
  enum Kind : uint8_t {
    Sink,         ///< _
    RegisterRef,  ///< index of Function::registers
    Special,      ///< `name` of %tid.x and the like
    Integer,      ///< bits
    Float32,      ///< bits of a float
    Float64,      ///< bits of a double
    LocalSymbol,  ///< index of Function::variables
    Parameter,    ///< index of Function::parameters
    GlobalSymbol, ///< index of Module::variables
    FunctionName, ///< name
    Label,        ///< index of Function::labels
    BranchTable,  ///< index of Function::branchTables
    Memory,       ///< [elements[0] + offset]
    Vector,       ///< {elements}
    Pair,         ///< elements[0] | elements[1]
    List,         ///< (elements), of a call
  };
  Kind kind = Sink;
  bool negated = false; ///< !p
  uint32_t index = 0;
  uint64_t bits = 0;
  int64_t offset = 0;
  std::string name;
  std::vector<Operand> elements;
};

struct Instruction {
  std::string opcode; ///< "ld"
  std::vector<std::string> modifiers;
  std::vector<Operand> operands;
  uint32_t line = 0;
  int32_t guard = -1; ///< register, or none
  bool guardNegated = false;

  /// "ld.global.v4.f32"
  std::string fullName() const;
};

struct Function {
  std::string name;
  bool entry = false;
  bool defined = false;
  uint32_t line = 0;
  std::vector<Variable> parameters, results;
  std::vector<Variable> variables; ///< .shared, .local and .param in the body
  std::vector<Register> registers;
  std::vector<Instruction> instructions;
  std::vector<uint32_t> labels; ///< instruction that each label stands before
  /// Labels of each .branchtargets, in which brx.idx chooses.
  std::vector<std::vector<uint32_t>> branchTables;
  std::array<uint32_t, 3> requiredBlock{}; ///< .reqntid; zeros: any
  std::array<uint32_t, 3> maximumBlock{};  ///< .maxntid; zeros: any
};

struct Module {
  std::string version, target;
  std::vector<Variable> variables; ///< module scope
  std::vector<Function> functions;

  const Function *find(std::string_view name) const;
};

} // namespace attune::gpusim
