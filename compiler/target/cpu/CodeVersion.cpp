//===- CodeVersion.cpp - the table of code versions -----------------------===//
//
// Register tiles keep every accumulator in a register: rows * panels vectors of
// 16 lanes, the panels' B vectors and one broadcast must fit 32 zmm (v4), 16
// ymm in pairs (v3), 16 xmm in fours (v2). A tile that spills runs at 31-42 %
// of the FMA peak instead of 90. The shorter tiles serve what is left of the
// rows; the one-row tiles take several panels to hide the latency of the FMA.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/CodeVersion.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"

using namespace attune::target::cpu;

static constexpr RegisterTile kTilesV2[] = {{2, 1}, {1, 2}};
static constexpr RegisterTile kTilesV3[] = {{6, 1}, {3, 1}, {1, 3}};
static constexpr RegisterTile kTilesV4[] = {{8, 3}, {4, 3}, {2, 3}, {1, 3}};

static constexpr Machine kMachines[] = {
    {CodeVersion::X86_64_V2,
     "x86-64-v2",
     "nehalem",
     false,
     false,
     false,
     1,
     kTilesV2,
     {2, 1}},
    {CodeVersion::X86_64_V3,
     "x86-64-v3",
     "haswell",
     true,
     false,
     false,
     2,
     kTilesV3,
     {6, 1}},
    {CodeVersion::X86_64_V4,
     "x86-64-v4",
     "skylake-avx512",
     true,
     true,
     true,
     1,
     kTilesV4,
     {6, 4}},
};

const Machine &Machine::get(CodeVersion version) {
  for (const Machine &machine : kMachines)
    if (machine.version == version)
      return machine;
  llvm_unreachable("every code version has a row");
}

llvm::StringRef attune::target::cpu::codeVersionName(CodeVersion version) {
  return Machine::get(version).name;
}

std::optional<CodeVersion>
attune::target::cpu::codeVersionFromName(llvm::StringRef name) {
  for (const Machine &machine : kMachines)
    if (name == machine.name)
      return machine.version;
  return std::nullopt;
}
