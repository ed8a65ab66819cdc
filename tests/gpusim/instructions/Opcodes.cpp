//===- Opcodes.cpp - which decoder an instruction has ---------------------===//
//
// The table of all families.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/Opcodes.h"

namespace attune::gpusim {

static std::unordered_multimap<std::string_view, Opcode> makeTable() {
  std::unordered_multimap<std::string_view, Opcode> table;
  for (std::span<const Opcode> family :
       {integerOpcodes(), bitOpcodes(), floatOpcodes(), doubleOpcodes(),
        halfOpcodes(), transcendentalOpcodes(), convertOpcodes(),
        compareOpcodes(), moveOpcodes(), loadStoreOpcodes(), atomicOpcodes(),
        controlOpcodes(), barrierOpcodes(), shuffleOpcodes(),
        asyncCopyOpcodes(), matrixOpcodes(), mmaOpcodes()})
    for (const Opcode &opcode : family)
      table.emplace(opcode.name, opcode);
  return table;
}

Decode findDecoder(std::string_view opcode, TypeClass group) {
  static const auto table = makeTable();
  auto [first, last] = table.equal_range(opcode);
  for (; first != last; ++first)
    if (first->second.classes & bit(group))
      return first->second.decode;
  return nullptr;
}

} // namespace attune::gpusim
