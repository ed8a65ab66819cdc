//===- Report.h - what a launch did ---------------------------------------===//
//
// The first error, with its place, and counts that a test can hold a kernel to.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attune::gpusim {

enum class ErrorKind : uint8_t {
  BadLaunch,           ///< wrong block size, parameters, shared memory
  OutOfBounds,         ///< outside of every allocation or variable
  Misaligned,          ///< address not a multiple of the access
  ReadOnly,            ///< a store to .const or parameters
  Uninitialised,       ///< a read of bytes that nobody wrote
  Race,                ///< no barrier between two accesses to shared memory
  InFlight,            ///< a target of cp.async touched before it has landed
  UnfinishedCopy,      ///< cp.async not waited for at exit
  InactiveLanes,       ///< a warp-wide instruction without all its lanes
  BarrierMisuse,       ///< wrong count, or threads that left
  Deadlock,            ///< nobody can go on
  TooManyInstructions, ///< an endless loop, most likely
  Trap,                ///< the kernel said trap
};
std::string nameOf(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::BadLaunch;
  std::string message;
  uint32_t line = 0;  ///< of the PTX text, 0 where there is none
  std::string source; ///< that line
  std::array<uint32_t, 3> cta{};
  uint32_t warp = 0, lane = 0;

  /// All of it in one line.
  std::string text() const;
};

/// What one instruction of the text did.
struct LineCount {
  uint32_t line = 0;
  std::string opcode;         ///< "ld.shared.v4.f32"
  uint64_t executed = 0;      ///< by warps
  uint64_t lanes = 0;         ///< active lanes over all of them
  uint64_t wavefronts = 0;    ///< passes through shared memory
  uint64_t conflicts = 0;     ///< of these, beyond the fewest possible
  uint64_t requests = 0;      ///< accesses of warps to global memory
  uint64_t sectors = 0;       ///< sectors of 32 bytes that they touched
  uint64_t sectorsNeeded = 0; ///< the fewest that hold as many bytes
};

struct Report {
  std::optional<Error> error;
  std::vector<LineCount> lines; ///< those that were executed
  uint64_t seed = 0;

  bool ok() const { return !error; }
  /// Sums over the instructions whose name begins with `prefix`.
  LineCount sum(std::string_view prefix = "") const;
  /// "ok", or the text of the error.
  std::string text() const { return error ? error->text() : "ok"; }
};

} // namespace attune::gpusim
