//===- Opcodes.h - which decoder an instruction has -----------------------===//
//
// Each family of instructions is a file that offers a table of its opcodes. One
// opcode may have several rows, for different classes of types: add of integers
// and add of f32 are in different files.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/machine/Decoder.h"
#include <span>

namespace attune::gpusim {

using Decode = void (*)(Decoding &);

struct Opcode {
  std::string_view name;
  unsigned classes; ///< a bit per TypeClass, of the last type modifier
  Decode decode;
};

constexpr unsigned bit(TypeClass group) { return 1u << unsigned(group); }
inline constexpr unsigned kAnyClass = ~0u;
inline constexpr unsigned kIntegers =
    bit(TypeClass::Integer) | bit(TypeClass::Bits);

/// Null where no family has the instruction.
Decode findDecoder(std::string_view opcode, TypeClass group);

// The families, each in the file of its name.
std::span<const Opcode> integerOpcodes();
std::span<const Opcode> bitOpcodes();
std::span<const Opcode> floatOpcodes();
std::span<const Opcode> doubleOpcodes();
std::span<const Opcode> halfOpcodes();
std::span<const Opcode> transcendentalOpcodes();
std::span<const Opcode> convertOpcodes();
std::span<const Opcode> compareOpcodes();
std::span<const Opcode> moveOpcodes();
std::span<const Opcode> loadStoreOpcodes();
std::span<const Opcode> atomicOpcodes();
std::span<const Opcode> controlOpcodes();
std::span<const Opcode> barrierOpcodes();
std::span<const Opcode> shuffleOpcodes();
std::span<const Opcode> asyncCopyOpcodes();
std::span<const Opcode> matrixOpcodes();
std::span<const Opcode> mmaOpcodes();

} // namespace attune::gpusim
