//===- Schedule.h - the learning rate of each step ------------------------===//
//
// A function of the step alone, so that a run that was cut off goes on with the
// rates it would have had.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstdint>

namespace attune::train {

enum class ScheduleKind { Constant, Linear, Cosine, Step };

/// What they are called, in the order above.
inline constexpr const char *kScheduleNames[] = {"constant", "linear", "cosine",
                                                 "step"};

struct Schedule {
  ScheduleKind kind = ScheduleKind::Constant;
  double rate = 1e-3;  ///< After the warm-up.
  double least = 0;    ///< At the last step, of Linear and Cosine.
  int64_t steps = 0;   ///< In all, warm-up included.
  int64_t warmup = 0;  ///< Steps over which the rate rises from 0.
  int64_t every = 0;   ///< Of Step: steps between two decays.
  double factor = 0.1; ///< Of Step: what each decay multiplies by.

  /// Of step 1, 2, ...; Loshchilov & Hutter 2017 (cosine).
  double at(int64_t step) const;
};

} // namespace attune::train
