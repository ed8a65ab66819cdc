//===- Program.h - a kernel decoded once ----------------------------------===//
//
// The compact form that is executed: one Inst per instruction, with a function
// that carries it out and the places of its operands. Every operand is a row of
// 32 lanes in the register file of a warp, immediates and special registers
// included, so that executors know only rows.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/ptx/Module.h"

namespace attune::gpusim {

inline constexpr unsigned kWarpSize = 32;
/// One bit per lane.
using Mask = uint32_t;
inline constexpr Mask kAllLanes = ~Mask(0);
/// Offset of a row in the register file.
using Row = uint32_t;
inline constexpr Row kNoRow = ~Row(0);
inline constexpr uint32_t kNever = ~uint32_t(0);

struct Warp;
struct Inst;
using Execute = void (*)(Warp &, const Inst &, Mask);

struct Inst {
  Execute execute = nullptr;
  uint32_t line = 0;
  Row guard = kNoRow;
  bool guardNegated = false;
  bool aligned = false;         ///< all lanes of the warp must take part
  bool flags[2] = {};           ///< meaning is the executor's
  Space space = Space::Generic; ///< of a memory access
  uint8_t bytes = 0, count = 1; ///< of one element; elements of a vector
  uint8_t kind = 0;             ///< meaning is the executor's
  Row d = kNoRow, a = kNoRow, b = kNoRow, c = kNoRow;
  Row d2 = kNoRow;        ///< second result
  uint32_t list = 0;      ///< further rows: first in Program::rows
  uint32_t target = 0;    ///< of a branch
  uint32_t join = kNever; ///< where a branch's paths meet again
  int32_t offset2 = 0;    ///< of a second address
  int64_t immediate = 0;
};

enum class SpecialKind : uint8_t {
  Tid,
  Ntid,
  Ctaid,
  Nctaid,
  LaneId,
  WarpId,
  NWarpId,
  LaneMaskEq,
  LaneMaskLt,
  LaneMaskLe,
  LaneMaskGt,
  LaneMaskGe,
  DynamicSharedSize,
  TotalSharedSize,
  WarpSize,
};

/// A special register that the program reads.
struct SpecialRow {
  SpecialKind kind;
  uint8_t dimension; ///< x, y, z
  Row row;
};

/// A local variable of a thread, or a parameter: where it lies.
struct Place {
  uint64_t offset = 0, size = 0;
};

struct Program {
  std::string name;
  std::vector<Inst> code;
  std::vector<std::string> opcodes;                ///< of each Inst, in full
  std::vector<Row> rows;                           ///< operand lists
  std::vector<std::vector<uint32_t>> branchTables; ///< targets
  std::vector<SpecialRow> specials;
  /// The register file before the first instruction: immediates in their
  /// rows, all else all ones, which is NaN in every float type.
  std::vector<std::byte> registers;
  std::vector<Variable> parameters;
  std::vector<Place> parameterPlaces;
  uint64_t parameterBytes = 0;
  uint64_t staticShared = 0, localBytes = 0;
  std::array<uint32_t, 3> requiredBlock{}, maximumBlock{};
};

} // namespace attune::gpusim
