//===- Decoder.cpp - operands and modifiers of one instruction ------------===//
//
// What decoders ask for: modifiers by name, operands as rows.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/machine/Decoder.h"
#include "tests/gpusim/machine/Numbers.h"
#include <algorithm>

namespace attune::gpusim {

uint64_t windowOf(Space space) {
  switch (space) {
  case Space::Shared:
    return kSharedWindow;
  case Space::Local:
    return kLocalWindow;
  case Space::Param:
    return kParamWindow;
  default:
    return 0;
  }
}

/// Predicates are one mask for all lanes; bytes live in 16-bit rows.
unsigned laneBytes(Type type) { return std::max(2u, bytesOf(type)); }

Decoding::Decoding(ProgramBuilder &builder, const Instruction &source)
    : source(source), builder(builder),
      modifiers(source.modifiers.begin(), source.modifiers.end()) {
  inst.line = source.line;
}

void Decoding::fail(const std::string &message) {
  if (error.empty())
    error = "line " + std::to_string(source.line) + ": " + source.fullName() +
            ": " + message;
}

bool Decoding::take(std::string_view modifier) {
  auto found = std::find(modifiers.begin(), modifiers.end(), modifier);
  if (found == modifiers.end())
    return false;
  modifiers.erase(found);
  return true;
}

int Decoding::takeOneOf(std::initializer_list<std::string_view> names) {
  int index = 0;
  for (std::string_view name : names) {
    if (take(name))
      return index;
    ++index;
  }
  return -1;
}

Type Decoding::takeType() {
  for (auto at = modifiers.begin(); at != modifiers.end(); ++at)
    if (auto type = typeNamed(*at)) {
      modifiers.erase(at);
      return *type;
    }
  fail("expected a type");
  return Type::B32;
}

Type Decoding::lastType() const {
  for (size_t i = modifiers.size(); i-- > 0;)
    if (auto type = typeNamed(modifiers[i]))
      return *type;
  return Type::None;
}

std::optional<Space> Decoding::takeSpace() {
  for (auto at = modifiers.begin(); at != modifiers.end(); ++at) {
    std::string_view name = *at;
    if (name == "shared::cta" || name == "param::entry")
      name = name.substr(0, name.find(':'));
    if (auto space = spaceNamed(name)) {
      modifiers.erase(at);
      return space;
    }
  }
  return std::nullopt;
}

void Decoding::finish() {
  if (!modifiers.empty())
    fail("modifier ." + std::string(modifiers.front()) + " is not supported");
}

bool Decoding::expectOperands(size_t least, size_t most) {
  if (operandCount() >= least && operandCount() <= most)
    return true;
  fail("has " + std::to_string(operandCount()) + " operands");
  return false;
}

Type Decoding::registerType(const Operand &operand) const {
  return operand.kind == Operand::RegisterRef
             ? builder.function.registers[operand.index].type
             : Type::None;
}

unsigned Decoding::widthOf(const Operand &operand, Type type) const {
  return operand.kind == Operand::RegisterRef ? laneBytes(registerType(operand))
                                              : laneBytes(type);
}

/// The bits of an immediate as a value of `type`.
static uint64_t immediateBits(const Operand &operand, Type type) {
  bool asDouble = classOf(type) == TypeClass::F64;
  bool asFloat = classOf(type) == TypeClass::F32;
  if (operand.kind == Operand::Float32 && asDouble)
    return std::bit_cast<uint64_t>(double(f32FromBits(uint32_t(operand.bits))));
  if (operand.kind == Operand::Float64 && (asFloat || bitsOf(type) == 32))
    return bitsOfF32(float(std::bit_cast<double>(operand.bits)));
  return operand.bits;
}

Row Decoding::read(const Operand &operand, Type type, bool exact) {
  if (operand.negated)
    fail("only a predicate can be negated");
  if (type == Type::Pred)
    return readPredicate(operand);
  switch (operand.kind) {
  case Operand::RegisterRef: {
    Type own = registerType(operand);
    bool fits =
        exact ? bitsOf(own) == bitsOf(type) : laneBytes(own) >= laneBytes(type);
    if (own == Type::Pred || (!fits && laneBytes(own) != laneBytes(type)))
      fail("register " + builder.function.registers[operand.index].name +
           " is ." + std::string(nameOf(own)) + " where ." +
           std::string(nameOf(type)) + " is needed");
    return builder.registerRows[operand.index];
  }
  case Operand::Integer:
  case Operand::Float32:
  case Operand::Float64:
    if ((operand.kind == Operand::Integer) &&
        (classOf(type) == TypeClass::F32 || classOf(type) == TypeClass::F64))
      fail("an integer where a float is needed");
    return builder.constantRow(immediateBits(operand, type), laneBytes(type));
  case Operand::Special: {
    Row row = builder.specialRow(operand.name);
    if (row == kNoRow)
      fail("special register " + operand.name + " is not supported");
    if (laneBytes(type) != 4)
      fail("special registers are 32 bits wide");
    return row;
  }
  default:
    break;
  }
  if (auto place = builder.locate(operand)) {
    if (laneBytes(type) < 4)
      fail("an address has 32 or 64 bits");
    return builder.constantRow(place->address + uint64_t(operand.offset),
                               laneBytes(type));
  }
  fail("an operand of the wrong kind");
  return 0;
}

Row Decoding::write(const Operand &operand, Type type, bool exact) {
  if (type == Type::Pred)
    return writePredicate(operand);
  if (operand.kind == Operand::Sink)
    return builder.newRow(std::max(8u, laneBytes(type)));
  if (operand.kind != Operand::RegisterRef) {
    fail("the result must be a register");
    return 0;
  }
  return read(operand, type, exact);
}

Row Decoding::read(size_t operand, Type type, bool exact) {
  if (operand < operandCount())
    return read(source.operands[operand], type, exact);
  fail("too few operands");
  return 0;
}

Row Decoding::write(size_t operand, Type type, bool exact) {
  if (operand < operandCount())
    return write(source.operands[operand], type, exact);
  fail("too few operands");
  return 0;
}

Row Decoding::readPredicate(const Operand &operand) {
  if (operand.kind == Operand::Integer)
    return builder.constantRow(operand.bits ? kAllLanes : 0, 0);
  if (registerType(operand) != Type::Pred)
    fail("expected a predicate");
  return operand.kind == Operand::RegisterRef
             ? builder.registerRows[operand.index]
             : 0;
}

Row Decoding::writePredicate(const Operand &operand) {
  if (operand.kind == Operand::Sink)
    return builder.newRow(0);
  if (registerType(operand) != Type::Pred) {
    fail("the result must be a predicate");
    return 0;
  }
  return builder.registerRows[operand.index];
}

std::vector<Operand> Decoding::elements(size_t operand) const {
  if (operand >= operandCount())
    return {};
  const Operand &source = this->source.operands[operand];
  if (source.kind == Operand::Vector)
    return source.elements;
  return {source};
}

void Decoding::addRow(Row row) {
  if (!hasList)
    inst.list = uint32_t(builder.program.rows.size());
  hasList = true;
  builder.program.rows.push_back(row);
}

Row Decoding::address(size_t operand, Space space) {
  if (operand >= operandCount() ||
      source.operands[operand].kind != Operand::Memory) {
    fail("expected an address in brackets");
    return 0;
  }
  const Operand &memory = source.operands[operand];
  const Operand &base = memory.elements[0];
  inst.immediate = memory.offset;
  if (base.kind == Operand::Integer)
    return builder.constantRow(base.bits, 8);
  if (auto place = builder.locate(base)) {
    // A variable's address is in its own space; a generic access wants it in
    // the window of that space.
    uint64_t window = space == Space::Generic ? windowOf(place->space) : 0;
    if (space != Space::Generic && space != place->space)
      fail("variable in ." + std::string(nameOf(place->space)) +
           " accessed as ." + std::string(nameOf(space)));
    return builder.constantRow(place->address + window, 8);
  }
  Type type = registerType(base);
  if (bitsOf(type) != 32 && bitsOf(type) != 64) {
    fail("an address is a register of 32 or 64 bits");
    return 0;
  }
  if (bitsOf(type) == 32 && (space == Space::Generic || space == Space::Global))
    fail("global and generic addresses have 64 bits");
  inst.flags[1] = bitsOf(type) == 32;
  return builder.registerRows[base.index];
}

bool Decoding::constant(size_t operand, int64_t &value) {
  if (operand >= operandCount() ||
      source.operands[operand].kind != Operand::Integer) {
    fail("operand " + std::to_string(operand + 1) + " must be a constant");
    return false;
  }
  value = int64_t(source.operands[operand].bits);
  return true;
}

} // namespace attune::gpusim
