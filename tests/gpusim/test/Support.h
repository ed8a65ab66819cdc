//===- Support.h - what the emulator's tests share ------------------------===//
//
// Small kernels around a few instructions, run on one warp, and the seed.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/Device.h"
#include <gmock/gmock.h>

namespace attune::gpusim::test {

/// ATTUNE_TEST_SEED, or one from the clock; printed once.
uint64_t testSeed();

/// A module of one entry `k`: header, parameters, registers, body.
std::string module(const std::string &parameters, const std::string &body,
                   const std::string &globals = "");

/// The text after loading fails; empty when it does not.
std::string loadError(const std::string &text);

/// Runs `body` on one warp. In it, each of %in0.. holds this lane's value of an
/// input, and what %out holds at the end is returned. Types are register types
/// such as "b32"; values are bits.
struct Lanewise {
  std::string inType = "b32", outType = "b32";
  std::vector<std::vector<uint64_t>> inputs; ///< 32 values each
  std::string registers;                     ///< further declarations
  LaunchOptions options;
};
std::vector<uint64_t> runLanewise(const Lanewise &setup,
                                  const std::string &body);

/// A body with registers %r (b32), %d (b64), %f (f32), %h (b16) and %p (pred),
/// 16 of each, and %tid.x in %r0, run in one block; shared memory is `smem`.
Report runBody(const std::string &body, unsigned threads,
               uint64_t dynamicShared = 0);

/// Whether a launch ended with this error, and a message that holds `text`.
testing::AssertionResult failsWith(const Report &report, ErrorKind kind,
                                   const std::string &text = "");

/// Entry `k` of `text` run in one block.
Report runBlock(const std::string &text, unsigned threads,
                uint64_t dynamicShared = 0, const Arguments &arguments = {},
                Device *device = nullptr);

} // namespace attune::gpusim::test
