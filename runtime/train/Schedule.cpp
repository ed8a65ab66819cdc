//===- Schedule.cpp - the learning rate of each step ----------------------===//
#include "runtime/train/Schedule.h"
#include <algorithm>
#include <cmath>
#include <numbers>

namespace attune::train {

double Schedule::at(int64_t step) const {
  if (step <= warmup)
    return rate * double(step) / double(warmup);
  int64_t after = step - warmup, length = std::max<int64_t>(steps - warmup, 1);
  // 0 at the end of the warm-up, 1 at the last step and beyond.
  double share = std::min(double(after) / double(length), 1.0);
  int64_t decays = every > 0 ? (after - 1) / every : 0;
  switch (kind) {
  case ScheduleKind::Constant:
    return rate;
  case ScheduleKind::Linear:
    return rate + (least - rate) * share;
  case ScheduleKind::Cosine:
    return least +
           (rate - least) * (1 + std::cos(std::numbers::pi * share)) / 2;
  case ScheduleKind::Step:
    return rate * std::pow(factor, double(decays));
  }
  return rate;
}

} // namespace attune::train
