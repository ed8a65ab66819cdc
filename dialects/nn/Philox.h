// Philox4x32-10 (Salmon et al., SC 2011), the numbers of nn.random: its
// constants, of which kernels are made, and the plain function that says what
// they must give. (The runtime has its own in attune/format.h: it includes
// nothing of the compiler, and its counters have no step and no id.)
#pragma once

#include <array>
#include <cstdint>

namespace attune::nn {

inline constexpr int kPhiloxRounds = 10;
inline constexpr std::array<uint32_t, 2> kPhiloxMultipliers = {0xD2511F53u,
                                                               0xCD9E8D57u};
inline constexpr std::array<uint32_t, 2> kPhiloxKeySteps = {0x9E3779B9u,
                                                            0xBB67AE85u};

/// Four random words of one counter under one key.
inline std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter,
                                      std::array<uint32_t, 2> key) {
  for (int round = 0; round < kPhiloxRounds; ++round) {
    uint64_t p0 = uint64_t(kPhiloxMultipliers[0]) * counter[0];
    uint64_t p1 = uint64_t(kPhiloxMultipliers[1]) * counter[2];
    counter = {uint32_t(p1 >> 32) ^ counter[1] ^ key[0], uint32_t(p1),
               uint32_t(p0 >> 32) ^ counter[3] ^ key[1], uint32_t(p0)};
    for (int i = 0; i < 2; ++i)
      key[i] += kPhiloxKeySteps[i];
  }
  return counter;
}

/// The uniform number in [0, 1) of element `position` under nn.random's
/// counters; a float holds it exactly.
inline double uniform(uint64_t seed, uint64_t step, uint64_t id,
                      uint64_t position) {
  uint64_t block = position / 4;
  auto words = philox(
      {uint32_t(block), uint32_t(block >> 32), uint32_t(id), uint32_t(step)},
      {uint32_t(seed), uint32_t(seed >> 32)});
  return double(words[position % 4] >> 8) * 0x1p-24;
}

} // namespace attune::nn
