//===- Decoder.h - from a parsed function to a Program --------------------===//
//
// Enters: a Function. Leaves: a Program, or every instruction that is not
// supported, one line of text each. A Decoding is what the decoder of one
// instruction sees; the decoders stand with their executors in instructions/.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/machine/Program.h"
#include <map>
#include <optional>
#include <unordered_map>

namespace attune::gpusim {

/// Where the variables of a module lie, by index.
struct ModulePlaces {
  std::vector<uint64_t> addresses; ///< shared ones: offset in shared memory
  uint64_t staticShared = 0;       ///< bytes, before the dynamic part
};

class ProgramBuilder;

/// One instruction while it is decoded.
class Decoding {
public:
  Decoding(ProgramBuilder &builder, const Instruction &source);

  const Instruction &source;
  Inst inst;

  /// Removes a modifier; false where there is none.
  bool take(std::string_view modifier);
  /// Removes the first modifier that names a type.
  Type takeType();
  /// Removes the first of `names` that is there; -1 where none is.
  int takeOneOf(std::initializer_list<std::string_view> names);
  std::optional<Space> takeSpace();
  /// The last type among the modifiers, without removing it.
  Type lastType() const;

  size_t operandCount() const { return source.operands.size(); }
  /// Fails unless there are that many operands.
  bool expectOperands(size_t least, size_t most);

  /// Rows. `exact` asks for a register of just that width, as most
  /// instructions do; ld, st and cvt allow wider ones.
  Row read(size_t operand, Type type, bool exact = true);
  Row write(size_t operand, Type type, bool exact = true);
  Row read(const Operand &operand, Type type, bool exact = true);
  Row write(const Operand &operand, Type type, bool exact = true);
  Row readPredicate(const Operand &operand);
  Row writePredicate(const Operand &operand);
  /// Width in bytes of the register named; of the type for other operands.
  unsigned widthOf(const Operand &operand, Type type) const;
  Type registerType(const Operand &operand) const;

  /// {a, b} or a alone as a list.
  std::vector<Operand> elements(size_t operand) const;
  /// Appends rows to Program::rows; inst.list is where the first of them is.
  void addRow(Row row);
  /// [base+offset]: the row of the base, and the offset in inst.immediate.
  Row address(size_t operand, Space space);
  /// The value of an integer operand that must be known now.
  bool constant(size_t operand, int64_t &value);

  void fail(const std::string &message);
  bool failed() const { return !error.empty(); }
  /// Complains about modifiers that nobody took.
  void finish();

  std::string error;
  ProgramBuilder &builder;

private:
  std::vector<std::string_view> modifiers;
  bool hasList = false;
};

/// Collects rows and constants of one Program.
class ProgramBuilder {
public:
  ProgramBuilder(const Module &module, const ModulePlaces &places,
                 const Function &function)
      : module(module), places(places), function(function) {}
  std::optional<Program> build(std::string &error);

  Row newRow(unsigned bytes);
  Row constantRow(uint64_t bits, unsigned bytes);
  Row specialRow(const std::string &name);
  /// The carry that add.cc leaves for addc: a predicate without a name.
  Row carryRow();
  /// Address of the variable that an operand names, in its own space; nothing
  /// where it names none.
  struct Located {
    uint64_t address;
    Space space;
  };
  std::optional<Located> locate(const Operand &operand) const;

  const Module &module;
  const ModulePlaces &places;
  const Function &function;
  Program program;
  std::vector<Row> registerRows;

private:
  void placeParameters();
  void placeVariables();
  bool decode(const Instruction &source, std::string &error);

  std::vector<uint64_t> variablePlaces;
  std::map<std::pair<uint64_t, unsigned>, Row> constants;
  std::unordered_map<std::string, Row> specials;
  uint64_t registerBytes = 0;
  Row carry = kNoRow;
};

/// Bytes that one lane of a register takes in its row.
unsigned laneBytes(Type type);

/// The generic address windows. Global addresses are themselves; the others
/// are windows far from any allocation.
inline constexpr uint64_t kSharedWindow = uint64_t(1) << 40;
inline constexpr uint64_t kLocalWindow = uint64_t(2) << 40;
inline constexpr uint64_t kParamWindow = uint64_t(3) << 40;
inline constexpr uint64_t kWindowSize = uint64_t(1) << 32;
uint64_t windowOf(Space space);

} // namespace attune::gpusim
