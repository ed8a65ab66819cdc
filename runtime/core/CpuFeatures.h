//===- CpuFeatures.h - what this processor can run ------------------------===//
//
// The format::CpuFeature bits of the processor at hand, less what a mask takes
// away (for tests, and to run as if on an older machine).
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/Error.h"
#include <cstdint>
#include <string>
#include <string_view>

namespace attune::core {

/// Features of processor and operating system together (AVX needs both).
uint64_t detectCpuFeatures();

/// Takes features away. `mask` lists features to drop ("avx512f,fma"; what
/// builds on a dropped feature goes with it) or names the highest level to keep
/// ("x86-64-v3"). An unknown word is an error.
Error applyCpuMask(std::string_view mask, uint64_t &features);

/// "avx512f avx512bw": the names of the bits, for messages.
std::string featureNames(uint64_t features);

/// The highest level that all features reach: "x86-64-v3"; "x86-64" when none.
const char *featureLevel(uint64_t features);

} // namespace attune::core
