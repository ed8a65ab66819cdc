//===- Clock.h - what benchmarks of one thread are timed by
//----------------===//
#pragma once
#include <ctime>

namespace attune::bench {

/// What this thread had of a core: other work on the machine does not count.
inline double threadSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

} // namespace attune::bench
