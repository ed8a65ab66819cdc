//===- TrainerOptions.h - what a training is to do ------------------------===//
//
// Plain data between the command line and the trainer.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/train/Dataset.h"
#include "runtime/train/Schedule.h"
#include <map>

namespace attune::train {

struct TrainerOptions {
  uint32_t threads = 0;
  uint64_t seed = 0;
  int64_t batch = 0;      ///< Samples of one call; 0: the model's, else 32.
  int64_t accumulate = 1; ///< Calls whose gradients make one step.
  std::map<std::string, int64_t> sizes; ///< Of the model's dims, by name.
  Schedule schedule;
  DatasetOptions data;
};

} // namespace attune::train
