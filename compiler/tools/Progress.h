// A progress bar on a terminal, for work that takes more than two seconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace attune::tools {

class Progress {
public:
  /// `quiet`, or a standard error that is no terminal, shows nothing.
  Progress(std::string label, bool quiet);
  /// Clears the bar.
  ~Progress();
  void update(uint64_t done, uint64_t all);

private:
  std::string label;
  bool enabled, shown = false;
  std::chrono::steady_clock::time_point start, last;
};

} // namespace attune::tools
