//===- Launch.h - a grid while it runs ------------------------------------===//
//
// Enters: a Program, its parameters and a grid. Leaves: changed device memory,
// counts per instruction and the first error. CTAs and warps take turns at
// random, from a seed, so that the order in which they run is never the same
// one and can always be repeated.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/machine/ControlFlow.h"
#include "tests/gpusim/machine/DeviceMemory.h"
#include "tests/gpusim/machine/Warp.h"
#include <optional>
#include <random>

namespace attune::gpusim {

struct InstCount {
  uint64_t executed = 0, lanes = 0;
  uint64_t wavefronts = 0, conflicts = 0;
  uint64_t requests = 0, sectors = 0, sectorsNeeded = 0;
};

/// Whose tensor cores mma.sync adds like. Hopper's is confirmed by hardware.
enum class TensorCore : uint8_t { Hopper, Ampere };

struct LaunchOptions {
  uint64_t seed = 0;
  TensorCore tensorCore = TensorCore::Hopper;
  /// Reads of device memory that nobody wrote are errors.
  bool checkUninitialisedGlobal = true;
  /// CTAs that run side by side.
  unsigned residentCtas = 2;
  uint64_t maxInstructions = uint64_t(1) << 32; ///< of warps, in all
  uint64_t maxSharedBytes = 163 * 1024;         ///< what sm_80 has
};

/// One of a CTA's sixteen named barriers, from its first arrival on.
struct Barrier {
  struct Waiter {
    uint32_t warp, path;
    Row result; ///< of a reduction
    bool predicateResult;
  };
  uint32_t expected = 0; ///< threads; 0: nobody has arrived
  uint32_t arrived = 0;
  uint32_t line = 0;
  uint32_t warps = 0; ///< that have arrived
  VectorClock joined{};
  std::vector<Waiter> waiting;
  uint32_t reduced = 0; ///< popc, or, and of the predicates
};

struct Cta {
  Cta(Launch &launch, std::array<uint32_t, 3> id);

  Launch &launch;
  std::array<uint32_t, 3> id;
  SharedMemory shared;
  std::vector<Warp> warps;
  std::array<Barrier, 16> barriers{};
  uint32_t epoch = 1; ///< clocks handed out so far

  bool done() const;
  /// One turn of a warp chosen at random; an error where none can run.
  void step();
  uint32_t threads() const;

private:
  void startWarp(Warp &warp, uint32_t index);
  void reportStuck();
};

struct Launch {
  Launch(const Program &program, DeviceMemory &memory,
         const std::vector<std::string_view> &sourceLines,
         const LaunchOptions &options);

  const Program &program;
  DeviceMemory &memory;
  const std::vector<std::string_view> &sourceLines;
  LaunchOptions options;
  std::array<uint32_t, 3> grid{}, block{};
  uint64_t dynamicShared = 0;
  std::vector<std::byte> parameters;
  std::vector<InstCount> counts;
  uint64_t executed = 0;
  std::optional<Error> error;

  void run();
  std::string sourceLine(uint32_t line) const;
  uint64_t random() { return generator(); }

private:
  bool check();
  void fail(std::string message);

  std::minstd_rand generator;
};

} // namespace attune::gpusim
