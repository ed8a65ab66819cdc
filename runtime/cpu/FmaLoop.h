//===- FmaLoop.h - what the processor can do at most ----------------------===//
//
// The float32 multiply-add rate of one ISA level, measured by a loop of
// independent multiply-adds: the denominator of every share of peak. The loop
// is itself checked against lanes x clock.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstdint>

namespace attune::cpu {

enum class Isa : uint8_t {
  Sse,    ///< 4 lanes, multiply and add apart
  Avx2,   ///< 8 lanes, fused
  Avx512, ///< 16 lanes, fused
};

/// "sse", "avx2", "avx512": the `isa` field of JSON records.
const char *isaName(Isa isa);
/// The ISA of a code version's CPU features (format::CpuFeature).
Isa isaOf(uint64_t features);
/// float32 lanes of one register.
int isaLanes(Isa isa);

struct PeakSample {
  double gflops = 0;        ///< Of one thread, multiply and add counted.
  double clockGhz = 0;      ///< From a chain of multiplies, beside it.
  double flopsPerCycle = 0; ///< The ratio of both.
};

/// Some 2 ms of the loop on the calling thread, in thread CPU time, so that
/// other load on the machine does not count. The processor must have the ISA.
PeakSample measurePeak(Isa isa);

/// The rate in GFLOP/s of wall time that `threads` threads reach together:
/// less than threads times one where they share cores or clock.
double measurePeakOfThreads(Isa isa, uint32_t threads);

/// True when flopsPerCycle is within 10 % of one or two full-width units, which
/// is what every x86-64 core so far has.
bool isPlausible(Isa isa, const PeakSample &sample);

} // namespace attune::cpu
