//===- Sampler.cpp - which sample comes when ------------------------------===//
#include "runtime/train/Sampler.h"
#include "attune/format.h"
#include <numeric>
#include <utility>

namespace attune::train {

/// Apart from each other and from what the model draws, which has the seed.
static constexpr uint64_t kWindows = 0x57494E444F575321,
                          kEpochs = 0x45504F4348532121;

/// One of 0 ... n - 1 (Lemire 2019, without the rejection: the bias is below
/// n / 2^64).
static int64_t draw(uint64_t key, uint64_t counter, int64_t n) {
  auto words = format::philox(key, counter);
  uint64_t word = uint64_t(words[1]) << 32 | words[0];
  return int64_t((unsigned __int128)(word)*uint64_t(n) >> 64);
}

/// Fisher & Yates, from the last place down.
void Sampler::shuffle(int64_t epoch) {
  order.resize(size_t(size));
  std::iota(order.begin(), order.end(), 0);
  auto words = format::philox(seed ^ kEpochs, uint64_t(epoch));
  uint64_t key = uint64_t(words[1]) << 32 | words[0];
  for (int64_t last = size - 1; last > 0; --last)
    std::swap(order[size_t(last)],
              order[size_t(draw(key, uint64_t(last), last + 1))]);
  shuffled = epoch;
}

int64_t Sampler::indexOf(int64_t number) {
  if (windowed)
    return draw(seed ^ kWindows, uint64_t(number), size);
  if (number / size != shuffled)
    shuffle(number / size);
  return order[size_t(number % size)];
}

} // namespace attune::train
